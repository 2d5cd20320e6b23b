//! The head of a request that may be sent more than once.

use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Request};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use crate::deadline::{Deadline, EXCEEDED, grpc_timeout, parse_grpc_timeout};

/// How many attempts preceded this one. Source: gRFC A6, "Exposed Retry Metadata".
pub(crate) const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// How many attempts preceded one, where that is told.
pub(crate) fn previous_attempts(metadata: &HeaderMap) -> Option<u32> {
    metadata.get(PREVIOUS_ATTEMPTS)?.to_str().ok()?.parse().ok()
}

/// When a call has to be over: the sooner of its `grpc-timeout` and the [`Deadline`] in its extensions.
pub(crate) fn deadline_of(headers: &HeaderMap, extensions: &Extensions) -> Option<Instant> {
    let timeout = parse_grpc_timeout(headers).ok().flatten();
    let told = timeout.map(|timeout| Instant::now() + timeout);
    let known = extensions.get::<Deadline>().map(|deadline| deadline.0);
    [told, known].into_iter().flatten().min()
}

/// The head of a call, from which the heads of its attempts are made.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    parts: Parts,
    /// When the call has to be over, all attempts included.
    deadline: Option<Instant>,
}

impl Head {
    pub(crate) fn new(parts: Parts) -> Self {
        let deadline = deadline_of(&parts.headers, &parts.extensions);
        Self { parts, deadline }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.parts.headers
    }

    /// The request of one attempt, sent with what is left of the deadline, and told how many came before it if any did.
    ///
    /// # Errors
    /// When nothing is left.
    pub(crate) fn attempt(&self, previous: u32, body: Body) -> Result<Request<Body>, Status> {
        let mut parts = self.parts.clone();
        if previous > 0 {
            parts.headers.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(previous));
        }
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Status::deadline_exceeded(EXCEEDED));
            }
            parts.headers.insert("grpc-timeout", grpc_timeout(left));
        }
        Ok(Request::from_parts(parts, body))
    }
}
