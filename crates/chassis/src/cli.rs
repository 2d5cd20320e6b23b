//! The options that every process has.

use clap::{ArgAction, Args};
use tokio::time::Duration;
use wayside_telemetry::LogFormat;

use crate::call_args::CallArgs;
use crate::jwt::JwtArgs;
use crate::limit_args::LimitArgs;
use crate::register_args::RegisterArgs;
use crate::server_args::ServerArgs;
use crate::tls::TlsArgs;
use crate::trace_args::TraceArgs;

/// Options of the process, whatever it serves.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct ProcessArgs {
    /// How log lines look: text on a terminal and JSON elsewhere, or one of them always.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t, help_heading = "Process")]
    pub log_format: LogFormat,

    /// What is logged: a level, or target=level pairs such as "info,access=warn" (which leaves out the line per call).
    #[arg(
        long,
        env = "LOG",
        default_value = "info",
        value_name = "FILTER",
        help_heading = "Process"
    )]
    pub log: String,

    /// Whether gRPC reflection is served, so that grpcurl needs no proto files.
    #[arg(long, env = "REFLECTION", default_value_t = true, action = ArgAction::Set, value_name = "BOOL", help_heading = "Process")]
    pub reflection: bool,

    /// How long calls in flight may take to finish after a stop signal; a second signal ends at once.
    #[arg(long, env = "DRAIN", default_value = "25s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Process")]
    pub drain: Duration,

    /// How long the server goes on as before after a stop signal, while health says NOT_SERVING, so that clients can turn away.
    #[arg(long, env = "LAME_DUCK", default_value = "1s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Process")]
    pub lame_duck: Duration,

    /// Whether the admin port shows every channel and the last calls at /debug/channels. Off by default; on in `wayside up` where that port is for this machine only.
    #[arg(long, env = "DEBUG_PAGES", action = ArgAction::Set, value_name = "BOOL", help_heading = "Process")]
    pub debug_pages: Option<bool>,

    /// What each server bounds.
    #[command(flatten)]
    pub server: ServerArgs,

    /// The files of TLS.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// How much of a server its callers may use.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Which tokens are good.
    #[command(flatten)]
    pub jwt: JwtArgs,

    /// What is told of calls as spans.
    #[command(flatten)]
    pub traces: TraceArgs,

    /// How other servers are called.
    #[command(flatten)]
    pub calls: CallArgs,

    /// Where this process registers itself.
    #[command(flatten)]
    pub register: RegisterArgs,
}

/// Reads a duration: a number and a unit, `ms`, `s`, `m` or `h`, such as `250ms` or `1.5s`.
///
/// # Errors
/// A text that says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|character: char| !(character.is_ascii_digit() || character == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a duration is a number and a unit: 250ms, 25s, 5m or 1h".to_owned()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| format!("'{number}' is not a number; a duration is like 250ms or 25s"))?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(365 * 24 * 3600))
        .ok_or_else(|| "a duration is at most a year".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, expected) in
            [("250ms", 250), ("1.5s", 1500), ("0s", 0), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1d", "1..5s", "1e400s", "99999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
