use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_decode;
use serde::Serialize;
use tokio::time::{Duration, Instant};
use tonic::Code;
use wayside_interceptors::client::observe::Ending;
use wayside_interceptors::metrics::status_name;

/// A longer text of an error is cut: it may be of any length, and 200 of them are kept.
const MOST_TEXT: usize = 256;
/// More attempts than any policy allows; of more, the first are shown.
const MOST_ATTEMPTS: usize = 16;

/// What a call or an attempt has ended with.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    code: Code,
    error: Option<Box<str>>,
    at: Instant,
}

impl Outcome {
    pub(super) fn of(ending: &Ending<'_>) -> Self {
        // Source: PROTOCOL-HTTP2, "Percent-Encoded".
        let told = || {
            let message = percent_decode(ending.metadata()?.get("grpc-message")?.as_bytes());
            Some(cut(&message.decode_utf8_lossy()))
        };
        let error = match ending {
            Ending::Failed(status) => Some(cut(status.message())),
            _ => told(),
        };
        Self { code: ending.code(), error, at: Instant::now() }
    }
}

fn cut(text: &str) -> Box<str> {
    text.chars().take(MOST_TEXT).collect::<String>().into()
}

/// A call, from its beginning until others have taken its place.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) target: Arc<str>,
    pub(super) path: Box<str>,
    pub(super) began: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    outcome: Option<Outcome>,
    trace_id: Option<String>,
    attempts: Vec<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    began: Instant,
    outcome: Option<Outcome>,
    endpoint: Option<Box<str>>,
}

impl Call {
    pub(super) fn new(target: Arc<str>, path: &str, began: Instant) -> Self {
        Self { target, path: cut(path), began, progress: Mutex::default() }
    }

    /// Gives the number of the attempt; `None` when there are too many to be kept.
    pub(super) fn attempt_began(&self, began: Instant) -> Option<usize> {
        let mut progress = self.progress();
        let number = progress.attempts.len();
        (number < MOST_ATTEMPTS).then(|| {
            progress.attempts.push(Attempt { began, outcome: None, endpoint: None });
            number
        })
    }

    pub(super) fn attempt_ended(
        &self,
        number: usize,
        outcome: Outcome,
        endpoint: Option<Box<str>>,
    ) {
        if let Some(attempt) = self.progress().attempts.get_mut(number) {
            attempt.outcome = Some(outcome);
            attempt.endpoint = endpoint;
        }
    }

    pub(super) fn ended(&self, outcome: Outcome, trace_id: Option<String>) {
        let mut progress = self.progress();
        progress.outcome = Some(outcome);
        progress.trace_id = trace_id;
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it looks when it is over.
    pub(super) fn finished(&self, server: &str, now: Instant) -> Option<FinishedCall> {
        let progress = self.progress();
        let outcome = progress.outcome.as_ref()?;
        let attempts = progress.attempts.iter().map(|attempt| {
            // One that nobody waits for any more may be told of its end a little later than its call.
            let ended = attempt.outcome.as_ref().unwrap_or(outcome);
            FinishedAttempt {
                began_ms: millis(attempt.began - self.began),
                took_ms: millis(ended.at.saturating_duration_since(attempt.began)),
                code: status_name(ended.code),
                error: ended.error.clone(),
                endpoint: attempt.endpoint.clone(),
            }
        });
        Some(FinishedCall {
            server: server.to_owned(),
            target: self.target.to_string(),
            method: self.path.clone(),
            code: status_name(outcome.code),
            error: outcome.error.clone(),
            took_ms: millis(outcome.at - self.began),
            ended_seconds_ago: now.saturating_duration_since(outcome.at).as_secs_f64(),
            trace_id: progress.trace_id.clone(),
            attempts: attempts.collect(),
        })
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// A call that is over.
#[derive(Debug, Serialize)]
pub(crate) struct FinishedCall {
    /// Who has made it.
    pub(crate) server: String,
    pub(crate) target: String,
    pub(crate) method: Box<str>,
    pub(crate) code: &'static str,
    pub(crate) error: Option<Box<str>>,
    pub(crate) took_ms: f64,
    pub(crate) ended_seconds_ago: f64,
    pub(crate) trace_id: Option<String>,
    pub(crate) attempts: Vec<FinishedAttempt>,
}

/// An attempt of it.
#[derive(Debug, Serialize)]
pub(crate) struct FinishedAttempt {
    /// Where it went, if it was picked.
    pub(crate) endpoint: Option<Box<str>>,
    /// After the beginning of the call.
    pub(crate) began_ms: f64,
    pub(crate) took_ms: f64,
    pub(crate) code: &'static str,
    pub(crate) error: Option<Box<str>>,
}
