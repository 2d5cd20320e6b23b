//! Reads the body of a request, within its bounds.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Duration, timeout};

use crate::binding::MediaRule;
use crate::error::Refusal;

/// How much a client may send, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// Reads a body to its end. What it is called is checked before it is read, and that it is called something once it is not empty.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    rule: MediaRule,
    limits: BodyLimits,
) -> Result<Bytes, Refusal> {
    let declared = rule == MediaRule::Any || is_json(headers)?;
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limits.bytes as u64 {
        return Err(Refusal::TooLarge { limit: limits.bytes });
    }
    let collected = timeout(limits.time, Limited::new(body, limits.bytes).collect())
        .await
        .map_err(|_| Refusal::TooSlow { limit: limits.time })?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Refusal::TooLarge { limit: limits.bytes },
            None => Refusal::Broken,
        })?;
    let bytes = collected.to_bytes();
    if bytes.is_empty() || declared { Ok(bytes) } else { Err(Refusal::MediaType) }
}

/// Whether the body is declared to be JSON; false when it is not declared at all.
fn is_json(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(false) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let json = ["application/json", "application/x-ndjson", "application/ndjson"];
    json.iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
        .then_some(true)
        .ok_or(Refusal::MediaType)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};
    use http::HeaderValue;
    use tokio::time::Instant;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes: 8, time: Duration::from_secs(10) };

    async fn read_as(
        content_type: Option<&'static str>,
        body: impl Into<Body>,
    ) -> Result<Bytes, Refusal> {
        let headers =
            content_type.map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)));
        read(&headers.into_iter().collect(), body.into(), MediaRule::Json, LIMITS).await
    }

    #[tokio::test]
    async fn a_body_has_to_be_declared_as_json() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/x-ndjson"]
        {
            assert_eq!(read_as(Some(json), "{}").await.unwrap(), "{}", "{json}");
        }
        for other in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonx"),
            Some(""),
        ] {
            assert_eq!(read_as(other, "{}").await, Err(Refusal::MediaType), "{other:?}");
        }
        assert_eq!(read_as(None, "").await.unwrap(), "");
        // What a form of another site can send without a body.
        assert_eq!(read_as(Some("text/plain"), "").await, Err(Refusal::MediaType));
    }

    #[tokio::test]
    async fn a_route_may_take_a_body_whatever_it_is_called() {
        for other in [None, Some("application/x-www-form-urlencoded")] {
            let headers =
                other.map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)));
            let bytes =
                read(&headers.into_iter().collect(), "{}".into(), MediaRule::Any, LIMITS).await;
            assert_eq!(bytes.unwrap(), "{}", "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_it_is_declared_or_not() {
        let chunks = || Body::from_stream(stream::iter(["12345", "6789"]).map(Ok::<_, Infallible>));
        for body in [Body::from("123456789"), chunks()] {
            assert_eq!(
                read_as(Some("application/json"), body).await,
                Err(Refusal::TooLarge { limit: 8 })
            );
        }
        assert_eq!(read_as(Some("application/json"), "12345678").await.unwrap(), "12345678");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_refused_when_its_time_is_over() {
        let start = Instant::now();
        let body = Body::from_stream(
            stream::once(async { Ok::<_, Infallible>("1") }).chain(stream::pending()),
        );
        assert_eq!(
            read_as(Some("application/json"), body).await,
            Err(Refusal::TooSlow { limit: LIMITS.time })
        );
        assert_eq!(start.elapsed(), LIMITS.time);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let body = Body::from_stream(stream::iter([Ok("{"), Err(std::io::Error::other("gone"))]));
        assert_eq!(read_as(Some("application/json"), body).await, Err(Refusal::Broken));
    }
}
