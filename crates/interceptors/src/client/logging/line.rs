use http::response::Parts;
use http::{HeaderMap, Uri};
use tokio::time::Instant;
use tonic::Code;

use crate::access_log::code_name;
use crate::client::head::PREVIOUS_ATTEMPTS;
use crate::client::observe::{Ending, Observer};

/// What is known of a call until its line is written.
#[derive(Debug)]
pub struct Line {
    uri: Uri,
    start: Instant,
    attempts: Option<u32>,
}

impl Line {
    pub(super) fn new(uri: Uri) -> Self {
        Self { uri, start: Instant::now(), attempts: None }
    }
}

impl Observer for Line {
    fn head(&mut self, head: &Parts) {
        self.attempts = attempts(&head.headers);
    }

    fn ended(self, ending: Ending<'_>) {
        let method = self.uri.path();
        // As in the access log: a number costs less than a text, and can be compared.
        let duration_ms = self.start.elapsed().as_micros() as f64 / 1000.0;
        let code = ending.code();
        let attempts = self.attempts.or_else(|| attempts(ending.metadata()?));
        if code == Code::Ok {
            tracing::info!(target: "remote", method, code = "OK", duration_ms, attempts, "invoke remote");
            return;
        }
        let code = code_name(code);
        match ending {
            Ending::Failed(status) => {
                // May be what a server has sent, and a log line has no place for its control characters.
                let error = status.message().escape_debug();
                tracing::info!(target: "remote", method, code, duration_ms, attempts, %error, "invoke remote");
            }
            Ending::Status { metadata, .. } => {
                // Left percent-encoded, for the same reason.
                let error = metadata.get("grpc-message").and_then(|message| message.to_str().ok());
                tracing::info!(target: "remote", method, code, duration_ms, attempts, error, "invoke remote");
            }
            Ending::Truncated => {
                let error = "the stream ended without a status";
                tracing::info!(target: "remote", method, code, duration_ms, attempts, error, "invoke remote");
            }
            Ending::Dropped => {
                tracing::info!(target: "remote", method, code, duration_ms, attempts, "invoke remote");
            }
        }
    }
}

/// How often a call was sent, where a retry layer below has told.
fn attempts(metadata: &HeaderMap) -> Option<u32> {
    let previous: u32 = metadata.get(PREVIOUS_ATTEMPTS)?.to_str().ok()?.parse().ok()?;
    previous.checked_add(1)
}
