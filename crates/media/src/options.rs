//! What the media server can be told.

use std::net::SocketAddr;

use clap::Args;
use tokio::time::Duration;
use wayside_chassis::parse_duration;

use crate::AllowRange;

/// The most that is ever read of a body. Formats put the size within the first kilobytes; a JPEG may have its thumbnail and
/// colour profile before it.
const MAX_BYTES: i64 = 256 * 1024;

/// What the media server can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct MediaArgs {
    /// A range of addresses to open beside the public internet, such as 10.1.0.0/16, or 127.0.0.1/32:9000 for one port of it; without
    /// a port, on 80, 443 and the ports of --media-allow-port. More with commas or by repeating the option.
    #[arg(
        long,
        env = "MEDIA_ALLOW_CIDR",
        value_delimiter = ',',
        value_name = "CIDR[:PORT]",
        help_heading = "Media"
    )]
    pub media_allow_cidr: Vec<AllowRange>,

    /// A port to open beside 80 and 443. More with commas or by repeating the option.
    #[arg(
        long,
        env = "MEDIA_ALLOW_PORT",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..),
        value_name = "PORT",
        help_heading = "Media"
    )]
    pub media_allow_port: Vec<u16>,

    /// A name server to ask instead of the system's, for instance one that knows no internal names.
    #[arg(long, env = "MEDIA_NAME_SERVER", value_name = "ADDRESS:PORT", help_heading = "Media")]
    pub media_name_server: Option<SocketAddr>,

    /// How long one download may take in all, with name lookups, redirects and whatever part of the body is needed.
    #[arg(
        long,
        env = "MEDIA_TIMEOUT",
        default_value = "10s",
        value_parser = timeout,
        value_name = "DURATION",
        help_heading = "Media"
    )]
    pub media_timeout: Duration,

    /// How many bytes of a body are read at most to find the size of the image; 262144 is the most that can be set.
    #[arg(
        long,
        env = "MEDIA_MAX_BYTES",
        default_value_t = MAX_BYTES as u32,
        value_parser = clap::value_parser!(u32).range(1..=MAX_BYTES),
        value_name = "BYTES",
        help_heading = "Media"
    )]
    pub media_max_bytes: u32,

    /// How many downloads run at a time; one more is refused at once with RESOURCE_EXHAUSTED.
    #[arg(
        long,
        env = "MEDIA_MAX_CONCURRENT",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        value_name = "COUNT",
        help_heading = "Media"
    )]
    pub media_max_concurrent: u32,
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => {
            Err("nothing can be downloaded in no time; the default is 10s".to_owned())
        }
        timeout => Ok(timeout),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: MediaArgs,
    }

    #[test]
    fn the_options_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_open_nothing_and_read_256_kib_in_10_seconds() {
        let args = Cli::parse_from(["media"]).args;
        assert!(args.media_allow_cidr.is_empty() && args.media_allow_port.is_empty());
        assert_eq!(args.media_max_bytes, 262_144);
        assert_eq!(args.media_timeout, Duration::from_secs(10));
    }

    #[test]
    fn lists_are_separated_by_commas_or_repeated() {
        let args = Cli::parse_from([
            "media",
            "--media-allow-port=8080,8081",
            "--media-allow-port=8082",
            "--media-allow-cidr=10.0.0.0/8,127.0.0.1/32:9000",
            "--media-allow-cidr=fd00::/8:81",
        ])
        .args;
        assert_eq!(args.media_allow_port, [8080, 8081, 8082]);
        let ranges = args.media_allow_cidr.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ranges, ["10.0.0.0/8", "127.0.0.1/32:9000", "fd00::/8:81"]);
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for option in [
            "--media-allow-cidr=127.0.0.1",
            "--media-allow-cidr=127.0.0.1/32:0",
            "--media-allow-port=0",
            "--media-allow-port=65536",
            "--media-max-bytes=0",
            "--media-max-bytes=262145",
            "--media-max-concurrent=0",
            "--media-name-server=localhost:53",
            "--media-timeout=0s",
            "--media-timeout=10",
        ] {
            assert!(Cli::try_parse_from(["media", option]).is_err(), "{option}");
        }
    }
}
