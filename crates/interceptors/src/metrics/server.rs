use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tonic::Code;

use super::{ByCode, Finished, Labels, Metric, Registered, Source, Striped, Totals, Within};
use crate::path_alias::PathAlias;

static STARTED: Metric = Metric::counter("grpc_server_call_started", "Calls that have come");
static DURATION: Metric = Metric::histogram(
    "grpc_server_call_duration_seconds",
    "From the head of the request to the end of the response",
);
static SENT: Metric = Metric::histogram(
    "grpc_server_call_sent_total_compressed_message_size_bytes",
    "What the messages of a response took, compressed if they were",
);
static RECEIVED: Metric = Metric::histogram(
    "grpc_server_call_rcvd_total_compressed_message_size_bytes",
    "What the messages of a request took, compressed if they were",
);

/// Counts the calls of a server. Source: gRFC A66, "Server Instruments".
///
/// A clone counts for the same server.
#[derive(Clone, Debug)]
pub struct ServerCalls {
    methods: Arc<Striped<Registered<Method>>>,
}

/// What is counted for a method.
#[derive(Debug, Default)]
struct Method {
    started: AtomicU64,
    finished: ByCode<Finished>,
}

impl ServerCalls {
    /// Counts calls by method for these paths, `/package.Service/Method`; all others are one method, `other`.
    pub fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::with_aliases(paths, &[])
    }

    /// As [`new`](Self::new). A call by an alias of a path counts as one by the path.
    pub fn with_aliases<P: AsRef<str>>(
        paths: impl IntoIterator<Item = P>,
        aliases: &[PathAlias],
    ) -> Self {
        let paths: Vec<_> = paths.into_iter().collect();
        let mut methods = Striped::new(|| Registered::new(paths.iter()));
        for path in &paths {
            let path = path.as_ref();
            for alias in aliases {
                if let Some(method) = path.strip_prefix(alias.to) {
                    let from = format!("{}{method}", alias.from);
                    methods.each_mut().for_each(|methods| methods.alias(&from, path));
                }
            }
        }
        Self { methods: Arc::new(methods) }
    }

    /// Counts a call that has come.
    pub fn start(&self, path: &str) -> ServerCall {
        let method = self.methods.mine().get(path).clone();
        method.started.fetch_add(1, Ordering::Relaxed);
        ServerCall { method }
    }

    /// How many calls have ended so far, by method (`package.Service/Method`) and status. A method may come several times: each thread counts by itself.
    pub fn ended(&self) -> impl Iterator<Item = (&str, Code, u64)> {
        self.methods.each().flat_map(Registered::each).flat_map(|(name, method)| {
            let by_code = method.finished.by_code();
            by_code.map(move |(code, finished)| (name, code, finished.duration.count()))
        })
    }
}

/// A call that goes on.
#[derive(Debug)]
#[must_use]
pub struct ServerCall {
    method: Arc<Method>,
}

impl ServerCall {
    /// The call is over.
    pub fn end(self, code: Code, totals: &Totals) {
        self.method.finished.record(code, totals);
    }
}

impl Source for ServerCalls {
    fn collect(&self, samples: &mut Within<'_>) {
        for (name, method) in self.methods.each().flat_map(Registered::each) {
            let mut samples = samples.within([("grpc_method", name)]);
            samples.add(&STARTED, Labels::default(), method.started.load(Ordering::Relaxed));
            for (status, finished) in method.finished.each() {
                let labels = || [("grpc_status", status)];
                samples.add(&DURATION, labels(), &finished.duration);
                samples.add(&SENT, labels(), &finished.sent);
                samples.add(&RECEIVED, labels(), &finished.received);
            }
        }
    }
}
