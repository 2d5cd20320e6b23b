//! A server of the run, which can be stopped, killed, frozen and started again on its port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rustix::process::Signal;
use serde::Serialize;
use tokio::time::Duration;

use super::{Core, Process};
use crate::lab::server::{CPU_TIME, LISTENING, SUBCOMMAND, pod_name};

/// Below the range from which the system gives ports to outgoing connections: such a port could be gone when its server comes back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How often another port is tried.
const TRIES: usize = 20;
const START_PATIENCE: Duration = Duration::from_secs(60);
/// More than the chassis gives calls to finish.
const STOP_PATIENCE: Duration = Duration::from_secs(35);

/// Whose server loop answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Backend {
    /// Ours, with its default options.
    #[default]
    Wayside,
    /// tonic's own, with graceful shutdown.
    Stock,
    /// Ours without any interceptor.
    Bare,
}

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wayside => "wayside",
            Self::Stock => "stock",
            Self::Bare => "bare",
        }
    }
}

/// What the servers of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct ServerPlan {
    pub(crate) backend: Backend,
    /// The shortest time between pings of a client that the server puts up with; its default is that of gRPC, 5 minutes.
    pub(crate) permit_pings: Option<Duration>,
    /// What is logged.
    pub(crate) log: &'static str,
    /// Options of a server's process besides these.
    pub(crate) options: Vec<String>,
    /// Where the servers run, if not anywhere.
    pub(crate) core: Option<Core>,
    /// A program that runs the servers and watches them, and its options.
    pub(crate) watcher: &'static [&'static str],
}

impl ServerPlan {
    /// Servers with their default options, which only log what went wrong.
    pub(crate) fn of(backend: Backend) -> Self {
        Self {
            backend,
            permit_pings: None,
            log: "error",
            options: Vec::new(),
            core: None,
            watcher: &[],
        }
    }
}

/// A server and its process.
#[derive(Debug)]
pub(crate) struct Server {
    plan: ServerPlan,
    number: usize,
    delay: Duration,
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Server {
    /// Starts a server on a free port.
    pub(crate) async fn start(plan: &ServerPlan, number: usize, delay: Duration) -> Result<Self> {
        let mut failure = None;
        for _ in 0..TRIES {
            let Some(address) = free_address() else { continue };
            match launch(plan, number, delay, address).await {
                Ok(process) => {
                    return Ok(Self { plan: plan.clone(), number, delay, address, process });
                }
                // Somebody may have taken the port between the look and the start.
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => bail!("no free port among {TRIES} from {PORTS:?}"),
        }
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.ended(STOP_PATIENCE).await?;
        if !status.success() {
            bail!("server {} ended with {status} when it was told to stop", self.number);
        }
        Ok(())
    }

    /// What was said on standard error before the end.
    pub(crate) async fn last_words(&mut self) -> String {
        self.process.last_words().await
    }

    /// SIGKILL, and waits for the end.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.process.kill().await
    }

    /// The CPU time that it has used so far, user and system.
    pub(crate) async fn cpu_time(&mut self) -> Result<Duration> {
        self.process.order(CPU_TIME).await?;
        let line = self.process.answer(START_PATIENCE).await?;
        let nanos = line.parse().with_context(|| format!("a server said '{line}'"))?;
        Ok(Duration::from_nanos(nanos))
    }

    /// The memory that it has.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        self.process.resident_mib()
    }

    /// SIGSTOP.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process = launch(&self.plan, self.number, self.delay, self.address).await?;
        Ok(())
    }
}

fn free_address() -> Option<SocketAddr> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(PORTS)));
    TcpListener::bind(address).is_ok().then_some(address)
}

async fn launch(
    plan: &ServerPlan,
    number: usize,
    delay: Duration,
    address: SocketAddr,
) -> Result<Process> {
    let mut command = Process::of_this_program_under(plan.watcher, SUBCOMMAND)?;
    command.args(["--listen", &address.to_string()]);
    command.args(["--backend", plan.backend.name(), "--pod", &pod_name(number)]);
    command.args(["--delay", &format!("{}ms", delay.as_millis()), "--log", plan.log]);
    command.args(&plan.options);
    if let Some(permit) = plan.permit_pings {
        command.args(["--keepalive-permit-time", &format!("{}ms", permit.as_millis())]);
        command.args(["--keepalive-permit-without-calls", "true"]);
    }
    let mut process = Process::start(format!("server {number}"), command, plan.core)?;
    let line = process.answer(START_PATIENCE).await?;
    (line == LISTENING)
        .then_some(process)
        .with_context(|| format!("server {number} said '{line}' instead of '{LISTENING}'"))
}
