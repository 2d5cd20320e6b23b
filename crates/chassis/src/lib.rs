//! From an [`App`] to a process: options, the interceptor stack, the server loop, health, reflection, signals, exit codes.
//!
//! A server is an [`App`] and a `main.rs` of one line, [`main`]. A process with several servers, such as `wayside up`, binds their
//! ports with [`bind`], calls [`prepare`] for each and runs what it gets.

mod admin;
mod app;
mod bind;
mod call_args;
mod cli;
mod context;
mod debug;
mod error;
mod health;
mod health_check;
pub mod jwt;
mod limit_args;
mod load;
mod log_level;
mod metrics;
mod needs;
mod outgoing;
mod prepare;
mod process;
mod register;
mod register_args;
mod secret_value;
pub mod server;
mod server_args;
mod setup;
mod signals;
mod stack;
mod tls;
mod trace_args;
mod traces;

pub use admin::{AdminListen, ServerView, bind_admin, serve_admin};
pub use app::{App, PathAlias};
pub use bind::bind;
pub use call_args::CallArgs;
pub use cli::{ProcessArgs, parse_duration};
pub use context::Context;
pub use error::StartError;
pub use health_check::{HealthCheck, HealthCheckError};
pub use jwt::JwtArgs;
pub use limit_args::{LimitArgs, parse_quota};
pub use needs::{Auth, Needs};
pub use outgoing::{Outgoing, outgoing};
#[doc(hidden)]
pub use prepare::prepare_bare;
pub use prepare::{Prepared, prepare};
pub use process::{exit_code, main, run};
pub use register_args::{RegisterArgs, RegisteredService};
pub use secret_value::secret_value_parser;
pub use server_args::ServerArgs;
pub use setup::Setup;
pub use signals::{Interrupted, run_until_signal};
pub use tls::{TlsArgs, TlsError};
pub use trace_args::{TraceArgs, TracesTo};
pub use traces::{Pairs, SamplerName, Secrets};
pub use wayside_interceptors::client::auth as client_auth;
pub use wayside_interceptors::client::retry::{Attempts, NotIdempotent};
pub use wayside_interceptors::deadline::Timeouts;
pub use wayside_interceptors::dry_run::{DryRun, Support as DryRunSupport};
pub use wayside_interceptors::errors::{StatusBuilder, Violations};
pub use wayside_interceptors::metrics::{
    Bounds, Format, Histogram, Labels, Metric, Samples, Source, Within,
};
pub use wayside_interceptors::observe::CallRecord;
pub use wayside_interceptors::selector::Selector;
pub use wayside_interceptors::trace::TraceContext;
pub use wayside_interceptors::{Peer, auth, concurrency, metadata, rate_limit};
