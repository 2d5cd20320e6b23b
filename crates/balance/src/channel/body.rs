//! The body of a response: what comes back, until the call is over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Code, Status};

use super::request_body::Rest;
use crate::status;
use crate::subchannel::Picked;

/// Made once: a name that is only a text is looked at letter by letter each time.
static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// A response body whose failures are statuses. It fails with DEADLINE_EXCEEDED when time is up, and tells its subchannel how the call has ended; dropping it before that
/// resets the stream with CANCEL, so the server stops as well.
pub(super) struct Reply {
    /// Gone when the call is over.
    incoming: Option<Incoming>,
    deadline: Option<Instant>,
    /// Made when the body has to wait, which that of a unary call seldom does.
    timer: Option<Pin<Box<Sleep>>>,
    picked: Picked,
    /// Dropped with this, or before when the call is over.
    rest: Option<Rest>,
}

impl Reply {
    /// The body of a response with these headers; `None` when they are all there is (gRPC's Trailers-Only).
    pub(super) fn new(
        incoming: Incoming,
        mut picked: Picked,
        deadline: Option<Instant>,
        headers: &HeaderMap,
        rest: Option<Rest>,
    ) -> Option<Self> {
        if incoming.is_end_stream() {
            picked.end(code(headers), Some(headers));
            return None;
        }
        Some(Self { incoming: Some(incoming), deadline, timer: None, picked, rest })
    }

    fn end(&mut self, code: Code, trailers: Option<&HeaderMap>) {
        self.incoming = None;
        self.rest = None;
        self.picked.end(code, trailers);
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let frame = match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let Some(deadline) = this.deadline else { return Poll::Pending };
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                ready!(timer.as_mut().poll(cx));
                this.end(Code::DeadlineExceeded, None);
                let status = status::deadline_exceeded("the response had begun");
                return Poll::Ready(Some(Err(status)));
            }
        };
        Poll::Ready(match frame {
            None => {
                this.end(Code::Unknown, None);
                None
            }
            Some(Err(error)) => {
                let status = status::of(&error);
                this.end(status.code(), None);
                Some(Err(status))
            }
            Some(Ok(frame)) => Some(Ok(match frame.into_trailers() {
                Ok(mut trailers) => {
                    mend(&mut trailers);
                    this.end(code(&trailers), Some(&trailers));
                    Frame::trailers(trailers)
                }
                Err(frame) => frame,
            })),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Takes details out that are not base64: tonic panics at them, and a server must not be able to make its clients panic.
pub(super) fn mend(headers: &mut HeaderMap) {
    let broken = headers
        .get(&STATUS_DETAILS)
        .is_some_and(|details| BASE64.decode(details.as_bytes()).is_err());
    if broken {
        headers.remove(&STATUS_DETAILS);
    }
}

fn code(headers: &HeaderMap) -> Code {
    headers.get(&GRPC_STATUS).map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_are_not_base64_are_taken_out() {
        for (details, kept) in [
            ("CAUSBG9vcHM", true),
            ("CAUSBG9vcHM=", true),
            ("", true),
            ("%%%", false),
            ("a", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(&STATUS_DETAILS, details.parse().unwrap());
            mend(&mut headers);
            assert_eq!(headers.contains_key(&STATUS_DETAILS), kept, "{details}");
            // What is kept does not make tonic panic.
            headers.insert(&GRPC_STATUS, "5".parse().unwrap());
            let _ = Status::from_header_map(&headers);
        }
    }
}
