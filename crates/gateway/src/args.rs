//! What the gateway can be told.

use clap::Args;
use tokio::time::Duration;
use wayside_balance::Target;
use wayside_chassis::parse_duration;

/// What the gateway can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct GatewayArgs {
    /// Where the greet server is, such as `dns:///greet:50051` [default: ipv4:127.0.0.1:50051]
    #[arg(long, env = "GATEWAY_GREET_TARGET", value_name = "TARGET", help_heading = "Gateway")]
    pub gateway_greet_target: Option<Target>,

    /// Where the media server is [default: ipv4:127.0.0.1:50053]
    #[arg(long, env = "GATEWAY_MEDIA_TARGET", value_name = "TARGET", help_heading = "Gateway")]
    pub gateway_media_target: Option<Target>,

    /// Where the movies server is [default: ipv4:127.0.0.1:20001]
    #[arg(long, env = "GATEWAY_MOVIES_TARGET", value_name = "TARGET", help_heading = "Gateway")]
    pub gateway_movies_target: Option<Target>,

    /// Where the accounts server is [default: ipv4:127.0.0.1:5052]
    #[arg(long, env = "GATEWAY_ACCOUNTS_TARGET", value_name = "TARGET", help_heading = "Gateway")]
    pub gateway_accounts_target: Option<Target>,

    /// Where the cache server is [default: ipv4:127.0.0.1:5051]
    #[arg(long, env = "GATEWAY_CACHE_TARGET", value_name = "TARGET", help_heading = "Gateway")]
    pub gateway_cache_target: Option<Target>,

    /// How long a request without a grpc-timeout header may take, streams included: more than 0, at most 5m.
    #[arg(long, env = "GATEWAY_TIMEOUT", default_value = "30s", value_parser = parse_timeout, value_name = "DURATION", help_heading = "Gateway")]
    pub gateway_timeout: Duration,

    /// How long a client may take to send the body of a request: more than 0, at most 5m.
    #[arg(long, env = "GATEWAY_BODY_TIMEOUT", default_value = "10s", value_parser = parse_timeout, value_name = "DURATION", help_heading = "Gateway")]
    pub gateway_body_timeout: Duration,

    /// How large the body of a request may be: bytes, or a number with KiB or MiB, at most 64MiB.
    #[arg(long, env = "GATEWAY_MAX_BODY", default_value = "4MiB", value_parser = parse_size, value_name = "SIZE", help_heading = "Gateway")]
    pub gateway_max_body: usize,
}

const MAX_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const MAX_SIZE: usize = 64 << 20;

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        return Err("it has to be more than 0 and at most 5m".to_owned());
    }
    Ok(timeout)
}

fn parse_size(text: &str) -> Result<usize, String> {
    let (number, unit) = if let Some(number) = text.strip_suffix("KiB") {
        (number, 1 << 10)
    } else if let Some(number) = text.strip_suffix("MiB") {
        (number, 1 << 20)
    } else {
        (text, 1)
    };
    let number: usize = number
        .parse()
        .map_err(|_| "a size is a number of bytes, such as 65536, 64KiB or 4MiB".to_owned())?;
    let size = number.checked_mul(unit).filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| "a size is from 1 byte to 64MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: GatewayArgs,
    }

    #[test]
    fn the_options_have_the_documented_defaults() {
        Cli::command().debug_assert();
        let args = Cli::parse_from(["gateway"]).args;
        assert!(args.gateway_greet_target.is_none());
        assert_eq!(args.gateway_timeout, Duration::from_secs(30));
        assert_eq!(args.gateway_body_timeout, Duration::from_secs(10));
        assert_eq!(args.gateway_max_body, 4 * 1024 * 1024);
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit_and_a_bound() {
        for (text, expected) in [("1", 1), ("65536", 65536), ("64KiB", 65536), ("64MiB", MAX_SIZE)]
        {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "1.5MiB",
            "65MiB",
            "1GiB",
            "99999999999999999999",
            "18446744073709551615MiB",
            "4 MiB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn timeouts_have_a_bound() {
        assert_eq!(parse_timeout("5m"), Ok(MAX_TIMEOUT));
        for text in ["0s", "301s", "30"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
