use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tonic::Code;

use super::{PerAttempt, PerCall};
use crate::client::retry::Attempts;
use crate::metrics::{
    ByCode, Finished, Histogram, LATENCY, Labels, Learned, Metric, OTHER, RETRIES, Source, Striped,
    TRANSPARENT_RETRIES, Totals, Within, method_name,
};

static ATTEMPT_STARTED: Metric =
    Metric::counter("grpc_client_attempt_started", "Attempts that were begun");
static ATTEMPT_DURATION: Metric = Metric::histogram(
    "grpc_client_attempt_duration_seconds",
    "What an attempt took, the wait for a connection included",
);
static ATTEMPT_SENT: Metric = Metric::histogram(
    "grpc_client_attempt_sent_total_compressed_message_size_bytes",
    "What the messages of a request took, compressed if they were",
);
static ATTEMPT_RECEIVED: Metric = Metric::histogram(
    "grpc_client_attempt_rcvd_total_compressed_message_size_bytes",
    "What the messages of a response took, compressed if they were",
);
static CALL_DURATION: Metric = Metric::histogram(
    "grpc_client_call_duration_seconds",
    "What a call took, with all attempts and the pauses between them",
);
static CALL_RETRIES: Metric =
    Metric::histogram("grpc_client_call_retries", "Retries of a call that had any");
static CALL_TRANSPARENT_RETRIES: Metric = Metric::histogram(
    "grpc_client_call_transparent_retries",
    "How often the channel has sent a call again by itself, if it has",
);
static CALL_HEDGES: Metric =
    Metric::histogram("grpc_client_call_hedges", "Hedges of a call that had any");
static CALL_RETRY_DELAY: Metric = Metric::histogram(
    "grpc_client_call_retry_delay_seconds",
    "The pauses of a call that was retried, together",
);

/// How many methods of a target each part of the counters, of which threads have their own, tells apart. More than any of our servers has; what generated clients
/// call is written in their code, so this is never reached but by a proxy.
const MAX_METHODS: usize = 256;

/// Counts the calls of a channel. A clone counts for the same channel.
#[derive(Clone, Debug)]
pub struct ClientCalls {
    target: Arc<str>,
    methods: Arc<Striped<Learned<Box<str>, Method>>>,
}

/// What is counted for a method.
#[derive(Debug, Default)]
struct Method {
    attempts_started: AtomicU64,
    attempts: ByCode<Finished>,
    calls: ByCode<Histogram>,
    /// Only there if a call was sent more than once.
    repeated: OnceLock<Box<Repeated>>,
}

#[derive(Debug)]
struct Repeated {
    retries: Histogram,
    transparent_retries: Histogram,
    hedges: Histogram,
    retry_delay: Histogram,
}

impl Repeated {
    fn new() -> Self {
        let [retries, hedges, retry_delay] = [&RETRIES, &RETRIES, &LATENCY].map(Histogram::new);
        let transparent_retries = Histogram::new(&TRANSPARENT_RETRIES);
        Self { retries, transparent_retries, hedges, retry_delay }
    }

    /// Source: gRFC A96: what a call did not need is not counted as 0.
    fn record(&self, attempts: Attempts) {
        let counts = [
            (&self.retries, attempts.retries),
            (&self.transparent_retries, attempts.transparent_retries),
            (&self.hedges, attempts.hedges),
        ];
        for (histogram, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            histogram.record(count.into());
        }
        if !attempts.retry_delay.is_zero() {
            self.retry_delay.record_time(attempts.retry_delay, None);
        }
    }
}

impl ClientCalls {
    /// Counts the calls to a target, as it is written in `grpc.target`.
    pub fn new(target: impl Into<Arc<str>>) -> Self {
        let methods = Striped::new(|| Learned::up_to(MAX_METHODS));
        Self { target: target.into(), methods: Arc::new(methods) }
    }

    /// What counts whole calls.
    pub fn per_call(&self) -> PerCall {
        PerCall(self.clone())
    }

    /// What counts attempts.
    pub fn per_attempt(&self) -> PerAttempt {
        PerAttempt(self.clone())
    }

    /// A call is made.
    pub fn start(&self, path: &str) -> ClientCall {
        ClientCall { method: self.methods.mine().get(path) }
    }
}

/// A call that goes on.
#[derive(Clone, Debug)]
pub struct ClientCall {
    method: Arc<Method>,
}

impl ClientCall {
    /// The call is sent, or sent again. What the channel below sends again by itself is the same attempt.
    pub fn attempt(&self) -> ClientAttempt {
        self.method.attempts_started.fetch_add(1, Ordering::Relaxed);
        ClientAttempt { method: self.method.clone() }
    }

    /// The call is over.
    pub fn end(&self, code: Code, totals: &Totals, attempts: Attempts) {
        let durations = self.method.calls.get_or(code, || Histogram::new(&LATENCY));
        durations.record_time(totals.duration, totals.trace_id);
        if attempts.total > 1 || attempts.transparent_retries > 0 {
            self.method.repeated.get_or_init(|| Box::new(Repeated::new())).record(attempts);
        }
    }
}

/// An attempt that goes on.
#[derive(Debug)]
#[must_use]
pub struct ClientAttempt {
    method: Arc<Method>,
}

impl ClientAttempt {
    /// The attempt is over.
    pub fn end(self, code: Code, totals: &Totals) {
        self.method.attempts.record(code, totals);
    }
}

impl Method {
    fn collect(&self, samples: &mut Within<'_>) {
        let started = self.attempts_started.load(Ordering::Relaxed);
        samples.add(&ATTEMPT_STARTED, Labels::default(), started);
        for (status, finished) in self.attempts.each() {
            let labels = || [("grpc_status", status)];
            samples.add(&ATTEMPT_DURATION, labels(), &finished.duration);
            samples.add(&ATTEMPT_SENT, labels(), &finished.sent);
            samples.add(&ATTEMPT_RECEIVED, labels(), &finished.received);
        }
        for (status, durations) in self.calls.each() {
            samples.add(&CALL_DURATION, [("grpc_status", status)], durations);
        }
        if let Some(repeated) = self.repeated.get() {
            samples.add(&CALL_RETRIES, Labels::default(), &repeated.retries);
            let transparent_retries = &repeated.transparent_retries;
            samples.add(&CALL_TRANSPARENT_RETRIES, Labels::default(), transparent_retries);
            samples.add(&CALL_HEDGES, Labels::default(), &repeated.hedges);
            samples.add(&CALL_RETRY_DELAY, Labels::default(), &repeated.retry_delay);
        }
    }
}

impl Source for ClientCalls {
    fn collect(&self, samples: &mut Within<'_>) {
        let mut samples = samples.within([("grpc_target", &*self.target)]);
        let mut each = |path: Option<&Box<str>>, method: &Method| {
            // `other` is there when there was one, as a client knows its methods.
            let called = method.attempts_started.load(Ordering::Relaxed) > 0
                || method.calls.each().next().is_some();
            if called {
                method.collect(
                    &mut samples
                        .within([("grpc_method", path.map_or(OTHER, |path| method_name(path)))]),
                );
            }
        };
        self.methods.each().for_each(|methods| methods.each(&mut each));
    }
}
