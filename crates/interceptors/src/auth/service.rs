use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, header};
use tonic::Status;
use tower_service::Service;

use super::policy::Rule;
use super::{Identity, Policy, Rejection, ResponseFuture, Verifier, bearer};
use crate::grpc_only::is_grpc;
use crate::observe::CallRecord;
use crate::or_empty::OrEmpty;

/// The service of [`AuthLayer`](super::AuthLayer).
#[derive(Clone, Debug)]
pub struct AuthService<S> {
    inner: S,
    /// None: every call passes.
    guarding: Option<Arc<Guarding>>,
}

/// What all clones of a service share.
#[derive(Debug)]
pub(super) struct Guarding {
    pub(super) verifier: Arc<Verifier>,
    pub(super) policy: Policy,
}

impl<S> AuthService<S> {
    pub(super) fn new(inner: S, guarding: Option<Arc<Guarding>>) -> Self {
        Self { inner, guarding }
    }
}

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<OrEmpty<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        bearer::hide(request.headers_mut());
        let Some(guarding) = &self.guarding else {
            return ResponseFuture::allowed(self.inner.call(request));
        };
        match guarding.admit(&mut request) {
            Ok(()) => ResponseFuture::allowed(self.inner.call(request)),
            Err(Refusal::UnknownKey) => {
                let guarding = guarding.clone();
                self.wait_for_keys(guarding, request)
            }
            Err(refusal) => ResponseFuture::refused(refusal, is_grpc(request.headers())),
        }
    }
}

impl<S: Clone> AuthService<S> {
    /// The key of the token may be one that the issuer has just begun to use.
    fn wait_for_keys<B, F>(
        &mut self,
        guarding: Arc<Guarding>,
        request: Request<B>,
    ) -> ResponseFuture<S, B, F> {
        let Some(refreshed) = guarding.verifier.keys().refresh() else {
            return ResponseFuture::refused(Refusal::Unauthenticated, is_grpc(request.headers()));
        };
        // It is this instance that was polled ready, so it is the one that is kept for the call; a clone has to be polled again.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::waiting(ready, request, guarding, Box::pin(refreshed))
    }
}

/// Why a call does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not known who calls.
    Unauthenticated,
    /// The same, unless the keys are out of date.
    UnknownKey,
    /// Whoever it is may not.
    PermissionDenied,
}

impl Guarding {
    /// Looks at the policy and the token, and puts the [`Identity`] into the extensions.
    pub(super) fn admit<B>(&self, request: &mut Request<B>) -> Result<(), Refusal> {
        let path = request.uri().path();
        let rule = self.policy.rule(path);
        match rule {
            Rule::Public => return Ok(()),
            Rule::Denied => {
                tracing::debug!(
                    method = path,
                    "refused: the policy does not allow the method to anybody"
                );
                return Err(Refusal::PermissionDenied);
            }
            Rule::Authenticated | Rule::Roles(_) => {}
        }
        let checked =
            bearer::token(request.headers()).and_then(|token| self.verifier.check_bytes(token));
        let identity: Identity = match checked {
            Ok(identity) => identity,
            Err(reason) => {
                tracing::debug!(method = path, %reason, "refused: no good token");
                let unknown_key = reason == Rejection::UnknownKey;
                return Err(if unknown_key {
                    Refusal::UnknownKey
                } else {
                    Refusal::Unauthenticated
                });
            }
        };
        // Of a call that is refused, it is all the more worth knowing who made it.
        if let Some(record) = request.extensions().get::<CallRecord>() {
            record.set_identity(&identity);
        }
        if !rule.allows(&identity) {
            tracing::debug!(
                method = path,
                subject = identity.subject(),
                "refused: none of the roles"
            );
            return Err(Refusal::PermissionDenied);
        }
        request.extensions_mut().insert(identity);
        Ok(())
    }
}

impl Refusal {
    /// The answer. It is the same for every cause, so that it helps nobody to find out what a better forgery would look like.
    pub(super) fn response(self, grpc: bool) -> Response<()> {
        let (status, plain) = match self {
            Self::Unauthenticated | Self::UnknownKey => {
                (Status::unauthenticated("the call needs a valid token"), StatusCode::UNAUTHORIZED)
            }
            Self::PermissionDenied => {
                (Status::permission_denied("the call is not allowed"), StatusCode::FORBIDDEN)
            }
        };
        let mut response = Response::new(());
        if grpc {
            response = status.into_http();
        } else {
            *response.status_mut() = plain;
        }
        if plain == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
