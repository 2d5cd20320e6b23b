//! What `wayside lab` can be told.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use tokio::time::Duration;
use wayside_chassis::parse_duration;

use super::explain;
use super::faults::Fault;
use super::stage::Backend;
use super::strategies::{STRATEGIES, Strategy};

#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(args_conflicts_with_subcommands = true, after_long_help = explain::everything())]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LabCommand>,

    /// Only these faults, separated by commas.
    #[arg(
        long = "fault",
        value_enum,
        value_delimiter = ',',
        value_name = "FAULT",
        hide_possible_values = true
    )]
    pub(crate) faults: Vec<Fault>,

    /// Only these strategies, separated by commas.
    #[arg(long = "strategy", value_parser = strategy_parser(), value_delimiter = ',', value_name = "STRATEGY", hide_possible_values = true)]
    pub(crate) strategies: Vec<&'static Strategy>,

    /// How long each fault is run, instead of the time that shows it well, which is 10 to 20 s.
    #[arg(long, value_parser = run_time, value_name = "DURATION")]
    pub(crate) duration: Option<Duration>,

    /// How many workers each client has; a worker makes one call after the other.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000), value_name = "NUMBER")]
    pub(crate) workers: u32,

    /// How many restarts sigterm and sigkill make.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000), value_name = "NUMBER")]
    pub(crate) restarts: u32,

    /// The deadline of every call.
    #[arg(long, default_value = "5s", value_parser = run_time, value_name = "DURATION")]
    pub(crate) timeout: Duration,

    /// Runs one strategy after the other, each with servers of its own, instead of all at once against the same servers.
    #[arg(long)]
    pub(crate) alone: bool,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// A Python that has grpcio, for the strategies that need it; tests/tools/python makes one.
    #[arg(long, default_value = "python3", value_name = "PATH")]
    pub(crate) python: PathBuf,

    /// Says what the faults and strategies are, and does nothing else.
    #[arg(long)]
    pub(crate) list: bool,
}

/// Options of every measurement.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct CommonArgs {
    /// Whose servers are called.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) server: Backend,

    /// Prints one JSON document instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Measure calls per second and the client's CPU time, ours beside tonic's.
    #[command(long_about = explain::throughput())]
    Throughput(ThroughputArgs),

    /// Measure what the interceptors cost a server: the whole stack beside the bare server.
    #[command(long_about = explain::stack())]
    Stack(StackArgs),

    /// Ask a server for more than it can do, with and without load shedding.
    #[command(long_about = explain::overload())]
    Overload(OverloadArgs),

    /// Measure whether spans are lost on their way to a collector, and how a server grows without one.
    Traces(TracesArgs),
}

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct OverloadArgs {
    /// How long each load is measured, after 4 s that are not.
    #[arg(long, default_value = "10s", value_parser = run_time, value_name = "DURATION")]
    pub(crate) duration: Duration,

    /// Prints one JSON document instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct TracesArgs {
    /// How long the server is called with a collector, and again without.
    #[arg(long, default_value = "60s", value_parser = run_time, value_name = "DURATION")]
    pub(crate) duration: Duration,

    /// How many calls a second are made; a multiple of 20, else as many as the next below it.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=20_000), value_name = "NUMBER")]
    pub(crate) rate: u32,
}

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct ThroughputArgs {
    /// How many workers each client has; each makes its next call when the last one is answered.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000), value_name = "NUMBER")]
    pub(crate) workers: u32,

    /// How long each client is measured, after half a second that is not.
    #[arg(long, default_value = "3s", value_parser = run_time, value_name = "DURATION")]
    pub(crate) duration: Duration,

    /// How often the two clients of a pair take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "NUMBER")]
    pub(crate) rounds: u32,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct StackArgs {
    /// How many connections the client has.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "NUMBER")]
    pub(crate) connections: u32,

    /// How many calls are in flight on each connection.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "NUMBER")]
    pub(crate) streams: u32,

    /// How long each server is measured in a round, after half a second that is not.
    #[arg(long, default_value = "3s", value_parser = run_time, value_name = "DURATION")]
    pub(crate) duration: Duration,

    /// How many rounds there are.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "NUMBER")]
    pub(crate) rounds: u32,

    /// Counts instructions and allocations of a call with valgrind instead, which a busy machine does not change; prints server, instructions, allocations.
    #[arg(long, conflicts_with_all = ["rounds", "duration", "json"])]
    pub(crate) instructions: bool,

    /// Prints one JSON document instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

fn strategy_parser() -> impl TypedValueParser<Value = &'static Strategy> {
    PossibleValuesParser::new(STRATEGIES.iter().map(|strategy| strategy.name))
        .try_map(|name| Strategy::named(&name).ok_or("a strategy that is not known"))
}

/// Reads a duration that makes sense for a run.
fn run_time(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    let sensible = Duration::from_millis(100)..=Duration::from_secs(3600);
    sensible.contains(&duration).then_some(duration).ok_or("from 100ms to 1h".to_owned())
}
