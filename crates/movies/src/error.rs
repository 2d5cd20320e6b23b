//! Why a call is refused, on the wire and back.
//!
//! Details travel as a `google.rpc.Status` in `grpc-status-details-bin`. It is built by hand, because `tonic_types` knows only the
//! details of google.rpc, and [`MovieError`] is ours.

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;
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

    fn details(self) -> Vec<Any> {
        match self {
            Self::InvalidMid(_) => {
                let text = self.to_string();
                vec![
                    movie_detail(MovieErrorCode::InvalidMovie, text.clone()),
                    bad_field("mid", text),
                ]
            }
            Self::NotFound(mid) => {
                let text = format!("Could not find movie {mid}");
                vec![
                    movie_detail(MovieErrorCode::MovieNotFound, text),
                    error_info("MOVIE_NOT_FOUND", &[("mid", mid.to_string())]),
                ]
            }
            Self::QueryTooLong(_) => vec![bad_field("query", self.to_string())],
            Self::Fault => vec![error_info("FAULT_INJECTED", &[])],
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = (refusal.code(), refusal.to_string());
        let rich =
            pb::Status { code: code.into(), message: message.clone(), details: refusal.details() };
        Self::with_details(code, message, rich.encode_to_vec().into())
    }
}

/// The [`MovieError`] among the details of a status, if it has one that can be read.
pub fn movie_error(status: &Status) -> Option<MovieError> {
    let rich = pb::Status::decode(status.details()).ok()?;
    let is_movie_error = |detail: &&Any| detail.type_url.rsplit('/').next() == Some(MOVIE_ERROR);
    let detail = rich.details.iter().find(is_movie_error)?;
    MovieError::decode(detail.value.as_slice()).ok()
}

fn movie_detail(reason: MovieErrorCode, message: String) -> Any {
    any(MOVIE_ERROR, &MovieError { reason: reason.into(), message })
}

fn bad_field(field: &str, description: String) -> Any {
    let violation = pb::bad_request::FieldViolation {
        field: field.to_owned(),
        description,
        ..Default::default()
    };
    any("google.rpc.BadRequest", &pb::BadRequest { field_violations: vec![violation] })
}

fn error_info(reason: &str, metadata: &[(&str, String)]) -> Any {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    any(
        "google.rpc.ErrorInfo",
        &pb::ErrorInfo { reason: reason.to_owned(), domain: DOMAIN.to_owned(), metadata },
    )
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
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
        assert_eq!(rich.details[0].type_url, "type.googleapis.com/movies.v1.MovieError");
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
        let wrong = any("google.rpc.ErrorInfo", &pb::ErrorInfo::default());
        let broken =
            Any { type_url: format!("type.googleapis.com/{MOVIE_ERROR}"), value: vec![0xff] };
        for details in [
            vec![],
            vec![0xff],
            pb::Status { details: vec![wrong, broken], ..Default::default() }.encode_to_vec(),
        ] {
            assert_eq!(
                movie_error(&Status::with_details(Code::NotFound, "", details.into())),
                None
            );
        }
    }
}
