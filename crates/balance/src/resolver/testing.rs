//! What the tests of resolvers share.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tonic::Status;

use super::{NextResolution, ResolveNow, Resolver};
use crate::Endpoint;

/// Endpoints with one address each: `10.0.0.N:1`.
pub(super) fn endpoints(numbers: impl IntoIterator<Item = u8>) -> Vec<Endpoint> {
    let endpoint = |n| {
        let address = SocketAddr::from(([10, 0, 0, n], 1));
        Endpoint::new(address, address.to_string().parse().unwrap())
    };
    numbers.into_iter().map(endpoint).collect()
}

/// Answers at once what it was made with, in turn, and then waits for ever.
#[derive(Debug)]
pub(super) struct Scripted(pub(super) VecDeque<Result<Vec<Endpoint>, Status>>);

impl Resolver for Scripted {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async {
            match self.0.pop_front() {
                Some(answer) => answer.map(Into::into),
                None => std::future::pending().await,
            }
        })
    }
}
