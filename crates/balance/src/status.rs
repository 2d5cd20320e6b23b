//! What failures of the transport are called.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tonic::{Code, Status};

pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("deadline exceeded")
}

/// A reset by the peer has the code that PROTOCOL-HTTP2 gives it; every other failure of a connection is UNAVAILABLE.
pub(crate) fn of(error: &hyper::Error) -> Status {
    let reset = cause(error).filter(|error| error.is_reset()).and_then(h2::Error::reason);
    match reset {
        Some(reason) => {
            Status::new(code(reason), format!("the call was reset by the server: {reason}"))
        }
        None => Status::unavailable(format!("connection lost: {}", chain(error))),
    }
}

/// Whether the server says that it has not looked at the call: it refused the stream, or its GOAWAY does not cover it.
pub(crate) fn is_unseen(error: &hyper::Error) -> bool {
    cause(error).is_some_and(|error| {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (refused || error.is_go_away())
    })
}

fn cause(error: &hyper::Error) -> Option<&h2::Error> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
        .find_map(|cause| cause.downcast_ref())
}

/// Source: PROTOCOL-HTTP2, "HTTP2 Transport Mapping", "Errors".
fn code(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

/// An error with every cause behind it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

/// A response body whose failures are statuses.
#[derive(Debug)]
pub(crate) struct StatusBody(pub(crate) Incoming);

impl Body for StatusBody {
    type Data = <Incoming as Body>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx).map_err(|error| of(&error))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_have_the_codes_of_the_specification() {
        for (reason, expected) in [
            (h2::Reason::NO_ERROR, Code::Internal),
            (h2::Reason::PROTOCOL_ERROR, Code::Internal),
            (h2::Reason::FLOW_CONTROL_ERROR, Code::Internal),
            (h2::Reason::REFUSED_STREAM, Code::Unavailable),
            (h2::Reason::CANCEL, Code::Cancelled),
            (h2::Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
            (h2::Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
        ] {
            assert_eq!(code(reason), expected, "{reason}");
        }
    }
}
