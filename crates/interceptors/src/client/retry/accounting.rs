use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use tonic::{Code, Status};

use super::layer::Config;
use super::pushback::Pushback;
use super::{MethodPolicy, Throttle};
use crate::client::Codes;
use crate::client::circuit_breaker::CircuitOpen;
use crate::client::observe::{Ending, Watcher};

/// An attempt that failed, as [`RetryLayer::retry_if`](super::RetryLayer::retry_if) sees it.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The code.
    pub code: Code,
    /// The trailers of a Trailers-Only response, or the metadata of the status.
    pub metadata: &'a HeaderMap,
    /// The status, when the attempt failed without a response; its source may tell more than its code.
    pub status: Option<&'a Status>,
}

impl Failure<'_> {
    /// Whether a circuit breaker below has refused the call: it does so to relieve the server, and a retry would be refused as well.
    fn is_refused_below(&self) -> bool {
        let source = self.status.and_then(std::error::Error::source);
        source.is_some_and(|source| source.is::<CircuitOpen>())
    }
}

/// What the outcome of a call does to the throttle. Every call of the channel counts, those without a policy too.
pub struct Accounting {
    config: Arc<Config>,
    throttle: Option<Arc<Throttle>>,
    codes: Codes,
}

impl Accounting {
    pub(super) fn new(config: Arc<Config>, policy: Option<&MethodPolicy>) -> Self {
        let throttle = config.policies.throttle().or_else(|| config.throttle.clone());
        Self { config, throttle, codes: policy.map(MethodPolicy::codes).unwrap_or_default() }
    }

    pub(super) fn succeeded(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.succeeded();
        }
    }

    /// Whether the throttle allows another attempt after a failure; none when nothing allows one, and the failure does not count.
    pub(super) fn failed(&self, failure: &Failure<'_>, pushback: Pushback) -> Option<bool> {
        let refused = self.config.retry_if.as_ref().is_some_and(|retry_if| !retry_if(failure));
        if refused || failure.is_refused_below() {
            return None;
        }
        let Some(throttle) = &self.throttle else { return Some(true) };
        let counts = self.codes.contains(failure.code) || pushback == Pushback::Never;
        Some(if counts { throttle.failed() } else { throttle.allows() })
    }

    /// Whether the throttle allows an attempt that follows no failure.
    pub(super) fn allows_hedge(&self) -> bool {
        self.throttle.as_ref().is_none_or(|throttle| throttle.allows())
    }
}

impl Watcher for Accounting {
    fn ended(self, ending: Ending<'_>) {
        let none = HeaderMap::new();
        let (metadata, status) = match ending {
            // Says nothing about the server.
            Ending::Dropped => return,
            Ending::Status { code: Code::Ok, .. } => return self.succeeded(),
            Ending::Status { metadata, .. } => (metadata, None),
            Ending::Failed(status) => (status.metadata().as_ref(), Some(status)),
            Ending::Truncated => (&none, None),
        };
        self.failed(&Failure { code: ending.code(), metadata, status }, Pushback::of(metadata));
    }
}

impl fmt::Debug for Accounting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut accounting = formatter.debug_struct("Accounting");
        accounting.field("throttle", &self.throttle).field("codes", &self.codes);
        accounting.finish_non_exhaustive()
    }
}
