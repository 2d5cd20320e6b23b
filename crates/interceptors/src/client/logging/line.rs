use std::borrow::Cow;

use http::response::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use tokio::time::Instant;
use tonic::Code;

use crate::access_log::{code_name, decoded, milliseconds};
use crate::client::head::PREVIOUS_ATTEMPTS;
use crate::client::observe::{Ending, Observer};

/// What is known of a call until its line is written.
#[derive(Debug)]
pub struct Line {
    path: Option<PathAndQuery>,
    start: Instant,
    attempts: Option<u32>,
}

impl Line {
    pub(super) fn new(uri: &Uri) -> Self {
        Self { path: uri.path_and_query().cloned(), start: Instant::now(), attempts: None }
    }
}

impl Observer for Line {
    fn head(&mut self, head: &Parts) {
        self.attempts = attempts(&head.headers);
    }

    fn ended(self, ending: Ending<'_>) {
        let method = self.path.as_ref().map_or("", PathAndQuery::path);
        let duration_ms = milliseconds(self.start.elapsed());
        let code = ending.code();
        let attempts = self.attempts.or_else(|| attempts(ending.metadata()?));
        let error = error(&ending);
        let (code, error) = (code_name(code), error.as_deref());
        tracing::info!(target: "remote", method, code, duration_ms, attempts, error, "invoke remote");
    }
}

/// What went wrong, as it came: the subscriber escapes it, as it does for the access log.
fn error<'a>(ending: &Ending<'a>) -> Option<Cow<'a, str>> {
    match *ending {
        Ending::Status { code: Code::Ok, .. } | Ending::Dropped => None,
        Ending::Status { metadata, .. } => metadata.get("grpc-message").map(decoded),
        Ending::Failed(status) => Some(status.message().into()),
        Ending::Truncated => Some("the stream ended without a status".into()),
    }
}

/// How often a call was sent, where a retry layer below has told.
fn attempts(metadata: &HeaderMap) -> Option<u32> {
    let previous: u32 = metadata.get(PREVIOUS_ATTEMPTS)?.to_str().ok()?.parse().ok()?;
    previous.checked_add(1)
}
