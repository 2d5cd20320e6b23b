//! The exporter's thread: its start and its end.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::Instant;

use super::exporter::{Export, Exporter};
use super::{Exported, SpanCounts, SpanQueue};

/// How long the exporter may take to notice that its time is over.
const LAST_PATIENCE: Duration = Duration::from_millis(100);

/// How spans are gathered and sent. The defaults are those of the batch processor in the specification of OpenTelemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// How many spans may wait. More are dropped. Default: 2,048.
    pub queue: usize,
    /// How many spans are sent at once. Default: 512.
    pub batch: usize,
    /// How long a span waits for others. Default: 5 s.
    pub delay: Duration,
    /// How long a request may take. Default: 10 s.
    pub timeout: Duration,
    /// How long the end of the process may wait until everything is exported. Default: 5 s.
    pub flush: Duration,
    /// What is said of every service: `OTEL_RESOURCE_ATTRIBUTES`. Default: nothing.
    pub resource: Vec<(String, String)>,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            queue: 2048,
            batch: 512,
            delay: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            flush: Duration::from_secs(5),
            resource: Vec::new(),
        }
    }
}

/// The exporter for as long as this is held. Dropping it takes no more spans, and waits until those that are there are exported, for as long as the settings say.
#[must_use = "nothing is exported once this is dropped"]
pub struct TracesGuard {
    close: Box<dyn Fn(Instant) + Send + Sync>,
    counts: Box<dyn Fn() -> SpanCounts + Send + Sync>,
    flush: Duration,
    ended: Receiver<()>,
}

/// Starts the thread that exports the spans of a queue.
///
/// # Errors
/// When the system has no thread for it.
pub fn start<T: Exported>(
    settings: TraceSettings,
    export: Export,
) -> io::Result<(Arc<SpanQueue<T>>, TracesGuard)> {
    let queue = Arc::new(SpanQueue::new(settings.queue, settings.batch));
    let flush = settings.flush;
    // Of its own, so that no call waits for the work on a batch, and so that the end of the process can wait for the last one.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (end, ended) = sync_channel(1);
    let exporter = Exporter::new(queue.clone(), settings);
    thread::Builder::new().name("traces".to_owned()).spawn(move || {
        runtime.block_on(exporter.run(export));
        // Nobody waits for it any more if this fails.
        let _ = end.send(());
    })?;
    let (closed, counted) = (queue.clone(), queue.clone());
    let guard = TracesGuard {
        close: Box::new(move |until| closed.close(until)),
        counts: Box::new(move || counted.counts()),
        flush,
        ended,
    };
    Ok((queue, guard))
}

impl TracesGuard {
    /// Waits for nothing: whoever ends the process has asked twice.
    pub fn abandon(mut self) {
        self.flush = Duration::ZERO;
    }
}

impl Drop for TracesGuard {
    fn drop(&mut self) {
        (self.close)(Instant::now() + self.flush);
        // The exporter ends by itself at that time; one that the system does not let run is left behind.
        let _ = self.ended.recv_timeout(self.flush + LAST_PATIENCE);
        let SpanCounts { exported, dropped, failed } = (self.counts)();
        if dropped + failed > 0 {
            tracing::warn!(target: "traces", exported, dropped, failed, "spans were lost");
        } else {
            tracing::info!(target: "traces", exported, "every span is exported");
        }
    }
}

impl fmt::Debug for TracesGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = (self.counts)();
        formatter.debug_struct("TracesGuard").field("counts", &counts).finish_non_exhaustive()
    }
}
