//! Makes calls through one layer for valgrind to count: `SIDE LAYER CALLS`; without arguments but `rows` it names the layers. See `instructions.sh`.
//!
//! Each layer stands around a service that reads a message and answers with one and with trailers. A row is a line in `rows`.

#![expect(clippy::unwrap_used, reason = "what fails here fails the measurement")]
#![expect(clippy::print_stdout, reason = "names are what is asked for")]

use std::env;
use std::sync::Arc;

use tokio::time::Duration;
use tonic::Code;
use tower_layer::Layer;
use wayside_interceptors::access_log::AccessLog;
use wayside_interceptors::admission::by_identity_or_peer;
use wayside_interceptors::client::auth::{AuthLayer as TokenLayer, Token};
use wayside_interceptors::client::circuit_breaker::{
    CircuitBreaker, CircuitBreakerConfig, CircuitBreakerLayer,
};
use wayside_interceptors::client::deadline::DeadlineLayer as TimeoutLayer;
use wayside_interceptors::client::logging::CallLog;
use wayside_interceptors::client::metadata::MetadataLayer as HandOnLayer;
use wayside_interceptors::client::metrics::ClientCalls;
use wayside_interceptors::client::observe::ObserveLayer as ObserveCallLayer;
use wayside_interceptors::client::retry::{RetryLayer, RetryPolicy};
use wayside_interceptors::client::trace::TraceSent;
use wayside_interceptors::concurrency::ConcurrencyLayer;
use wayside_interceptors::deadline::{DeadlineLayer, Timeouts};
use wayside_interceptors::dry_run::{DryRunLayer, Support};
use wayside_interceptors::errors::rpc_error::RpcErrorLayer;
use wayside_interceptors::grpc_only::GrpcOnlyLayer;
use wayside_interceptors::load_shed::{Limit, LoadShedLayer};
use wayside_interceptors::message_limit::MessageLimitLayer;
use wayside_interceptors::metadata::MetadataLayer;
use wayside_interceptors::metrics::ServerCalls;
use wayside_interceptors::observe::ObserveLayer;
use wayside_interceptors::path_alias::{PathAlias, PathAliasLayer};
use wayside_interceptors::rate_limit::{Quota, RateLimitLayer};
use wayside_interceptors::recovery::RecoveryLayer;
use wayside_interceptors::selector::Selector;
use wayside_interceptors::trace::{Sampler, Span, SpanSink, TraceCalls, Tracer};

mod support;

use support::{Row, Unary, auth, client, server, unread_log};

const ALIASES: &[PathAlias] =
    &[PathAlias { from: "/rpc.Greet/", to: "/wayside.greet.v1.GreetService/" }];
const FOUR_MIB: u32 = 4 << 20;

fn rows() -> Vec<Row> {
    vec![
        server("none", || Unary),
        server("access_log", || ObserveLayer::new("greet", AccessLog).layer(Unary)),
        server("access_log_unread", || {
            unread_log(ObserveLayer::new("greet", AccessLog).layer(Unary))
        }),
        server("metrics", || ObserveLayer::new("greet", server_calls()).layer(Unary)),
        server("metrics_beside_access_log_unread", || {
            unread_log(ObserveLayer::new("greet", (server_calls(), AccessLog)).layer(Unary))
        }),
        server("trace_unsampled", || traced(0.0, false).layer(Unary)),
        server("trace_sampled", || traced(1.0, false).layer(Unary)),
        server("trace_and_access_log", || traced(1.0, true).layer(Unary)),
        server("auth_known_token", || auth().layer(Unary)),
        server("metadata", || MetadataLayer::default().layer(Unary)),
        server("rate_limit", || RateLimitLayer::global(quota()).layer(Unary)),
        server("rate_limit_keyed", || {
            RateLimitLayer::keyed(Selector::from(Some(quota())), by_identity_or_peer).layer(Unary)
        }),
        server("load_shed", || LoadShedLayer::new(Limit::Fixed(4096)).layer(Unary)),
        server("load_shed_adaptive", || LoadShedLayer::new(Limit::adaptive()).layer(Unary)),
        server("concurrency", || {
            ConcurrencyLayer::new(Selector::from(Some(100)), by_identity_or_peer).layer(Unary)
        }),
        server("deadline", || DeadlineLayer::default().layer(Unary)),
        server("dry_run", || DryRunLayer::new(Selector::from(Support::Refused)).layer(Unary)),
        server("recovery", || RecoveryLayer.layer(Unary)),
        server("path_alias", || PathAliasLayer::new(ALIASES).layer(Unary)),
        server("grpc_only", || GrpcOnlyLayer.layer(Unary)),
        server("message_limit", || MessageLimitLayer::new(FOUR_MIB).layer(Unary)),
        server("rpc_error", || RpcErrorLayer.layer(Unary)),
        client("none", || Unary),
        client("retry", || RetryLayer::new(|_: &str| Some(retry().into())).layer(Unary)),
        client("deadline", || TimeoutLayer::new(|_: &str| TEN_SECONDS).layer(Unary)),
        client("metadata", || HandOnLayer::default().layer(Unary)),
        client("logging", || ObserveCallLayer::new(CallLog).layer(Unary)),
        client("metrics_call", || ObserveCallLayer::new(client_calls().per_call()).layer(Unary)),
        client("metrics_attempt", || {
            ObserveCallLayer::new(client_calls().per_attempt()).layer(Unary)
        }),
        client("trace_unsampled", || sent(0.0).layer(Unary)),
        client("trace_sampled", || sent(1.0).layer(Unary)),
        client("auth", || TokenLayer::new(async || Ok(token())).encrypted().layer(Unary)),
        client("circuit_breaker", || CircuitBreakerLayer::new(breaker()).layer(Unary)),
    ]
}

/// A server has about so many methods.
fn server_calls() -> ServerCalls {
    let methods = ["Greet", "GreetAll", "Subscribe", "Refuse"];
    ServerCalls::new(methods.map(|method| format!("/wayside.greet.v1.GreetService/{method}")))
}

fn client_calls() -> ClientCalls {
    ClientCalls::new("dns:///greet:50051")
}

/// More than is ever asked for, as what is measured is a call that is let through.
fn quota() -> Quota {
    Quota::per_second(1_000_000_000, 1_000_000_000).unwrap()
}

const TEN_SECONDS: Timeouts = Timeouts { default: Some(Duration::from_secs(10)), max: None };

fn retry() -> RetryPolicy {
    let second = Duration::from_secs(1);
    RetryPolicy::try_new(4, second, second, 2.0, [Code::Unavailable]).unwrap()
}

/// Takes spans, and lets them be forgotten: to export them is another thread's work.
struct Forget;

impl SpanSink for Forget {
    fn finished(&self, _: Span) {}
}

fn tracer(ratio: f64) -> Tracer {
    let sink: Arc<dyn SpanSink> = Arc::new(Forget);
    Tracer::new("greet", Sampler::ratio(ratio).unwrap().parent_based(), sink)
}

fn traced(ratio: f64, logged: bool) -> ObserveLayer<(TraceCalls, Option<AccessLog>)> {
    ObserveLayer::new("greet", (TraceCalls::new(tracer(ratio)), logged.then_some(AccessLog)))
}

fn sent(ratio: f64) -> ObserveCallLayer<TraceSent> {
    ObserveCallLayer::new(TraceSent::new(tracer(ratio)))
}

fn token() -> Token {
    Token::new(&"0123456789abcdef".repeat(16), Some(Duration::from_secs(3600))).unwrap()
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new("greet", CircuitBreakerConfig::default())
}

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["rows"] => rows().iter().for_each(|row| println!("{} {}", row.side, row.layer)),
        [side, layer, calls] => {
            let rows = rows();
            let row = rows.iter().find(|row| (row.side, row.layer) == (*side, *layer)).unwrap();
            (row.call)(calls.parse().unwrap());
        }
        // `cargo bench` runs it with arguments of its own, and has nothing to learn from it.
        _ => {}
    }
}
