//! What failures of the transport are called.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::totals::Disconnect;

/// Time is up; `when` says how far the call had come.
pub(crate) fn deadline_exceeded(when: &str) -> Status {
    Status::deadline_exceeded(format!("deadline exceeded: {when}"))
}

/// What a call may end with that fails with the status of a resolver or a picker.
///
/// Some codes are the application's alone, and OK is no failure. If one gets here, then a name service or a balancer has passed on the answer to a
/// call of its own; a caller that was told so would take it for an answer about its own call. Source: gRFC A54.
pub(crate) fn control_plane(status: Status) -> Status {
    match status.code() {
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => Status::internal(format!(
            "a resolver or balancer has a bug, it failed with a status that it must not give: {:?}: {}",
            status.code(),
            status.message()
        )),
        _ => status,
    }
}

/// Marks a status so that no retry policy sends the call again: with the pushback of a server that wants no retry. Source: gRFC A6, "Pushback", and A32 (a drop is not retried).
pub(crate) fn not_to_be_retried(mut status: Status) -> Status {
    status.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from_static("-1"));
    status
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

/// Whether the server wants no more calls on the connection.
pub(crate) fn is_go_away(error: &hyper::Error) -> bool {
    cause(error).is_some_and(h2::Error::is_go_away)
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

/// Whether a server has ended a connection because it was asked for signs of life too often. Source: gRFC A8.
pub(crate) fn is_too_many_pings(error: &hyper::Error) -> bool {
    cause(error).is_some_and(|error| {
        error.is_go_away()
            && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
            && error.to_string().contains("too_many_pings")
    })
}

/// Why a connection has ended, as its driver has told.
pub(crate) fn disconnect(how: &Result<(), hyper::Error>) -> Disconnect {
    let Err(error) = how else { return Disconnect::Unknown };
    if let Some(error) = cause(error)
        && error.is_go_away()
    {
        return error.reason().map_or(Disconnect::Unknown, Disconnect::GoAway);
    }
    // hyper has no error of the socket behind it when a ping was not answered.
    if error.is_timeout() {
        return Disconnect::Socket(io::ErrorKind::TimedOut);
    }
    let mut causes =
        std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    let socket = causes.find_map(|cause| match cause.downcast_ref::<io::Error>() {
        Some(error) => Some(error.kind()),
        None => cause.downcast_ref::<h2::Error>()?.get_io().map(io::Error::kind),
    });
    socket.map_or(Disconnect::Unknown, Disconnect::Socket)
}

/// A response body whose failures are statuses.
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
    fn a_control_plane_cannot_choose_the_codes_of_the_application() {
        for (code, expected) in [
            (Code::Ok, Code::Internal),
            (Code::Cancelled, Code::Cancelled),
            (Code::Unknown, Code::Unknown),
            (Code::InvalidArgument, Code::Internal),
            (Code::DeadlineExceeded, Code::DeadlineExceeded),
            (Code::NotFound, Code::Internal),
            (Code::AlreadyExists, Code::Internal),
            (Code::PermissionDenied, Code::PermissionDenied),
            (Code::ResourceExhausted, Code::ResourceExhausted),
            (Code::FailedPrecondition, Code::Internal),
            (Code::Aborted, Code::Internal),
            (Code::OutOfRange, Code::Internal),
            (Code::Unimplemented, Code::Unimplemented),
            (Code::Internal, Code::Internal),
            (Code::Unavailable, Code::Unavailable),
            (Code::DataLoss, Code::Internal),
            (Code::Unauthenticated, Code::Unauthenticated),
        ] {
            let status = control_plane(Status::new(code, "no such account"));
            assert_eq!(status.code(), expected, "{code:?}");
            let text = match (code == expected, status.message()) {
                (true, text) => text == "no such account",
                (false, text) => text.ends_with(&format!("{code:?}: no such account")),
            };
            assert!(text, "{status:?}");
        }
    }

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
