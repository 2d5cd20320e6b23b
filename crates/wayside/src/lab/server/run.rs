//! The process of a server.

use std::io::{Write, stdout};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use wayside_chassis::{App, ProcessArgs, Setup, bind, prepare, prepare_bare};

use super::app::{SlowGreet, SlowGreetArgs};
use crate::lab::clock::cpu_time;
use crate::lab::orders::orders;
use crate::lab::stage::Backend;

/// What starts a server.
pub(crate) const SUBCOMMAND: &str = "lab-server";
/// What it prints once it takes connections.
pub(crate) const LISTENING: &str = "listening";
/// What it answers with the nanoseconds of CPU time that it has used so far.
pub(crate) const CPU_TIME: &str = "cpu";

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct LabServerArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,

    /// Whose server loop answers.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: Backend,

    #[command(flatten)]
    pub(crate) greet: SlowGreetArgs,
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
}

/// Serves until `stop`, and then as long as calls need; or until the lab is gone, and then ends at once.
pub(crate) async fn serve(args: LabServerArgs, stop: CancellationToken) -> Result<()> {
    let mut orders = orders();
    let obeying = async {
        while let Some(order) = orders.recv().await {
            if order == CPU_TIME {
                say(&cpu_time().as_nanos().to_string())?;
            }
        }
        Ok(())
    };
    let serving = async {
        let listener = bind(SlowGreet::NAME, args.listen).await?;
        match args.backend {
            Backend::Wayside => {
                let server =
                    prepare::<SlowGreet>(SlowGreet::NAME, args.greet, &args.process).await?;
                say(LISTENING)?;
                Ok(server.serve(listener, stop.cancelled_owned()).await?)
            }
            Backend::Bare => {
                let server =
                    prepare_bare::<SlowGreet>(SlowGreet::NAME, args.greet, &args.process).await?;
                say(LISTENING)?;
                Ok(server.serve(listener, stop.cancelled_owned()).await?)
            }
            Backend::Stock => stock(args.greet, listener, stop).await,
        }
    };
    tokio::select! {
        served = serving => served,
        orphaned = obeying => orphaned,
    }
}

/// tonic's server as its documentation has it, with the shutdown that it calls graceful.
async fn stock(args: SlowGreetArgs, listener: TcpListener, stop: CancellationToken) -> Result<()> {
    let routes = SlowGreet::routes(args, &Setup::default()).await?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    say(LISTENING)?;
    Server::builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
        .context("tonic's server failed")
}

fn say(line: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
