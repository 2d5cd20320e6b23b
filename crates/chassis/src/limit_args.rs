//! How much of a server its callers may use, as options.

use clap::Args;
use wayside_interceptors::admission::{AdmissionLayer, by_identity_or_peer};
use wayside_interceptors::concurrency::ConcurrencyLayer;
use wayside_interceptors::load_shed::{Limit, LoadShedLayer};
use wayside_interceptors::rate_limit::{Quota, RateLimitLayer};
use wayside_interceptors::selector::{InvalidSelector, Selector};

use crate::stack::standard;

/// How much of a server its callers may use. Health checks and reflection are exempt from all of it.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct LimitArgs {
    /// How many calls a second are taken from all callers together, and how many at once: RATE:BURST, such as 150:5. Without it there is no such limit.
    #[arg(long, env = "RATE_LIMIT", value_parser = parse_quota, value_name = "RATE:BURST", help_heading = "Limits")]
    pub rate_limit: Option<Quota>,

    /// The same for each caller: by the identity of its token, else by its address.
    #[arg(long, env = "CALLER_RATE_LIMIT", value_parser = parse_quota, value_name = "RATE:BURST", help_heading = "Limits")]
    pub caller_rate_limit: Option<Quota>,

    /// How many calls may be in flight; more are refused at once. A number, or "adaptive": found by measuring how long calls take.
    #[arg(long, env = "MAX_CALLS", default_value = "4096", value_parser = parse_limit, value_name = "NUMBER|adaptive", help_heading = "Limits")]
    pub max_calls: Limit,

    /// How many calls each caller may have in flight. Without it there is no such limit.
    #[arg(long, env = "CALLER_MAX_CALLS", value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER", help_heading = "Limits")]
    pub caller_max_calls: Option<u32>,
}

/// Reads a quota: calls a second, and how many may come at once.
///
/// # Errors
/// A text that says what a quota looks like.
pub fn parse_quota(text: &str) -> Result<Quota, String> {
    let shape = "a quota is calls a second and a burst, both at least 1, such as 150:5";
    let (rate, burst) = text.split_once(':').ok_or(shape)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| shape.to_owned());
    Quota::per_second(number(rate)?, number(burst)?).map_err(|_| shape.to_owned())
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    if text == "adaptive" {
        return Ok(Limit::adaptive());
    }
    let number = text.parse().ok().filter(|number| *number > 0);
    number.map(Limit::Fixed).ok_or_else(|| "it is a number from 1, or adaptive".to_owned())
}

/// The layers of one server.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) tap: RateLimitLayer,
    pub(crate) load_shed: LoadShedLayer,
    pub(crate) caller: AdmissionLayer<CallerLimits>,
}

/// How fast a caller may call, and how often at a time.
pub(crate) type CallerLimits = (RateLimitLayer, ConcurrencyLayer);

/// How many long calls may be in flight where the limit of the others is found by measuring.
const MAX_LONG_CALLS: u32 = 4096;

impl LimitArgs {
    /// The layers of a server whose methods in `long` are streams that may be open for long.
    pub(crate) fn layers(&self, long: &[&str]) -> Result<Limits, InvalidSelector> {
        let mut in_flight = Selector::builder(Some(self.max_calls));
        if matches!(self.max_calls, Limit::Adaptive { .. }) {
            // They would hold the measured limit for themselves, and say nothing about how fast calls are.
            in_flight = long.iter().fold(in_flight, |list, pattern| {
                list.on(pattern, Some(Limit::Fixed(MAX_LONG_CALLS)))
            });
        }
        let for_each = |limit: Option<Quota>| standard(Selector::builder(limit), None);
        let caller_rate =
            RateLimitLayer::keyed(for_each(self.caller_rate_limit)?, by_identity_or_peer);
        let caller_calls = standard(Selector::builder(self.caller_max_calls), None)?;
        let caller_calls = ConcurrencyLayer::new(caller_calls, by_identity_or_peer);
        Ok(Limits {
            tap: RateLimitLayer::shared(for_each(self.rate_limit)?),
            load_shed: LoadShedLayer::per_method(standard(in_flight, None)?),
            caller: AdmissionLayer((caller_rate, caller_calls)),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        limits: LimitArgs,
    }

    #[test]
    fn only_calls_in_flight_are_bounded_unless_more_is_asked_for() {
        let limits = Cli::parse_from(["server"]).limits;
        assert!(limits.rate_limit.is_none() && limits.caller_rate_limit.is_none());
        assert!(limits.caller_max_calls.is_none());
        assert_eq!(limits.max_calls, Limit::Fixed(4096));
    }

    #[test]
    fn what_is_no_limit_is_refused_with_what_one_looks_like() {
        for (option, value, expected) in [
            ("--rate-limit", "150", "150:5"),
            ("--rate-limit", "0:5", "150:5"),
            ("--rate-limit", "150:0", "150:5"),
            ("--caller-rate-limit", "a:b", "150:5"),
            ("--max-calls", "0", "adaptive"),
            ("--max-calls", "many", "adaptive"),
            ("--caller-max-calls", "0", "1"),
        ] {
            let error = Cli::try_parse_from(["server", option, value]).unwrap_err().to_string();
            assert!(error.contains(option) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn long_calls_do_not_use_up_a_limit_that_is_found_by_measuring() {
        let long = "/test.Service/Watch";
        let limit = |max_calls: &str, path: &str| {
            let args = Cli::parse_from(["server", "--max-calls", max_calls]).limits;
            args.layers(&[long]).unwrap().load_shed.load(path).map(|load| load.limit)
        };
        assert_eq!(limit("adaptive", "/test.Service/Get"), Some(20));
        assert_eq!(limit("adaptive", long), Some(MAX_LONG_CALLS));
        assert_eq!(limit("100", long), Some(100));
        assert_eq!(limit("100", "/grpc.health.v1.Health/Watch"), None, "health is never shed");
    }
}
