//! What the gateway can be told.

use clap::Args;
use lookaside::LookasideClientArgs;
use tokio::time::Duration;
use wayside_balance::{MAX_CONNECTIONS, Pool, ServiceConfig, ServiceConfigError, Target};
use wayside_chassis::parse_duration;

/// What the gateway can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct GatewayArgs {
    /// Where the greet server is, such as `dns:///greet:50051` [default: ipv4:127.0.0.1:50051]
    #[arg(
        long,
        visible_alias = "greet-target",
        env = "GATEWAY_GREET_TARGET",
        value_name = "TARGET",
        help_heading = "Gateway"
    )]
    pub gateway_greet_target: Option<Target>,

    /// How calls to greet are spread and retried: a service config as JSON, `@FILE` with one, or the name of a policy alone, such as `pick_first`.
    #[arg(long, visible_alias = "greet-service-config", env = "GATEWAY_GREET_SERVICE_CONFIG", default_value = "round_robin", value_parser = parse_service_config, value_name = "JSON|@FILE|POLICY", help_heading = "Gateway")]
    pub gateway_greet_service_config: ServiceConfig,

    /// How many connections there are to each address of greet, at least and at most, up to 10: more than one for a server behind a layer-4 balancer, which spreads
    /// connections and not calls.
    #[arg(long, visible_alias = "greet-pool", env = "GATEWAY_GREET_POOL", default_value = "1:1", value_parser = parse_pool, value_name = "MIN:MAX", help_heading = "Gateway")]
    pub gateway_greet_pool: Pool,

    /// Where targets with the scheme `lookaside` are asked from.
    #[command(flatten)]
    pub lookaside: LookasideClientArgs,

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

/// The longest file that is taken for a service config.
const MAX_SERVICE_CONFIG_BYTES: u64 = 64 << 10;

/// Reads the option, and its file, before anything starts.
fn parse_service_config(text: &str) -> Result<ServiceConfig, String> {
    let json = match text.strip_prefix('@') {
        Some(path) => read_service_config(path)?,
        None if text.starts_with('{') => text.to_owned(),
        None if is_policy_name(text) => format!(r#"{{"loadBalancingConfig":[{{"{text}":{{}}}}]}}"#),
        None => {
            return Err("write a service config as JSON, @FILE, or the name of a policy".to_owned());
        }
    };
    json.parse().map_err(|error: ServiceConfigError| error.to_string())
}

fn read_service_config(path: &str) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("{path} cannot be read: {error}");
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_SERVICE_CONFIG_BYTES {
        return Err(format!("{path} is longer than 64 KiB, so it is no service config"));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn is_policy_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn parse_pool(text: &str) -> Result<Pool, String> {
    let numbers = text
        .split_once(':')
        .and_then(|(min, max)| Some((min.parse::<usize>().ok()?, max.parse::<usize>().ok()?)));
    match numbers {
        Some((min, max)) if (1..=max).contains(&min) && max <= MAX_CONNECTIONS => {
            Ok(Pool { min, max, ..Pool::default() })
        }
        _ => Err(format!("a pool is MIN:MAX, such as 1:4, from 1 to {MAX_CONNECTIONS}")),
    }
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
    fn greet_has_the_names_of_its_options_without_the_gateway() {
        let args = Cli::parse_from([
            "gateway",
            "--greet-target",
            "lookaside:///default/greet:50051",
            "--greet-service-config",
            "random",
            "--greet-pool",
            "2:4",
            "--lookaside-address",
            "dns:///lookaside:50055",
        ])
        .args;
        assert_eq!(args.gateway_greet_target.unwrap().scheme(), "lookaside");
        assert_eq!(args.lookaside.lookaside_address.unwrap().to_string(), "dns:///lookaside:50055");
        assert_eq!((args.gateway_greet_pool.min, args.gateway_greet_pool.max), (2, 4));
    }

    #[test]
    fn a_service_config_is_json_a_file_or_the_name_of_a_policy() {
        let json = r#"{"loadBalancingConfig": [{"pick_first": {}}]}"#;
        let path = std::env::temp_dir().join(format!("wayside-config-{}", own_name()));
        std::fs::write(&path, json).unwrap();
        let expected: ServiceConfig = json.parse().unwrap();
        for text in [json.to_owned(), "pick_first".to_owned(), format!("@{}", path.display())] {
            assert_eq!(parse_service_config(&text).unwrap(), expected, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        for (text, part) in [
            ("", "name of a policy"),
            ("no_such_policy", "round_robin"),
            ("{", ""),
            ("@/nowhere", "/nowhere"),
            ("pick-first", "name of a policy"),
        ] {
            let error = parse_service_config(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    /// A name that no other test has.
    fn own_name() -> String {
        format!("{}-{:?}", std::process::id(), std::thread::current().id())
    }

    #[test]
    fn a_pool_has_bounds_that_make_sense() {
        let pool = parse_pool("1:10").unwrap();
        assert_eq!((pool.min, pool.max), (1, 10));
        for text in ["", "1", "0:1", "2:1", "1:11", "1:2:3", "a:b", "-1:2"] {
            assert!(parse_pool(text).is_err(), "{text}");
        }
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
