//! Greet as an [`App`].

use clap::{Args, ValueEnum};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::{App, PathAlias, Setup, StartError};
use wayside_proto::greet::v1::greet_service_server::GreetServiceServer;

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

    async fn routes(args: GreetArgs, _: &Setup) -> Result<Routes, StartError> {
        let words = Words::new(args.greet_release, &args.greet_pod_name, &args.greet_pod_ip);
        let service = GreetServiceServer::new(Greeter::new(words))
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        Ok(Routes::new(service))
    }
}
