//! The one subscriber of the process.

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

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

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not one; the text says what it should look like.
    #[error(
        "log filter '{filter}' is not valid: {source}; use a level such as info, or target=level pairs such as info,access=warn"
    )]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something in this process has set a subscriber before.
    #[error("logging is set up already")]
    AlreadySet,
}

/// Sends the log of this process to standard error.
///
/// `filter` has the form of `tracing_subscriber::EnvFilter`: a level, or `target=level` pairs separated by commas.
///
/// # Errors
/// When `filter` cannot be parsed, or when the process has a subscriber already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), InitError> {
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| InitError::Filter { filter: filter.to_owned(), source })?;
    let terminal = io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(terminal);
    let result = if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .finish()
            .try_init()
    } else {
        builder.finish().try_init()
    };
    result.map_err(|_| InitError::AlreadySet)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
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
}
