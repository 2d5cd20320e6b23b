//! The one subscriber of the process.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::{LineStyle, LogLayer, LogQueue};

/// What a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text when standard error is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// A line of text, with colours on a terminal.
    Text,
    /// A JSON object a line, its fields at the top level.
    Json,
}

impl LogFormat {
    fn style(self, terminal: bool) -> LineStyle {
        match self {
            Self::Auto if !terminal => LineStyle::Json,
            Self::Auto | Self::Text => LineStyle::Text { colours: terminal },
            Self::Json => LineStyle::Json,
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not one; the text says what it should look like.
    #[error(
        "log filter '{filter}' is not valid: {reason}; use a level such as info, or target=level pairs such as info,access=warn"
    )]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        reason: ParseError,
    },
    /// Something in this process has set a subscriber before.
    #[error("logging is set up already")]
    AlreadySet,
    /// The subscriber of the process is gone.
    #[error("the log has ended")]
    Gone,
    /// The system has no thread or no descriptor for it.
    #[error("cannot write the log: {0}")]
    System(io::Error),
}

/// Not as a cause, which whoever prints causes would say a second time.
impl From<io::Error> for InitError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// The log of the process for as long as this is held: nothing is logged any more once it is dropped.
#[derive(Debug)]
#[must_use = "the log ends when this is dropped"]
pub struct LogGuard(Arc<LogQueue>);

impl Drop for LogGuard {
    /// Waits until everything is written, or until the reader has taken nothing for a second.
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Sends the log of this process to standard error, until the guard is dropped: at the very end, after everything that logs.
///
/// `filter` has the form of `tracing_subscriber::EnvFilter`: a level, or `target=level` pairs separated by commas.
///
/// A panic is a line of the log too, and is written before whoever panics goes on, so that it is there even if the process aborts.
/// Whoever has stopped to read standard error holds up nobody who logs, see [`LogQueue`].
///
/// # Errors
/// When `filter` cannot be parsed, when the process has a subscriber already, or when the system has nothing to write with.
pub fn init(format: LogFormat, filter: &str) -> Result<LogGuard, InitError> {
    let (parsed, handle) = reload::Layer::new(parse(filter)?);
    let terminal = io::stderr().is_terminal();
    let style = format.style(terminal);
    // People who watch see each line at once.
    let gathering = if terminal { Duration::ZERO } else { LogQueue::GATHERING };
    // Not `io::stderr()`, whose lock the writer would hold while it waits for the reader, against everybody's last words.
    let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let queue = LogQueue::start(out, style, gathering)?;
    let guard = LogGuard(queue.clone());
    let lines = queue.clone();
    let layer = LogLayer::new(style, move |level, line: &[u8]| lines.append(level, line));
    let subscriber = tracing_subscriber::registry().with(parsed).with(layer);
    subscriber.try_init().map_err(|_| InitError::AlreadySet)?;
    // There is one subscriber in a process, and this is its filter.
    let _ = FILTER.set(LogFilter { handle, text: Mutex::new(filter.to_owned()) });
    std::panic::set_hook(Box::new(move |info| {
        log_panic(info);
        queue.flush();
    }));
    Ok(guard)
}

fn parse(filter: &str) -> Result<EnvFilter, InitError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|reason| InitError::Filter { filter: filter.to_owned(), reason })
}

/// The filter of the process's log, which can be replaced while it runs.
#[derive(Debug)]
pub struct LogFilter {
    handle: reload::Handle<EnvFilter, Registry>,
    text: Mutex<String>,
}

static FILTER: OnceLock<LogFilter> = OnceLock::new();

impl LogFilter {
    /// That of this process; none before [`init`].
    pub fn of_process() -> Option<&'static Self> {
        FILTER.get()
    }

    /// The filter in use, as it was given.
    pub fn text(&self) -> String {
        self.locked().clone()
    }

    /// Uses another filter from now on.
    ///
    /// # Errors
    /// When it is none; the one in use stays.
    pub fn replace(&self, filter: &str) -> Result<(), InitError> {
        let parsed = parse(filter)?;
        // Two who replace it at once leave the text of the filter that is in use.
        let mut text = self.locked();
        self.handle.reload(parsed).map_err(|_| InitError::Gone)?;
        filter.clone_into(&mut text);
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, String> {
        // A text is replaced in one step, so a panic elsewhere cannot have left half of one.
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic is a line of the log like any other: what the standard library prints would be the one line that no reader of JSON takes.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let text = info.payload_as_str().unwrap_or("not a text");
    tracing::error!(target: "panic", place, panic = text, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named_and_explained() {
        let error = init(LogFormat::Text, "info,access=loud").unwrap_err().to_string();
        assert!(
            error.contains("info,access=loud") && error.contains("info,access=warn"),
            "{error}"
        );
    }

    #[test]
    fn the_format_follows_the_terminal_unless_it_is_chosen() {
        let text = |colours| LineStyle::Text { colours };
        for (format, on_terminal, elsewhere) in [
            (LogFormat::Auto, text(true), LineStyle::Json),
            (LogFormat::Text, text(true), text(false)),
            (LogFormat::Json, LineStyle::Json, LineStyle::Json),
        ] {
            assert_eq!((format.style(true), format.style(false)), (on_terminal, elsewhere));
        }
    }
}
