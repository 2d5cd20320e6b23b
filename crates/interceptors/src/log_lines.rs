//! What a test logs, as text.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use wayside_telemetry::{LineStyle, LogLayer};

/// Collects what a subscriber writes.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    pub(crate) fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(
            tracing_subscriber::fmt().with_ansi(false).with_writer(self.clone()).finish(),
        )
    }

    /// Logs as a process of ours does that logs JSON.
    pub(crate) fn subscribe_json(&self) -> tracing::subscriber::DefaultGuard {
        self.subscribe_as(LineStyle::Json)
    }

    pub(crate) fn subscribe_as(&self, style: LineStyle) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.layer(style)))
    }

    pub(crate) fn layer(&self, style: LineStyle) -> LogLayer<impl Fn(Level, &[u8]) + use<>> {
        let lines = self.clone();
        LogLayer::new(style, move |_, line: &[u8]| lines.0.lock().unwrap().extend_from_slice(line))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}
