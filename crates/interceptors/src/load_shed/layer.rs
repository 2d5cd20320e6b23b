use std::sync::Arc;

use http::Request;
use tokio::time::Duration;
use tonic::Code;
use tower_layer::Layer;

use super::limiter::{InFlight, Limiter};
use super::{Limit, Load};
use crate::admission::{Admission, Admit, Refusal, all_but, jittered};
use crate::selector::{HEALTH, REFLECTION, REFLECTION_V1ALPHA, Selector};

/// When a refused call should come back: in the next window the limit may be another.
const COME_BACK: Duration = Duration::from_millis(100);

/// Bounds the calls in flight. See the [module docs](super).
///
/// All services that a layer and its clones make share the limits.
#[derive(Clone, Debug)]
pub struct LoadShedLayer {
    limits: Arc<Limits>,
}

impl LoadShedLayer {
    /// One limit for all calls together but health checks and reflection, by which an orchestrator and an operator look at a server that is busy.
    pub fn new(limit: Limit) -> Self {
        Self::per_method(all_but(&[HEALTH, REFLECTION, REFLECTION_V1ALPHA], limit))
    }

    /// A limit for all calls together of the methods that share an entry; `None` exempts.
    pub fn per_method(limits: impl Into<Selector<Option<Limit>>>) -> Self {
        let made = |limit| Arc::new(Limiter::new(limit));
        Self { limits: Arc::new(Limits(limits.into().map(|limit| limit.map(made)))) }
    }

    /// What the limit of a method does now. None if the method is exempt. A path that no entry names, such as an empty one, has the default.
    pub fn load(&self, path: &str) -> Option<Load> {
        self.limits.0.get(path).as_ref().map(|limiter| limiter.load())
    }
}

/// The service of [`LoadShedLayer`].
pub type LoadShed<S> = Admission<S, LoadShedLayer>;

impl<S> Layer<S> for LoadShedLayer {
    type Service = LoadShed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(inner, self.clone())
    }
}

impl Admit for LoadShedLayer {
    type Permit = Option<InFlight>;

    fn admit<B>(&self, request: &Request<B>) -> Result<Option<InFlight>, Refusal> {
        self.limits.admit(request)
    }
}

/// The limit of each method.
#[derive(Debug)]
pub(super) struct Limits(Selector<Option<Arc<Limiter>>>);

impl Limits {
    /// Counts a call, or says what to answer. A call that is exempt is not counted.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<Option<InFlight>, Refusal> {
        let Some(limiter) = self.0.get(request.uri().path()) else { return Ok(None) };
        limiter.admit().map(Some).ok_or_else(|| Refusal {
            code: Code::Unavailable,
            message: "the server is overloaded, please retry later".to_owned(),
            retry_after: Some(jittered(COME_BACK)),
        })
    }
}
