use std::fmt;
use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, header};
use tokio::time::Duration;
use tonic::Status;
use tower_layer::Layer;

use super::tokens::Tokens;
use super::{Auth, TokenSource};
use crate::client::replay::Limits;

/// How long before a token expires it is renewed, unless told otherwise.
const AHEAD: Duration = Duration::from_secs(60);
/// What is kept of one request, and of all together, to send it once more after UNAUTHENTICATED.
const CALL_BUFFER: usize = 256 * 1024;
const CHANNEL_BUFFER: usize = 16 * 1024 * 1024;

/// Puts a bearer token on each call. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct AuthLayer {
    settings: Settings,
}

/// What all services of a layer share.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) tokens: Arc<Tokens>,
    pub(super) limits: Limits,
    encrypted: bool,
    unencrypted_allowed: bool,
    methods: Option<Arc<Selector>>,
}

type Selector = dyn Fn(&str) -> bool + Send + Sync;

impl AuthLayer {
    /// Tokens of `source`, renewed 60 s before they expire, on the calls of every method.
    pub fn new(source: impl TokenSource) -> Self {
        Self::renewing(source, AHEAD)
    }

    /// As [`new`](Self::new), renewed so long before they expire; at half of their lifetime, if that is later.
    pub fn renewing(source: impl TokenSource, ahead: Duration) -> Self {
        let settings = Settings {
            tokens: Arc::new(Tokens::new(source, ahead)),
            limits: Limits::new(CALL_BUFFER, CHANNEL_BUFFER),
            encrypted: false,
            unencrypted_allowed: false,
            methods: None,
        };
        Self { settings }
    }

    /// The channel below is encrypted. A layer cannot see that by itself, since a generated client gives its requests a path only; a request
    /// with a scheme is judged by that.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.settings.encrypted = true;
        self
    }

    /// Sends tokens over connections that anybody on the way can read: for a development machine.
    #[must_use]
    pub fn allow_unencrypted(mut self) -> Self {
        self.settings.unencrypted_allowed = true;
        self
    }

    /// Only the methods for whose path this is true get a token. Default: every method.
    #[must_use]
    pub fn for_methods(mut self, select: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.settings.methods = Some(Arc::new(select));
        self
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth::new(inner, Arc::new(self.settings.clone()))
    }
}

impl Settings {
    /// Whether a call gets a token.
    ///
    /// # Errors
    /// When it should but must not.
    pub(super) fn applies<B>(&self, request: &Request<B>) -> Result<bool, Status> {
        let selected = |select: &Arc<Selector>| select(request.uri().path());
        if request.headers().contains_key(header::AUTHORIZATION)
            || !self.methods.as_ref().is_none_or(selected)
        {
            return Ok(false);
        }
        let scheme = request.uri().scheme();
        let encrypted = scheme.map_or(self.encrypted, |scheme| *scheme == Scheme::HTTPS);
        if encrypted || self.unencrypted_allowed {
            Ok(true)
        } else {
            Err(Status::unauthenticated("a token is not sent over an unencrypted connection"))
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut settings = formatter.debug_struct("Settings");
        settings.field("tokens", &self.tokens).field("encrypted", &self.encrypted);
        settings.field("unencrypted_allowed", &self.unencrypted_allowed).finish_non_exhaustive()
    }
}
