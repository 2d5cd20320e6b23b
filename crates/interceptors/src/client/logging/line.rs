use std::borrow::Cow;

use http::{HeaderMap, request, response};
use tonic::Code;

use crate::access_log::{code_name, decoded, milliseconds};
use crate::client::head::previous_attempts;
use crate::client::observe::{Ending, ObservedCall, Observer, OutgoingCall};

/// Logs every call of a client. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct CallLog;

/// What is known of a call until its line is written, beside what every observer knows.
#[derive(Debug)]
pub struct Line {
    attempts: Option<u32>,
}

impl Observer for CallLog {
    type Call = Line;

    fn is_on(&self) -> bool {
        tracing::enabled!(target: "remote", tracing::Level::INFO)
    }

    fn start(&self, _: &mut OutgoingCall, _: &mut request::Parts) -> Option<Line> {
        Some(Line { attempts: None })
    }
}

impl ObservedCall for Line {
    fn head(&mut self, _: &OutgoingCall, head: &response::Parts) {
        self.attempts = attempts(&head.headers);
    }

    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        let method = call.path();
        let duration_ms = milliseconds(call.elapsed());
        let code = ending.code();
        let attempts = self.attempts.or_else(|| attempts(ending.metadata()?));
        let trace_id = call.trace().map(|trace| tracing::field::display(trace.trace_id()));
        let error = error_text(&ending);
        let (code, error) = (code_name(code), error.as_deref());
        tracing::info!(target: "remote", method, code, duration_ms, attempts, trace_id, error, "invoke remote");
    }
}

/// What went wrong, as it came: whoever shows it escapes it.
pub(crate) fn error_text<'a>(ending: &Ending<'a>) -> Option<Cow<'a, str>> {
    match *ending {
        Ending::Status { code: Code::Ok, .. } | Ending::Dropped => None,
        Ending::Status { metadata, .. } => metadata.get("grpc-message").map(decoded),
        Ending::Failed(status) => Some(status.message().into()),
        Ending::Truncated => Some("the stream ended without a status".into()),
    }
}

/// How often a call was sent, where a retry layer below has told.
fn attempts(metadata: &HeaderMap) -> Option<u32> {
    previous_attempts(metadata)?.checked_add(1)
}
