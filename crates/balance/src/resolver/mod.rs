//! From a target's name to whole lists of endpoints.
//!
//! The scheme of the [`Target`](crate::Target) says in the [`Registry`] what finds them: a [`Resolver`], which the channel asks again and again in a
//! task of its own. A resolver knows nothing of connections. It never fails for good: while it fails, what it has said last stays in use.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tonic::Status;

use crate::{Endpoint, ServiceConfig, ServiceConfigError};

mod dns;
mod driver;
mod fixed;
mod manual;
mod registry;
#[cfg(test)]
mod testing;

pub(crate) use driver::drive;
pub use manual::{ManualHandle, ManualResolver, manual};
pub use registry::{ChooseServiceConfig, Registry, ResolverOptions};

/// What a resolver found: always the whole list, never a difference.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Every endpoint of the target. An empty list is an answer too: there is none.
    pub endpoints: Vec<Endpoint>,
    /// The service config that the name service has for the target, if it has one; an invalid one leaves the last good one in use (gRFC A21).
    pub service_config: Option<Result<ServiceConfig, ServiceConfigError>>,
}

impl From<Vec<Endpoint>> for Resolution {
    fn from(endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints, service_config: None }
    }
}

/// The next answer of a [`Resolver`].
pub type NextResolution<'a> = Pin<Box<dyn Future<Output = Result<Resolution, Status>> + Send + 'a>>;

/// Finds the endpoints of one target, for one channel. It runs in a task of its own, which ends with the channel.
pub trait Resolver: Send + fmt::Debug + 'static {
    /// The next answer: at once when asked for the first time, then whenever there is news, or `resolve_now` says that somebody wants some.
    ///
    /// After an error it is asked again when the channel's backoff has passed; the endpoints that are known stay in use.
    fn next<'a>(&'a mut self, resolve_now: &'a ResolveNow) -> NextResolution<'a>;
}

/// What a [`Resolver`] fails with when the name service has answered that there is no such name: the source of its status. Its code is UNAVAILABLE as that of any
/// other failure, since a call must not end with the NOT_FOUND of a name service (gRFC A54).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such name")]
pub struct NoSuchName;

impl NoSuchName {
    /// UNAVAILABLE with this cause.
    pub fn status(message: impl Into<String>) -> Status {
        let mut status = Status::unavailable(message);
        status.set_source(Arc::new(Self));
        status
    }

    /// Whether this is why a resolver has failed.
    pub fn is_cause_of(status: &Status) -> bool {
        status.source().is_some_and(|source| source.is::<Self>())
    }
}

/// How a channel tells its resolver that the list may be out of date: a connection was lost, or could not be made.
#[derive(Debug, Default)]
pub struct ResolveNow(Notify);

impl ResolveNow {
    /// Waits until the channel wants an answer. Wishes that come while nobody waits are kept, as one.
    pub async fn wanted(&self) {
        self.0.notified().await;
    }

    /// Says that the list may be out of date. Never waits.
    pub fn want(&self) {
        self.0.notify_one();
    }
}
