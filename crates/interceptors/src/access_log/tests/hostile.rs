//! What a caller sends, in the log.

use serde_json::Value;
use tonic::body::Body;
use wayside_telemetry::LineStyle;

use super::*;

/// A line of its own that looks like one of ours, colours, text that is turned round.
const HOSTILE: &str = "x\n2026-01-01T00:00:00.000000Z  INFO access: forged\r\x1b[2K\x7f\u{2028}\u{2029}\u{202e}\u{2066}\u{9b}1m\"\\";
/// What the parser of URIs lets through: C1, separators, quotes, and text that is turned round.
const HOSTILE_PATH: &str = "/a.B/\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}\"{C}|";

async fn call() {
    let inner = service_fn(|request: Req| async move {
        let record = request.extensions().get::<CallRecord>().unwrap();
        record.set_caller(HOSTILE);
        Ok::<Response<Body>, Infallible>(Status::internal(HOSTILE).into_http())
    });
    let request = Request::builder()
        .uri(http::Uri::try_from(HOSTILE_PATH.as_bytes().to_vec()).unwrap())
        .header("x-request-id", HOSTILE.replace(|c: char| c.is_control(), "\u{202e}").as_bytes())
        .body(())
        .unwrap();
    let response =
        ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

/// Anything that ends a line or that a terminal obeys.
fn deceives(character: char) -> bool {
    character.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}".contains(character)
}

#[tokio::test]
async fn hostile_values_are_one_harmless_line_in_our_styles() {
    for style in [LineStyle::Json, LineStyle::Text { colours: false }] {
        let lines = Lines::default();
        let _guard = lines.subscribe_as(style);
        call().await;
        let text = lines.text();
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(deceives), "{line:?}");
        assert!(!line.contains("request_id"), "{line}");
        if style == LineStyle::Json {
            let fields: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                [&fields["method"], &fields["identity"], &fields["error"]],
                [HOSTILE_PATH, HOSTILE, HOSTILE],
                "and what was sent can be read from it"
            );
        }
    }
}

#[tokio::test]
async fn hostile_values_are_one_harmless_line_of_the_text_of_tracing_subscriber() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    call().await;
    let text = lines.text();
    assert!(!text.strip_suffix('\n').unwrap().contains(deceives), "{text:?}");
}
