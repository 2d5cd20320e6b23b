//! Why a call is refused, on the wire and back.
//!
//! Details travel as a `google.rpc.Status` in `grpc-status-details-bin`. It is read by hand, because `tonic_types` knows only the
//! details of google.rpc, and [`MovieError`] is ours.

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;
use wayside_chassis::{StatusBuilder, Violations};
use wayside_proto::movies::v1::{MovieError, MovieErrorCode};

use crate::catalogue::MAX_QUERY_BYTES;

const MOVIE_ERROR: &str = "movies.v1.MovieError";
const DOMAIN: &str = "wayside";

/// Why a call is refused. Its text is the message of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The number cannot be that of a movie.
    #[error("field mid: {0} is not the number of a movie; numbers begin at 1")]
    InvalidMid(i32),
    /// No movie has this number.
    #[error("Movie not found")]
    NotFound(i32),
    /// The text to search for has this many bytes.
    #[error(
        "field query: {0} bytes are too many; search for a text of at most {MAX_QUERY_BYTES} bytes"
    )]
    QueryTooLong(usize),
    /// The server was told to fail this call.
    #[error("Failure faulty")]
    Fault,
}

impl Refusal {
    fn code(self) -> Code {
        match self {
            Self::InvalidMid(_) | Self::QueryTooLong(_) => Code::InvalidArgument,
            Self::NotFound(_) => Code::NotFound,
            Self::Fault => Code::Unavailable,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let status = StatusBuilder::new(refusal.code(), refusal);
        let builder = match refusal {
            Refusal::InvalidMid(_) => {
                let reason = MovieErrorCode::InvalidMovie.into();
                let error = MovieError { reason, message: refusal.to_string() };
                status.detail(MOVIE_ERROR, &error).violations(bad_field("mid", refusal))
            }
            Refusal::NotFound(mid) => {
                let reason = MovieErrorCode::MovieNotFound.into();
                let error = MovieError { reason, message: format!("Could not find movie {mid}") };
                status
                    .detail(MOVIE_ERROR, &error)
                    .reason("MOVIE_NOT_FOUND", DOMAIN)
                    .metadata("mid", mid)
            }
            Refusal::QueryTooLong(_) => status.violations(bad_field("query", refusal)),
            Refusal::Fault => status.reason("FAULT_INJECTED", DOMAIN),
        };
        builder.build()
    }
}

fn bad_field(field: &str, refusal: Refusal) -> Violations {
    let mut violations = Violations::default();
    violations.add(field, refusal);
    violations
}

/// The [`MovieError`] among the details of a status, if it has one that can be read.
pub fn movie_error(status: &Status) -> Option<MovieError> {
    let rich = pb::Status::decode(status.details()).ok()?;
    let is_movie_error = |detail: &&Any| detail.type_url.rsplit('/').next() == Some(MOVIE_ERROR);
    let detail = rich.details.iter().find(is_movie_error)?;
    MovieError::decode(detail.value.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn a_movie_that_is_not_there_is_said_in_both_details() {
        let status = Status::from(Refusal::NotFound(7));
        assert_eq!((status.code(), status.message()), (Code::NotFound, "Movie not found"));
        let error = movie_error(&status).unwrap();
        assert_eq!(
            (error.reason(), error.message.as_str()),
            (MovieErrorCode::MovieNotFound, "Could not find movie 7")
        );
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("MOVIE_NOT_FOUND", "wayside"));
        assert_eq!(info.metadata["mid"], "7");
        // What clients in other languages look for.
        let rich = pb::Status::decode(status.details()).unwrap();
        let url = "type.googleapis.com/movies.v1.MovieError";
        assert!(rich.details.iter().any(|detail| detail.type_url == url), "{rich:?}");
    }

    #[test]
    fn a_number_below_1_is_an_invalid_movie_and_a_bad_field() {
        let status = Status::from(Refusal::InvalidMid(-3));
        assert_eq!(status.code(), Code::InvalidArgument);
        let error = movie_error(&status).unwrap();
        assert_eq!(
            (error.reason(), error.message.as_str()),
            (MovieErrorCode::InvalidMovie, status.message())
        );
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "mid");
    }

    #[test]
    fn a_query_that_is_too_long_is_a_bad_field_with_the_limit_in_its_text() {
        let status = Status::from(Refusal::QueryTooLong(300));
        assert_eq!(status.code(), Code::InvalidArgument);
        let violation = &status.get_details_bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, "query");
        assert!(
            violation.description.contains("300 bytes")
                && violation.description.contains("at most 256 bytes")
        );
        assert_eq!(movie_error(&status), None);
    }

    #[test]
    fn a_failure_on_purpose_says_so_to_programs() {
        let status = Status::from(Refusal::Fault);
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "Failure faulty"));
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("FAULT_INJECTED", "wayside"));
    }

    #[test]
    fn details_that_cannot_be_read_are_no_movie_error() {
        let any = |name, value| Any { type_url: format!("type.googleapis.com/{name}"), value };
        let details = vec![any("google.rpc.ErrorInfo", vec![]), any(MOVIE_ERROR, vec![0xff])];
        let unreadable = pb::Status { details, ..Default::default() };
        for details in [vec![], vec![0xff], unreadable.encode_to_vec()] {
            assert_eq!(
                movie_error(&Status::with_details(Code::NotFound, "", details.into())),
                None
            );
        }
    }
}
