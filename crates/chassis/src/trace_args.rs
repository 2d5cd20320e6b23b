//! Traces, as options: the names and defaults are those of OpenTelemetry's environment variables.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::{Args, ValueEnum};
use tokio::time::Duration;
use wayside_interceptors::trace::{Sampler, SpanSink, Tracer};
use wayside_telemetry::traces::{self, Export, TraceSettings, TracesGuard};

use crate::traces::{Collector, Measured, Pairs, QueueSink, SamplerName, Secrets};
use crate::{StartError, secret_value_parser};

/// A collector that does not answer holds the end of the process up for no longer, which comes after the drain.
const MOST_FLUSH: Duration = Duration::from_secs(5);

/// Where the spans of calls go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TracesTo {
    /// Nowhere: none are made.
    #[default]
    Off,
    /// To standard output, as a line of JSON each.
    Stdout,
    /// To a collector, as OTLP over gRPC.
    Otlp,
}

/// What is told of calls as spans. Source: OpenTelemetry, "Environment Variable Specification".
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct TraceArgs {
    /// Where the spans of calls go: nowhere, to standard output, or to a collector such as Jaeger.
    #[arg(long, env = "TRACES", value_enum, default_value_t, help_heading = "Traces")]
    pub traces: TracesTo,

    /// The collector, which speaks OTLP over gRPC.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        default_value = "http://localhost:4317",
        value_name = "URL",
        help_heading = "Traces"
    )]
    pub otel_exporter_otlp_endpoint: String,

    /// Metadata of every request to the collector, such as a token: name=value pairs separated by commas, values percent-encoded.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true,
        value_parser = secret_value_parser(str::parse::<Secrets>),
        value_name = "PAIRS",
        help_heading = "Traces"
    )]
    pub otel_exporter_otlp_headers: Secrets,

    /// The CA to verify an https collector with.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_CERTIFICATE",
        value_name = "FILE",
        help_heading = "Traces"
    )]
    pub otel_exporter_otlp_certificate: Option<PathBuf>,

    /// How long a request to the collector may take, in milliseconds.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TIMEOUT", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..), value_name = "MILLIS", help_heading = "Traces")]
    pub otel_exporter_otlp_timeout: u64,

    /// Which traces are exported. "parentbased": as the caller has decided, and as the rest says where there is none.
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_enum, default_value_t, help_heading = "Traces")]
    pub otel_traces_sampler: SamplerName,

    /// The part of traces that a ratio sampler exports, from 0 to 1. Errors that begin where no caller has decided are exported in any case.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value_t = 1.0, value_parser = parse_ratio, value_name = "RATIO", help_heading = "Traces")]
    pub otel_traces_sampler_arg: f64,

    /// What spans say whose they are, instead of the name of the server.
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", help_heading = "Traces")]
    pub otel_service_name: Option<String>,

    /// What spans say of the process: name=value pairs separated by commas, values percent-encoded.
    #[arg(
        long,
        env = "OTEL_RESOURCE_ATTRIBUTES",
        default_value = "",
        hide_default_value = true,
        value_name = "PAIRS",
        help_heading = "Traces"
    )]
    pub otel_resource_attributes: Pairs,

    /// How long a span waits for others, in milliseconds.
    #[arg(
        long,
        env = "OTEL_BSP_SCHEDULE_DELAY",
        default_value_t = 5000,
        value_name = "MILLIS",
        help_heading = "Traces"
    )]
    pub otel_bsp_schedule_delay: u64,

    /// How many spans may wait; more are dropped and counted.
    #[arg(long, env = "OTEL_BSP_MAX_QUEUE_SIZE", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "NUMBER", help_heading = "Traces")]
    pub otel_bsp_max_queue_size: u32,

    /// How many spans are sent at once.
    #[arg(long, env = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=8192), value_name = "NUMBER", help_heading = "Traces")]
    pub otel_bsp_max_export_batch_size: u32,

    /// How long the end of the process waits until every span is exported, in milliseconds; never longer than --drain, or than five seconds.
    #[arg(
        long,
        env = "OTEL_BSP_EXPORT_TIMEOUT",
        default_value_t = 30_000,
        value_name = "MILLIS",
        help_heading = "Traces"
    )]
    pub otel_bsp_export_timeout: u64,

    /// Who makes spans, once the process has started; the clones of the options share it.
    #[arg(skip)]
    pub(crate) started: Arc<OnceLock<Tracer>>,
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().map_err(|_| "a ratio is a number such as 0.01".to_owned())?;
    Sampler::ratio(ratio).map(|_| ratio).map_err(|error| error.to_string())
}

impl TraceArgs {
    /// Starts to export, if it is asked for, until the guard is dropped; spans are waited for no longer than `drain` then.
    pub(crate) fn start(&self, drain: Duration) -> Result<Option<TracesGuard>, StartError> {
        let export = match self.traces {
            TracesTo::Off => return Ok(None),
            TracesTo::Stdout => Export::Stdout,
            TracesTo::Otlp => Export::Otlp(Box::new(self.collector()?)),
        };
        let settings = TraceSettings {
            queue: self.otel_bsp_max_queue_size as usize,
            batch: self.otel_bsp_max_export_batch_size as usize,
            delay: Duration::from_millis(self.otel_bsp_schedule_delay),
            timeout: Duration::from_millis(self.otel_exporter_otlp_timeout),
            flush: Duration::from_millis(self.otel_bsp_export_timeout).min(drain).min(MOST_FLUSH),
            resource: self.otel_resource_attributes.0.clone(),
        };
        let (queue, guard) = traces::start::<Measured>(settings, export)?;
        let sink: Arc<dyn SpanSink> = Arc::new(QueueSink(queue));
        self.started.get_or_init(|| Tracer::new("", self.sampler(), sink));
        Ok(Some(guard))
    }

    fn collector(&self) -> Result<Collector, StartError> {
        let headers = self.otel_exporter_otlp_headers.clone();
        let certificate = self.otel_exporter_otlp_certificate.as_deref();
        Collector::new(&self.otel_exporter_otlp_endpoint, headers, certificate).map_err(|reason| {
            StartError::Option { name: "traces", option: "--otel-exporter-otlp-endpoint", reason }
        })
    }

    fn sampler(&self) -> Sampler {
        self.otel_traces_sampler.sampler(self.otel_traces_sampler_arg)
    }

    /// Who makes the spans of a server and of the calls that it makes, if anybody does.
    pub(crate) fn tracer(&self, server: &str) -> Option<Tracer> {
        let name = self.otel_service_name.as_deref().filter(|name| !name.is_empty());
        self.started.get().map(|tracer| tracer.of(name.unwrap_or(server)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        traces: TraceArgs,
    }

    fn parse(arguments: &[&str]) -> Result<TraceArgs, String> {
        let arguments = ["test"].iter().chain(arguments);
        Cli::try_parse_from(arguments).map(|cli| cli.traces).map_err(|error| error.to_string())
    }

    #[test]
    fn traces_are_off_unless_they_are_asked_for() {
        let args = parse(&[]).unwrap();
        assert!(args.start(Duration::ZERO).unwrap().is_none());
        assert!(args.tracer("greet").is_none());
    }

    #[test]
    fn a_secret_is_neither_in_the_options_as_they_are_shown_nor_in_an_error() {
        let given = ["--otel-exporter-otlp-headers", "authorization=Bearer%20s3cret"];
        assert!(!format!("{:?}", parse(&given).unwrap()).contains("s3cret"));
        for wrong in ["s3cret", "=s3cret", "a b=s3cret", "a=s3cret%0A"] {
            let args = parse(&["--otel-exporter-otlp-headers", wrong]);
            let started = args.and_then(|args| {
                let args = TraceArgs { traces: TracesTo::Otlp, ..args };
                args.start(Duration::ZERO).map(drop).map_err(|error| error.to_string())
            });
            let error = started.unwrap_err();
            // What clap repeats is what was typed; the message of ours does not repeat it once more.
            assert!(error.matches("s3cret").count() <= 1, "{error}");
        }
    }

    #[test]
    fn samplers_have_the_names_of_the_specification() {
        let ratio = |text| Sampler::ratio(text).unwrap();
        for (arguments, expected) in [
            (vec![], ratio(1.0).parent_based()),
            (vec!["always_on"], ratio(1.0)),
            (vec!["always_off"], ratio(0.0)),
            (vec!["traceidratio"], ratio(0.25)),
            (vec!["parentbased_always_on"], ratio(1.0).parent_based()),
            (vec!["parentbased_always_off"], ratio(0.0).parent_based()),
            (vec!["parentbased_traceidratio"], ratio(0.25).parent_based()),
        ] {
            let name = arguments.iter().flat_map(|name| ["--otel-traces-sampler", name]);
            let given: Vec<_> = name.chain(["--otel-traces-sampler-arg", "0.25"]).collect();
            assert_eq!(parse(&given).unwrap().sampler(), expected, "{given:?}");
        }
        for wrong in ["1.5", "-1", "NaN", "x"] {
            assert!(parse(&["--otel-traces-sampler-arg", wrong]).is_err(), "{wrong}");
        }
    }
}
