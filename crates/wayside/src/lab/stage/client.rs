//! A client of the run: one strategy in a process of its own.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::time::Duration;

use super::{Core, Process};
use crate::lab::protocol::{Amount, Answer, Call, Order, Spec, Stack, Totals};
use crate::lab::{client, grpcio};

/// Python takes its time to start, the more so when several do.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Beyond the longest call.
const REPORT_PATIENCE: Duration = Duration::from_secs(30);

/// More than anybody measures at a time.
const MEASURE_PATIENCE: Duration = Duration::from_secs(3600);

/// A client and its process.
#[derive(Debug)]
pub(crate) struct Client {
    process: Process,
    calls_may_take: Duration,
}

/// A client that is set up, or why there is none.
pub(crate) type Started = std::result::Result<Client, String>;

impl Client {
    /// Starts a client and waits until it is set up. The inner error is why it cannot do what is asked of it.
    pub(crate) async fn start(
        name: &str,
        spec: &Spec,
        python: &Path,
        core: Option<Core>,
    ) -> Result<Started> {
        let command = match spec.stack {
            Stack::Grpcio { .. } => grpcio::command(python),
            _ => Process::of_this_program(client::SUBCOMMAND)?,
        };
        let mut process = Process::start(name, command, core)?;
        process.order(&serde_json::to_string(spec)?).await?;
        let calls_may_take = Duration::from_millis(spec.timeout_ms);
        let mut client = Self { process, calls_may_take };
        match client.answer(START_PATIENCE).await? {
            Answer::Ready => Ok(Ok(client)),
            Answer::Unable(why) => Ok(Err(why)),
            other => bail!("{name} said {other:?} instead of being ready"),
        }
    }

    /// Lets it call.
    pub(crate) async fn go(&mut self) -> Result<()> {
        self.order(&Order::Go).await
    }

    /// Tells it of the servers that there are now.
    pub(crate) async fn resolve(&mut self, addresses: &[SocketAddr]) -> Result<()> {
        self.order(&Order::Addresses(addresses.to_vec())).await
    }

    /// Tells it to finish.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.order(&Order::Stop).await
    }

    /// Every call that it made, after it was told to finish.
    pub(crate) async fn calls(&mut self) -> Result<Vec<Call>> {
        match self.answer(self.calls_may_take + REPORT_PATIENCE).await? {
            Answer::Calls(calls) => Ok(calls),
            other => bail!("a client said {other:?} instead of its calls"),
        }
    }

    /// Lets it call so much, and gives what it counted.
    ///
    /// # Errors
    /// When a call was lost: whoever measures has done nothing to the servers.
    pub(crate) async fn measure(&mut self, amount: Amount) -> Result<Totals> {
        self.order(&Order::Measure(amount)).await?;
        match self.answer(MEASURE_PATIENCE).await? {
            Answer::Totals(Totals { calls, lost, .. }) if lost > 0 || calls == 0 => {
                bail!("{calls} calls were answered and {lost} lost where nothing is wrong")
            }
            Answer::Totals(totals) => Ok(totals),
            other => bail!("a client said {other:?} instead of its totals"),
        }
    }

    async fn order(&mut self, order: &Order) -> Result<()> {
        self.process.order(&serde_json::to_string(order)?).await
    }

    async fn answer(&mut self, patience: Duration) -> Result<Answer> {
        let line = self.process.answer(patience).await?;
        let start: String = line.chars().take(200).collect();
        serde_json::from_str(&line).with_context(|| format!("a client said '{start}'"))
    }
}
