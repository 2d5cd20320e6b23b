//! Targets that hold their addresses, so that there is nothing to find: `ipv4`, `ipv6`, `static`, `unix`, `unix-abstract`.

use super::{NextResolution, ResolveNow, Resolver, ResolverOptions};
use crate::naming::{HostPort, LOCALHOST, Place};
use crate::{Endpoint, Target, TargetError};

/// Answers once, and then waits for ever: there will be no news.
#[derive(Debug)]
pub(super) struct Fixed {
    endpoints: Option<Vec<Endpoint>>,
}

impl Fixed {
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints: Some(endpoints) }
    }
}

impl Resolver for Fixed {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async {
            match self.endpoints.take() {
                Some(endpoints) => Ok(endpoints.into()),
                None => std::future::pending().await,
            }
        })
    }
}

pub(super) fn build(
    target: &Target,
    _: &ResolverOptions,
) -> Result<Box<dyn Resolver>, TargetError> {
    let endpoint = |one: &HostPort| Endpoint::new(one.address(), one.authority.clone());
    let endpoints = match target.place() {
        Place::List(list) => list.iter().map(endpoint).collect(),
        Place::Socket(address) => vec![Endpoint::new(address.clone(), LOCALHOST)],
        Place::Dns { .. } | Place::Other => {
            return Err(TargetError::invalid(target.scheme(), target, "has no list of addresses"));
        }
    };
    Ok(Box::new(Fixed::new(endpoints)))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_list_is_answered_once_each_address_an_endpoint() {
        for (target, expected) in [
            (
                "ipv4:10.0.0.1:1,10.0.0.2",
                &[("10.0.0.1:1", "10.0.0.1:1"), ("10.0.0.2:443", "10.0.0.2")][..],
            ),
            ("ipv6:[::1]:1", &[("[::1]:1", "[::1]:1")]),
            ("static:greet:1,10.0.0.1:2", &[("greet:1", "greet:1"), ("10.0.0.1:2", "10.0.0.1:2")]),
            ("unix:/run/greet.sock", &[("unix:/run/greet.sock", "localhost")]),
        ] {
            let mut resolver =
                build(&target.parse().unwrap(), &ResolverOptions::default()).unwrap();
            let resolve_now = ResolveNow::default();
            let answer = resolver.next(&resolve_now).now_or_never().expect(target).unwrap();
            let found: Vec<_> = answer
                .endpoints
                .iter()
                .map(|endpoint| (endpoint.addresses[0].to_string(), endpoint.authority.to_string()))
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(one, other)| (one.to_string(), other.to_string())).collect();
            assert_eq!(found, expected, "{target}");
            resolve_now.want();
            assert!(resolver.next(&resolve_now).now_or_never().is_none(), "{target} has no news");
        }
    }
}
