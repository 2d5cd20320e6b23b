use http::{HeaderValue, Response, StatusCode, header};
use tokio::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::errors::StatusBuilder;

/// What a refused call is told.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Who is not to blame is told UNAVAILABLE, who asks for too much RESOURCE_EXHAUSTED.
    pub code: Code,
    /// What is said to the caller.
    pub message: String,
    /// After which time the same call may pass. None: not by waiting alone.
    pub retry_after: Option<Duration>,
}

/// In the trailers, how long a client should wait until it retries. Source: gRFC A6, "Pushback".
const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl Refusal {
    /// The answer: for gRPC a status with google.rpc.RetryInfo and the pushback that retrying clients know, else one of HTTP with `Retry-After`.
    pub(super) fn response(&self, grpc: bool) -> Response<()> {
        if grpc {
            return self.status().into_http();
        }
        let mut response = Response::new(());
        *response.status_mut() = match self.code {
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::TOO_MANY_REQUESTS,
        };
        if let Some(delay) = self.retry_after {
            let seconds = HeaderValue::from(delay.as_millis().div_ceil(1000) as u64);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }

    pub(crate) fn status(&self) -> Status {
        let builder = StatusBuilder::new(self.code, &self.message);
        let Some(delay) = self.retry_after else { return builder.build() };
        let millis = pushback_ms(delay);
        // Both say the same, as a client may go by either.
        let mut status = builder.retry_after(Duration::from_millis(millis.into())).build();
        let value = MetadataValue::from(millis);
        status.metadata_mut().insert(PUSHBACK, value);
        status
    }
}

/// At least 1, as 0 asks a client to come back at once; rounded up, as earlier is too early; and never more than the 32 bits with a sign that clients read.
fn pushback_ms(delay: Duration) -> u32 {
    let millis = delay.as_nanos().div_ceil(1_000_000).clamp(1, i32::MAX as u128);
    millis as u32
}

/// The time, or up to a quarter more, so that calls that were refused together do not come back together.
pub(crate) fn jittered(delay: Duration) -> Duration {
    delay + delay.mul_f64(fastrand::f64() / 4.0)
}
