use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::{Failure, Policies, Retry, RetryBudget, RetryStats, Throttle};
use crate::client::replay::Limits;

/// Attempts that a policy may have at most, unless the client says otherwise. Source: gRFC A6, "Limits on Retries and Hedges".
const ATTEMPT_LIMIT: u32 = 5;
/// What is kept of one request, in bytes, as in grpc-go and the C core.
const CALL_BUFFER: usize = 256 * 1024;
/// What is kept of all requests of a channel, in bytes, as in grpc-java.
const CHANNEL_BUFFER: usize = 16 * 1024 * 1024;

/// Retries and hedges calls. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct RetryLayer {
    config: Config,
    call_buffer: usize,
    channel_buffer: usize,
}

/// What all calls of a channel share.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) policies: Arc<dyn Policies>,
    pub(super) throttle: Option<Arc<Throttle>>,
    pub(super) budget: Option<Arc<RetryBudget>>,
    pub(super) retry_if: Option<Arc<RetryIf>>,
    pub(super) attempt_limit: u32,
    pub(super) limits: Limits,
    pub(super) stats: Arc<RetryStats>,
}

type RetryIf = dyn Fn(&Failure<'_>) -> bool + Send + Sync;

impl RetryLayer {
    /// Retries and hedges as `policies` say.
    pub fn new(policies: impl Policies) -> Self {
        let config = Config {
            policies: Arc::new(policies),
            throttle: None,
            budget: None,
            retry_if: None,
            attempt_limit: ATTEMPT_LIMIT,
            limits: Limits::new(CALL_BUFFER, CHANNEL_BUFFER),
            stats: Arc::default(),
        };
        Self { config, call_buffer: CALL_BUFFER, channel_buffer: CHANNEL_BUFFER }
    }

    /// The throttle of policies that bring none of their own.
    #[must_use]
    pub fn throttle(mut self, throttle: Arc<Throttle>) -> Self {
        self.config.throttle = Some(throttle);
        self
    }

    /// Bounds the retries and hedges of all methods together. Default: no bound but the throttle.
    #[must_use]
    pub fn budget(mut self, budget: Arc<RetryBudget>) -> Self {
        self.config.budget = Some(budget);
        self
    }

    /// Attempts of one call that no policy exceeds, the first included; 1 switches retries and hedges off. Default: 5.
    ///
    /// The policies may come from a stranger, by DNS, and this is the client's own word. Source: gRFC A6, "Limits on Retries and Hedges".
    #[must_use]
    pub fn attempt_limit(mut self, attempts: u32) -> Self {
        self.config.attempt_limit = attempts;
        self
    }

    /// What is kept of one request, in bytes; one that has sent more cannot be sent again. Default: 256 KiB.
    #[must_use]
    pub fn call_buffer(mut self, bytes: usize) -> Self {
        self.call_buffer = bytes;
        self.config.limits = Limits::new(self.call_buffer, self.channel_buffer);
        self
    }

    /// What is kept of all requests of the channel, in bytes. Default: 16 MiB.
    #[must_use]
    pub fn channel_buffer(mut self, bytes: usize) -> Self {
        self.channel_buffer = bytes;
        self.config.limits = Limits::new(self.call_buffer, self.channel_buffer);
        self
    }

    /// Has a say before the policy: a failure for which this is false is final, and does not count for the throttle.
    ///
    /// For failures that look like others but must not be retried: a load balancer that drops a call on purpose has it fail UNAVAILABLE, and
    /// marks the status by a source or by metadata. Source: gRFC A6, "Transparent Retries", on drops.
    #[must_use]
    pub fn retry_if(
        mut self,
        retry_if: impl Fn(&Failure<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.config.retry_if = Some(Arc::new(retry_if));
        self
    }

    /// What is kept of all requests now, in bytes.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.config.limits.used()
    }

    /// What the services of this layer have done, all together.
    pub fn stats(&self) -> Arc<RetryStats> {
        self.config.stats.clone()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, Arc::new(self.config.clone()))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut config = formatter.debug_struct("Config");
        config.field("throttle", &self.throttle).field("budget", &self.budget);
        config.field("attempt_limit", &self.attempt_limit).field("limits", &self.limits);
        config.finish_non_exhaustive()
    }
}
