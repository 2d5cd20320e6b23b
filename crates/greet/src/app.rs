//! Greet as an [`App`].

use clap::{ArgAction, Args, ValueEnum};
use tokio::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::{
    App, DryRunSupport, Needs, PathAlias, Selector, Setup, StartError, Timeouts,
};
use wayside_proto::greet::v1::greet_service_server::GreetServiceServer;

use crate::host;
use crate::service::Greeter;
use crate::words::Words;

/// The greet server.
#[derive(Debug)]
pub struct Greet;

/// What the greet server can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct GreetArgs {
    /// The release of the API to serve: 1 knows no delay and answers in `result` only.
    #[arg(long, env = "GREET_RELEASE", value_enum, default_value_t, help_heading = "Greet")]
    pub greet_release: Release,

    /// The name of this replica, said in every greeting.
    #[arg(
        long,
        env = "POD_NAME",
        default_value = "",
        hide_default_value = true,
        value_name = "NAME",
        help_heading = "Greet"
    )]
    pub greet_pod_name: String,

    /// The IP address of this replica, said in every greeting.
    #[arg(
        long,
        env = "POD_IP",
        default_value = "",
        hide_default_value = true,
        value_name = "IP",
        help_heading = "Greet"
    )]
    pub greet_pod_ip: String,

    /// Whether the name and the IP address of this machine are said where POD_NAME and POD_IP are not set: for replicas in containers, which
    /// share their settings.
    #[arg(long, env = "GREET_POD_FROM_HOST", default_value_t = false, action = ArgAction::Set, value_name = "BOOL", help_heading = "Greet")]
    pub greet_pod_from_host: bool,
}

impl GreetArgs {
    /// The name and the IP address of this replica.
    fn pod(self) -> (String, String) {
        let (name, ip) = match self.greet_pod_from_host {
            true => host::name_and_ip(),
            false => Default::default(),
        };
        let or = |set: String, found| if set.is_empty() { found } else { set };
        (or(self.greet_pod_name, name), or(self.greet_pod_ip, ip))
    }
}

/// A release of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Release {
    /// The first: a greeting in `result`.
    #[value(name = "1")]
    First,
    /// The second: `delay` in the request, `greeting` in the response.
    #[default]
    #[value(name = "2")]
    Second,
}

impl App for Greet {
    const NAME: &'static str = "greet";
    const ABOUT: &'static str = "Greets people over gRPC and says which replica did it.";
    const PORT: u16 = 50051;
    const SERVICES: &'static [&'static str] = &["greet.v1.GreetService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;
    const ALIASES: &'static [PathAlias] =
        &[PathAlias { from: "/greet.GreetService/", to: "/greet.v1.GreetService/" }];

    type Args = GreetArgs;

    fn needs(_: &GreetArgs) -> Needs {
        // Twice the longest delay that a request may ask for. A stream has one for each greeting, so it may take as long as it takes.
        let greet = Timeouts { default: Some(Duration::from_secs(60)), max: None };
        Needs {
            timeouts: Selector::builder(Timeouts::default())
                .on("/greet.v1.GreetService/Greet", greet),
            // A greeting changes nothing.
            dry_run: Selector::builder(DryRunSupport::ReadOnly),
            long_calls: &[
                "/greet.v1.GreetService/GreetManyTimes",
                "/greet.v1.GreetService/LongGreet",
                "/greet.v1.GreetService/GreetEveryone",
            ],
            ..Needs::default()
        }
    }

    async fn routes(args: GreetArgs, _: &Setup) -> Result<Routes, StartError> {
        let release = args.greet_release;
        let (name, ip) = args.pod();
        let words = Words::new(release, &name, &ip);
        let service = GreetServiceServer::new(Greeter::new(words))
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        Ok(Routes::new(service))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: GreetArgs,
    }

    #[test]
    fn greet_has_a_timeout_the_streams_have_none_and_all_can_be_tried() {
        let needs = Greet::needs(&Cli::parse_from(["greet"]).args);
        let (timeouts, dry_run) = (needs.timeouts.build().unwrap(), needs.dry_run.build().unwrap());
        for (method, seconds) in [
            ("Greet", Some(60)),
            ("GreetManyTimes", None),
            ("LongGreet", None),
            ("GreetEveryone", None),
        ] {
            let path = format!("/{}/{method}", Greet::SERVICES[0]);
            let expected = Timeouts { default: seconds.map(Duration::from_secs), max: None };
            assert_eq!(*timeouts.get(&path), expected, "{path}");
            assert_eq!(*dry_run.get(&path), DryRunSupport::ReadOnly, "{path}");
        }
    }
}
