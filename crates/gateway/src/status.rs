//! A failed request as an HTTP response: the one place where a gRPC code becomes an HTTP status.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use prost_reflect::DescriptorPool;
use serde_json::{Value as Json, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::details::Details;
use crate::error::Refusal;

/// The HTTP status of a gRPC code. Source: `google/rpc/code.proto`, "HTTP Mapping".
pub(crate) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        // Client Closed Request: nginx's status, which Google's mapping uses.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// Writes statuses as the JSON of `google.rpc.Status`.
#[derive(Debug)]
pub(crate) struct Statuses {
    details: Details,
}

impl Statuses {
    pub(crate) fn new(pool: &DescriptorPool) -> Self {
        Self { details: Details::new(pool) }
    }

    /// `{"code": …, "message": …, "details": […]}`
    pub(crate) fn json(&self, status: &Status) -> Json {
        json!({
            "code": i32::from(status.code()),
            "message": status.message(),
            "details": self.details.json(status.details()),
        })
    }

    /// The response to a request whose call has failed.
    pub(crate) fn failed(&self, status: &Status) -> Response {
        let mut response = self.response(http_status(status.code()), status);
        // What a client of gRPC reads in the details, one of HTTP reads here (RFC 9110, section 10.2.3): whole seconds, and never too soon.
        if let Some(delay) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
            let seconds = delay.as_millis().div_ceil(1000).min(u32::MAX.into()) as u32;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status.code() == Code::Unauthenticated {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// The response to a request for which no call was made.
    pub(crate) fn refused(&self, refusal: Refusal) -> Response {
        let http_status = refusal.http_status();
        let allow = match &refusal {
            Refusal::NoMethod { allow } => HeaderValue::from_str(allow).ok(),
            _ => None,
        };
        let mut response = self.response(http_status, &refusal.into());
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    fn response(&self, http_status: StatusCode, status: &Status) -> Response {
        let mut response = Response::new(Body::from(self.json(status).to_string()));
        *response.status_mut() = http_status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;
    use tonic_types::ErrorDetails;

    use super::*;
    use crate::testing;

    #[test]
    fn every_code_has_its_standard_http_status() {
        let statuses =
            (0..=16).map(|code| http_status(Code::from(code)).as_u16()).collect::<Vec<_>>();
        assert_eq!(
            statuses,
            [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
        );
    }

    #[test]
    fn a_failed_call_is_a_google_rpc_status() {
        let statuses = Statuses::new(testing::pool());
        let response = statuses.failed(&Status::unauthenticated("who are \"you\"?"));
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.headers()["content-type"], "application/json");
        let json = statuses.json(&Status::unauthenticated("who are \"you\"?"));
        assert_eq!(json.to_string(), r#"{"code":16,"message":"who are \"you\"?","details":[]}"#);
    }

    #[test]
    fn when_to_come_back_is_told_in_whole_seconds_and_only_if_the_server_has_said_it() {
        let statuses = Statuses::new(testing::pool());
        let after = |millis: Option<u64>| {
            let mut details = ErrorDetails::new();
            details.set_retry_info(millis.map(Duration::from_millis));
            let status = Status::with_error_details(Code::ResourceExhausted, "later", details);
            statuses.failed(&status).headers().get("retry-after").cloned()
        };
        for (millis, seconds) in [(1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")] {
            assert_eq!(after(Some(millis)).unwrap(), seconds, "{millis} ms");
        }
        assert_eq!(after(None), None);
        assert_eq!(statuses.failed(&Status::not_found("")).headers().get("retry-after"), None);
    }

    #[test]
    fn a_refusal_has_the_http_status_that_grpc_has_no_code_for() {
        let statuses = Statuses::new(testing::pool());
        let response = statuses.refused(Refusal::NoMethod { allow: "GET, HEAD".to_owned() });
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
        assert_eq!(
            statuses.refused(Refusal::TooLarge { limit: 1 }).status(),
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }
}
