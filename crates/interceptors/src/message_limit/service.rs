use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::MessageLimitBody;
use crate::grpc_only::asks_grpc;

/// Bounds the messages of requests. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct MessageLimitLayer {
    max_bytes: u32,
}

impl MessageLimitLayer {
    /// Refuses messages of more than `max_bytes`, as they are sent.
    pub fn new(max_bytes: u32) -> Self {
        Self { max_bytes }
    }
}

impl<S> Layer<S> for MessageLimitLayer {
    type Service = MessageLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MessageLimit { max_bytes: self.max_bytes, inner }
    }
}

/// The service of [`MessageLimitLayer`].
#[derive(Clone, Copy, Debug)]
pub struct MessageLimit<S> {
    max_bytes: u32,
    inner: S,
}

impl<S, B> Service<Request<B>> for MessageLimit<S>
where
    S: Service<Request<MessageLimitBody<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Other bodies have no length prefixes.
        let max_bytes = if asks_grpc(&request) { Some(self.max_bytes) } else { None };
        self.inner.call(request.map(|body| MessageLimitBody::new(body, max_bytes)))
    }
}
