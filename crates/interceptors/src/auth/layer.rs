use std::sync::Arc;

use tower_layer::Layer;

use super::service::Guarding;
use super::{AuthService, Policy, Verifier};

/// Lets the calls pass that a [`Policy`] allows. See the [module docs](super).
///
/// It goes inside whatever renames paths, as the policy names the methods that are served.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    guarding: Option<Arc<Guarding>>,
}

impl AuthLayer {
    /// Asks the verifier, which several servers may share, who calls, and the policy whether they may.
    pub fn new(verifier: impl Into<Arc<Verifier>>, policy: Policy) -> Self {
        Self { guarding: Some(Arc::new(Guarding { verifier: verifier.into(), policy })) }
    }

    /// Lets every call pass and looks at no token: for a server that knows its callers in another way.
    pub fn off() -> Self {
        Self { guarding: None }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService::new(inner, self.guarding.clone())
    }
}
