//! Measuring.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::time::Duration;

use super::compare::{Measured, compare};
use super::count::count;
use super::everything::Everything;
use super::report::{Circumstances, report, verdict};
use super::rows::{ROWS, Row};
use crate::lab::args::StackArgs;
use crate::lab::progress::Progress;
use crate::lab::protocol::{Amount, Spec, Stack, Totals};
use crate::lab::receiver::Receiver;
use crate::lab::stage::{Client, Cores, Server, ServerPlan};
use crate::lab::turns::{TURN, turns};

const WARM_UP: Duration = Duration::from_millis(500);
/// What the servers and clients of a round need to start and to end.
const AROUND: Duration = Duration::from_millis(500);
/// Nothing is lost here, so the deadline is there because a call of a real client has one.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Measures every row, and reports.
///
/// # Errors
/// When a bar is missed, or something cannot be measured.
pub(crate) async fn stack(args: StackArgs) -> Result<()> {
    let (cores, where_kept) = match Cores::of_this_machine() {
        Ok(cores) => (Some(cores), cores.to_string()),
        Err(why) => (None, format!("not kept on cores of their own: {why:#}")),
    };
    let everything = Everything::new()?;
    if args.instructions {
        return count(&everything, cores, &args).await;
    }
    let round_time = (args.duration + WARM_UP) * ROWS.len() as u32 + AROUND;
    let mut progress = Progress::new(round_time * args.rounds);
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        let what = format!("round {round} of {}", args.rounds);
        rounds
            .push(progress.during(&what, round_time, play_round(&everything, cores, &args)).await?);
    }
    drop(progress);
    let compared = compare(&ROWS, &rounds);
    report(&Circumstances::new(&args, where_kept), &compared, args.json)?;
    verdict(&compared)
}

/// Starts a server and a client for each row, and lets them take short turns until each has had its time.
async fn play_round(
    everything: &Everything,
    cores: Option<Cores>,
    args: &StackArgs,
) -> Result<Vec<Measured>> {
    let mut pairs = Vec::new();
    for row in &ROWS {
        pairs.push(Pair::start(row, everything, cores, args).await?);
    }
    for player in turns(pairs.len(), args.duration) {
        pairs[player].take_turn().await?;
    }
    let mut measured = Vec::new();
    for pair in pairs {
        measured.push(pair.end().await?);
    }
    Ok(measured)
}

/// A server, its client, and what both have done in their turns. Between these the client makes no call, so neither takes time from others.
struct Pair {
    row: &'static Row,
    server: Server,
    client: Client,
    sum: Totals,
    server_cpu: Duration,
    receiver: Receiver,
    /// All calls, those that are not measured among them.
    calls: u64,
}

impl Pair {
    async fn start(
        row: &'static Row,
        everything: &Everything,
        cores: Option<Cores>,
        args: &StackArgs,
    ) -> Result<Self> {
        let receiver = Receiver::start().await?;
        let plan = ServerPlan {
            core: cores.map(|cores| cores.server),
            ..row.plan(everything, &receiver.url)
        };
        let server = Server::start(&plan, 0, Duration::ZERO).await?;
        let core = cores.map(|cores| cores.client);
        let spec = spec(&server, everything, args);
        let started = Client::start(row.name, &spec, Path::new(""), core).await?;
        let client = started.map_err(|why| anyhow::anyhow!("the client cannot run: {why}"))?;
        let mut pair = Self {
            row,
            server,
            client,
            sum: Totals::default(),
            server_cpu: Duration::ZERO,
            receiver,
            calls: 0,
        };
        pair.measure(WARM_UP).await?;
        Ok(pair)
    }

    async fn measure(&mut self, time: Duration) -> Result<Totals> {
        let totals = self.client.measure(Amount::of(time)).await;
        let totals = totals.with_context(|| self.row.name.to_owned())?;
        self.calls += totals.calls;
        Ok(totals)
    }

    async fn take_turn(&mut self) -> Result<()> {
        let before = self.server.cpu_time().await?;
        let totals = self.measure(TURN).await?;
        self.server_cpu += self.server.cpu_time().await?.saturating_sub(before);
        self.sum += totals;
        Ok(())
    }

    /// Ends the server, after its last spans if it exports any.
    async fn end(mut self) -> Result<Measured> {
        let mut spans_lost = None;
        if self.row.exports_every_call() {
            self.server.stop().await?;
            spans_lost = Some(self.calls.saturating_sub(self.receiver.spans()));
        } else {
            self.server.kill().await?;
        }
        let calls = self.sum.calls.max(1) as f64;
        Ok(Measured {
            spans_lost,
            calls_per_second: calls / self.sum.seconds,
            cpu_us: self.server_cpu.as_secs_f64() * 1e6 / calls,
            client_cpu_us: self.sum.cpu_seconds * 1e6 / calls,
        })
    }
}

/// What a client is told.
pub(super) fn spec(server: &Server, everything: &Everything, args: &StackArgs) -> Spec {
    Spec {
        stack: Stack::TonicOne,
        addresses: vec![server.address],
        list_changes: false,
        workers: args.connections * args.streams,
        clients: args.connections,
        pace_ms: 0,
        catches_up: false,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        // Whether the server looks at it or not: the client has the same work in every row.
        metadata: everything.metadata.clone(),
        counted: true,
    }
}
