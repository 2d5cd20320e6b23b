//! Takes spans from the queue and sends them away.

use std::fmt;
use std::future::Future;
use std::io::{BufWriter, Write, stdout};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::otlp::Request;
use super::{Exported, SpanQueue, TraceSettings, stdout};

/// The first wait before a request is sent again, and the longest one. Source: OTLP, "Failures": exponential backoff.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// Requests that are sent so often are given up: what waits in the queue is newer.
const MOST_ATTEMPTS: u32 = 6;
/// How often the log says that spans are not exported.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// Where spans go.
pub enum Export {
    /// To standard output, a line of JSON each.
    Stdout,
    /// To a collector.
    Otlp(Box<dyn Transport>),
}

impl fmt::Debug for Export {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stdout => "Stdout",
            Self::Otlp(_) => "Otlp",
        })
    }
}

/// Takes requests of OTLP to a collector.
pub trait Transport: Send {
    /// Sends an encoded `ExportTraceServiceRequest`, and gives how many of its spans the collector has rejected. The first call is made on the exporter's own runtime, so
    /// that a connection can be made there.
    fn export<'a>(
        &'a mut self,
        request: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<usize, ExportError>> + 'a>>;
}

/// Why spans could not be exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ExportError {
    /// The reason, which names no secret.
    pub reason: String,
    /// Whether the same request may be taken later.
    pub retryable: bool,
}

pub(super) struct Exporter<T> {
    queue: Arc<SpanQueue<T>>,
    settings: TraceSettings,
    complaint: Option<Instant>,
    /// Lost since the last complaint.
    lost: usize,
    /// Those without room of which the log knows.
    dropped: u64,
    told: Option<Instant>,
}

impl<T: Exported> Exporter<T> {
    pub(super) fn new(queue: Arc<SpanQueue<T>>, settings: TraceSettings) -> Self {
        Self { queue, settings, complaint: None, lost: 0, dropped: 0, told: None }
    }

    /// Exports until the queue is closed and everything is exported, or until there is no more time for that.
    pub(super) async fn run(mut self, mut export: Export) {
        let mut request = Request::new(self.settings.resource.clone());
        let mut spans = Vec::new();
        while self.queue.next(&mut spans, self.settings.delay).await {
            for batch in spans.chunks(self.settings.batch.max(1)) {
                match &mut export {
                    Export::Stdout => self.print(batch),
                    Export::Otlp(transport) => {
                        batch.iter().for_each(|span| request.add(&span.view()));
                        let bytes = request.take();
                        self.send(&mut **transport, &bytes, batch.len()).await;
                    }
                }
            }
            spans.clear();
        }
    }

    fn print(&self, batch: &[T]) {
        let mut out = BufWriter::new(stdout().lock());
        let written = batch.iter().try_for_each(|span| stdout::write(&mut out, &span.view()));
        match written.and_then(|()| out.flush()) {
            Ok(()) => self.queue.exported(batch.len()),
            Err(_) => self.queue.failed(batch.len()),
        }
    }

    async fn send(&mut self, transport: &mut dyn Transport, request: &[u8], spans: usize) {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let error = match self.attempt(transport, request).await {
                Ok(rejected) => {
                    let rejected = rejected.min(spans);
                    self.queue.exported(spans - rejected);
                    self.queue.failed(rejected);
                    self.works_again();
                    return self.tell_of_dropped();
                }
                Err(error) => error,
            };
            let last = !error.retryable || attempt == MOST_ATTEMPTS || self.is_closed();
            self.complain(&error, if last { spans } else { 0 });
            if last {
                return self.queue.failed(spans);
            }
            self.pause(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Sends once, for as long as a request may take and the process may go on.
    async fn attempt(
        &self,
        transport: &mut dyn Transport,
        request: &[u8],
    ) -> Result<usize, ExportError> {
        let reason = |reason: &str| ExportError { reason: reason.to_owned(), retryable: true };
        let mut sending = std::pin::pin!(timeout(self.settings.timeout, transport.export(request)));
        let sent = loop {
            if let Some(until) = self.queue.closed() {
                let sent = timeout_at(until, sending.as_mut()).await;
                break sent.map_err(|_| reason("the process ends"))?;
            }
            tokio::select! {
                sent = &mut sending => break sent,
                () = self.queue.woken() => {}
            }
        };
        sent.map_err(|_| reason("the collector does not answer in time"))?
    }

    /// Waits, but not for longer than the process goes on.
    async fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while !self.is_closed() && timeout_at(until, self.queue.woken()).await.is_ok() {}
    }

    fn is_closed(&self) -> bool {
        self.queue.closed().is_some()
    }

    fn complain(&mut self, error: &ExportError, lost: usize) {
        self.lost += lost;
        let now = Instant::now();
        if self.complaint.is_none_or(|last| now - last >= COMPLAINT_EVERY) {
            let counts = self.queue.counts();
            let (lost, dropped) = (self.lost, counts.dropped);
            tracing::warn!(target: "traces", %error, lost, dropped, "spans are not exported");
            self.complaint = Some(now);
            self.lost = 0;
        }
    }

    /// A collector that takes everything may still be too slow.
    fn tell_of_dropped(&mut self) {
        let dropped = self.queue.counts().dropped;
        let now = Instant::now();
        let due = self.told.is_none_or(|last| now - last >= COMPLAINT_EVERY);
        if dropped > self.dropped && due {
            let more = dropped - self.dropped;
            tracing::warn!(target: "traces", dropped = more, "spans had no room in the queue");
            self.dropped = dropped;
            self.told = Some(now);
        }
    }

    fn works_again(&mut self) {
        if self.complaint.take().is_some() {
            tracing::info!(target: "traces", "spans are exported again");
        }
    }
}
