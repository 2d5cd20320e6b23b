//! `wayside lab traces`: whether spans are lost, and what a collector that is gone costs.

use std::fmt;
use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Result, bail};
use tokio::time::{Duration, sleep};

use super::args::TracesArgs;
use super::protocol::{Call, Spec, Stack};
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

/// How much of the pace may be missing: workers that are late make up for it, so it is the CPU that is missing where more of it is.
const MOST_MISSING: f64 = 0.01;

/// Measures, and prints.
///
/// # Errors
/// When a span is lost, memory is not bounded, or the machine is too slow for as many calls as are asked for.
pub(crate) async fn traces(args: TracesArgs) -> Result<()> {
    let receiver = Receiver::start().await?;
    let live = load(&receiver.url, &args).await?;
    let lost = live.calls.saturating_sub(receiver.spans());
    say(&format!("live collector: {live}; {lost} spans lost"))?;
    let dead = load(NOBODY, &args).await?;
    let growth = dead.growth_mib;
    say(&format!(
        "no collector: {dead}; the server has grown by {growth:.1} MiB; bar: at most {MOST_GROWTH_MIB}"
    ))?;
    let mut wrong = Vec::new();
    if lost > 0 || growth > MOST_GROWTH_MIB {
        wrong.push("a bar is missed".to_owned());
    }
    wrong.extend([live, dead].iter().find_map(Load::too_slow));
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}

/// What became of the calls to a server.
#[derive(Clone, Copy, Debug)]
struct Load {
    calls: u64,
    /// From the first to the last call.
    per_second: f64,
    /// How many were to be made.
    asked_per_second: f64,
    growth_mib: f64,
}

impl Load {
    /// Says so if fewer calls were made than had to be.
    fn too_slow(&self) -> Option<String> {
        let Self { per_second, asked_per_second: asked, .. } = self;
        (*per_second < asked * (1.0 - MOST_MISSING)).then(|| {
            format!(
                "the pace was missed: {per_second:.0} of {asked:.0} calls a second; this machine has too little CPU left, ask for less with --rate"
            )
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, per_second, asked_per_second, .. } = self;
        write!(
            formatter,
            "{calls} calls, {per_second:.0} a second of {asked_per_second:.0} asked for"
        )
    }
}

/// Has a server called whose spans go to a collector.
async fn load(collector: &str, args: &TracesArgs) -> Result<Load> {
    let options = ["--traces", "otlp", "--otel-exporter-otlp-endpoint", collector];
    let options = options.map(str::to_owned).to_vec();
    let plan = ServerPlan { options, log: "info,access=warn", ..ServerPlan::of(Backend::Wayside) };
    let mut server = Server::start(&plan, 0, Duration::ZERO).await?;
    let workers = args.rate * PACE.as_millis() as u32 / 1000;
    let spec = Spec {
        stack: Stack::TonicOne,
        addresses: vec![server.address],
        list_changes: false,
        workers,
        clients: 1,
        pace_ms: PACE.as_millis() as u64,
        catches_up: true,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        metadata: Vec::new(),
        counted: false,
    };
    let started = Client::start("client", &spec, Path::new(""), None).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("the client cannot run: {why}"))?;
    client.go().await?;
    let warm_up = WARM_UP.min(args.duration / 2);
    sleep(warm_up).await;
    let before = server.resident_mib()?;
    sleep(args.duration - warm_up).await;
    client.stop().await?;
    let calls = client.calls().await?;
    let growth_mib = server.resident_mib()? - before;
    // Its last spans are exported before it is gone.
    server.stop().await?;
    Ok(Load {
        calls: calls.len() as u64,
        per_second: per_second(&calls),
        asked_per_second: f64::from(workers) / PACE.as_secs_f64(),
        growth_mib,
    })
}

fn per_second(calls: &[Call]) -> f64 {
    let starts = || calls.iter().map(|call| call.start_us);
    let (Some(first), Some(last)) = (starts().min(), starts().max()) else { return 0.0 };
    let time = Duration::from_micros(last - first).as_secs_f64();
    if time > 0.0 { (calls.len() - 1) as f64 / time } else { 0.0 }
}

fn say(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_a_second_are_those_between_the_first_and_the_last() {
        let call = |start_us| Call { start_us, latency_us: 1, server: None, code: 0 };
        let calls: Vec<_> = [1_500, 500, 1_000, 0, 2_000].map(|at| call(1_000_000 + at)).into();
        assert_eq!(per_second(&calls), 2000.0);
        assert_eq!(per_second(&[]), 0.0);
    }

    #[test]
    fn a_pace_that_is_missed_by_more_than_a_hundredth_is_told_as_what_it_is() {
        let load =
            |per_second| Load { calls: 1, per_second, asked_per_second: 2000.0, growth_mib: 0.0 };
        assert_eq!(load(1980.0).too_slow(), None);
        let told = load(1979.0).too_slow().unwrap();
        assert!(told.contains("1979 of 2000 calls a second") && told.contains("CPU"), "{told}");
    }
}
