use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response, header};
use tokio::time::timeout_at;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::util::Oneshot;
use tower_service::Service;

use super::layer::Settings;
use super::tokens::{Numbered, Tokens};
use crate::client::head::Head;
use crate::client::observe::{BoxError, head_code, status_of};
use crate::client::replay::Replay;
use crate::client::retry::NotIdempotent;
use crate::deadline::EXCEEDED;

/// A call with a token, and perhaps once more with a newer one.
pub(super) struct Call<S: Service<Request<Body>>, R> {
    service: S,
    head: Head,
    replay: Replay,
    tokens: Arc<Tokens>,
    /// The number of the token that was sent last; 0: none yet.
    token: u64,
    may_repeat: bool,
    attempts: usize,
    step: Step<S>,
    /// The answer UNAUTHENTICATED, for the caller if there is no newer token.
    refusal: Option<Result<Response<R>, Status>>,
}

enum Step<S: Service<Request<Body>>> {
    /// Not polled yet.
    Start,
    /// Waits for a token.
    Token(Pin<Box<dyn Future<Output = Result<Numbered, Status>> + Send>>),
    /// Was sent.
    Sent(Pin<Box<Oneshot<S, Request<Body>>>>),
}

impl<S: Service<Request<Body>>, R> Call<S, R> {
    pub(super) fn new(service: S, request: Request<Body>, settings: &Settings) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            service,
            may_repeat: parts.extensions.get::<NotIdempotent>().is_none(),
            head: Head::new(parts),
            replay: Replay::new(body, &settings.limits),
            tokens: settings.tokens.clone(),
            token: 0,
            attempts: 0,
            step: Step::Start,
            refusal: None,
        }
    }

    /// Waits for a token that is newer than the one that was sent, as long as the call may take.
    fn wait_for_token(&self) -> Step<S> {
        let tokens = self.tokens.clone().get(self.token);
        Step::Token(match self.head.deadline() {
            None => Box::pin(tokens),
            Some(deadline) => Box::pin(async move {
                let late = |_| Err(Status::deadline_exceeded(EXCEEDED));
                timeout_at(deadline, tokens).await.unwrap_or_else(late)
            }),
        })
    }
}

impl<S, R> Call<S, R>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<R>, Status>> {
        loop {
            self.step = match &mut self.step {
                Step::Start => match self.tokens.current() {
                    Some(token) => self.send(&token)?,
                    None => self.wait_for_token(),
                },
                Step::Token(token) => match ready!(token.as_mut().poll(cx)) {
                    Ok(token) => self.send(&token)?,
                    Err(status) => {
                        return Poll::Ready(self.refusal.take().unwrap_or(Err(status)));
                    }
                },
                Step::Sent(call) => {
                    let result = ready!(call.as_mut().poll(cx)).map_err(status_of);
                    let number = self.attempts - 1;
                    if !self.is_refusal(&result) {
                        self.replay.commit(number);
                        return Poll::Ready(result);
                    }
                    // Its connection may still be reading the request, for nothing.
                    self.replay.retire(number);
                    self.refusal = Some(result);
                    self.wait_for_token()
                }
            };
        }
    }

    fn send(&mut self, token: &Numbered) -> Result<Step<S>, Status> {
        self.token = token.number;
        self.head.headers_mut().insert(header::AUTHORIZATION, token.token.header());
        let request = self.head.attempt(0, self.replay.attempt())?;
        self.attempts += 1;
        let clone = self.service.clone();
        let service = mem::replace(&mut self.service, clone);
        Ok(Step::Sent(Box::pin(Oneshot::new(service, request))))
    }

    /// Whether a server did not take the token, and the call can be sent again with another.
    fn is_refusal(&self, result: &Result<Response<R>, Status>) -> bool {
        let code = match result {
            Ok(response) => head_code(response.status(), response.headers()),
            Err(status) => Some(status.code()),
        };
        code == Some(Code::Unauthenticated)
            && self.may_repeat
            && self.attempts == 1
            && self.replay.is_repeatable()
    }
}
