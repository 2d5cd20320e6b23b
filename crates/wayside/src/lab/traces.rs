//! `wayside lab traces`: whether spans are lost, and what a collector that is gone costs.

use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Result, bail};
use tokio::time::{Duration, sleep};

use super::args::TracesArgs;
use super::protocol::{Spec, Stack};
use super::receiver::Receiver;
use super::stage::{Backend, Client, Server, ServerPlan};

/// How often a worker makes a call: longer than a call takes on a busy machine, so that there are as many as are asked for.
const PACE: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Until the memory of a server is what it needs for this load.
const WARM_UP: Duration = Duration::from_secs(3);
/// A port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:9";
/// What a queue of 2,048 spans and the batch on its way may take, and as much again for what the allocator keeps.
const MOST_GROWTH_MIB: f64 = 8.0;

/// Measures, and prints.
///
/// # Errors
/// When a span is lost, or memory is not bounded.
pub(crate) async fn traces(args: TracesArgs) -> Result<()> {
    let receiver = Receiver::start().await?;
    let (calls, _) = load(&receiver.url, &args).await?;
    let lost = calls.saturating_sub(receiver.spans());
    let rate = calls as f64 / args.duration.as_secs_f64();
    let text = format!(
        "live collector: {calls} calls in {:?}, {rate:.0} a second; {lost} spans lost",
        args.duration
    );
    say(&text)?;
    let (calls, growth) = load(NOBODY, &args).await?;
    let text = format!(
        "no collector: {calls} calls in {:?}; the server has grown by {growth:.1} MiB; bar: at most {MOST_GROWTH_MIB}",
        args.duration
    );
    say(&text)?;
    if lost > 0 || growth > MOST_GROWTH_MIB {
        bail!("a bar is missed");
    }
    Ok(())
}

/// Has a server called whose spans go to a collector; gives how many calls it has answered, and how many MiB it has grown by.
async fn load(collector: &str, args: &TracesArgs) -> Result<(u64, f64)> {
    let options = ["--traces", "otlp", "--otel-exporter-otlp-endpoint", collector];
    let options = options.map(str::to_owned).to_vec();
    let plan = ServerPlan { options, log: "info,access=warn", ..ServerPlan::of(Backend::Wayside) };
    let mut server = Server::start(&plan, 0, Duration::ZERO).await?;
    let spec = Spec {
        stack: Stack::TonicOne,
        addresses: vec![server.address],
        list_changes: false,
        workers: args.rate * PACE.as_millis() as u32 / 1000,
        clients: 1,
        pace_ms: PACE.as_millis() as u64,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        metadata: Vec::new(),
        counted: false,
    };
    let started = Client::start("client", &spec, Path::new(""), None).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("the client cannot run: {why}"))?;
    client.go().await?;
    sleep(WARM_UP.min(args.duration / 2)).await;
    let before = server.resident_mib()?;
    sleep(args.duration.saturating_sub(WARM_UP)).await;
    client.stop().await?;
    let calls = client.calls().await?.len() as u64;
    let growth = server.resident_mib()? - before;
    // Its last spans are exported before it is gone.
    server.stop().await?;
    Ok((calls, growth))
}

fn say(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
