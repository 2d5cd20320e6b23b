use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::accounting::Accounting;
use super::call::Call;
use super::layer::Config;
use super::{MethodPolicy, NotIdempotent, ResponseFuture};
use crate::client::observe::{BoxError, ObservedBody, status_of};

/// The service of [`RetryLayer`](super::RetryLayer).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Retry<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    /// The policy by which a request may be sent more than once.
    fn repeats<B>(
        &self,
        policy: Option<MethodPolicy>,
        request: &Request<B>,
    ) -> Option<MethodPolicy> {
        policy.filter(|policy| {
            let once = request.extensions().get::<NotIdempotent>().is_some();
            !once && policy.max_attempts().min(self.config.attempt_limit) > 1
        })
    }
}

impl<S, R> Service<Request<Body>> for Retry<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ObservedBody<R, Accounting>>;
    type Error = Status;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx).map_err(status_of)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.config.stats.called();
        if let Some(budget) = &self.config.budget {
            budget.deposit();
        }
        let policy = self.config.policies.policy(request.uri().path());
        let accounting = Accounting::new(self.config.clone(), policy.as_ref());
        match self.repeats(policy, &request) {
            None => ResponseFuture::once(self.inner.call(request), accounting),
            Some(policy) => {
                // The one that was polled ready makes the first attempt; further ones are made by clones, which wait until they are.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let call = Call::new(ready, request, policy, self.config.clone(), accounting);
                ResponseFuture::repeated(call)
            }
        }
    }
}
