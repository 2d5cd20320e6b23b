//! The process around a server: command line, logging, runtime, signals, exit code.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use tokio::runtime::{self, Runtime};
use tokio_util::sync::CancellationToken;

use crate::{
    AdminListen, App, HealthCheck, HealthCheckError, Interrupted, ProcessArgs, StartError, TlsArgs,
    bind, bind_admin, prepare, run_until_signal, serve_admin,
};

/// The whole program of a server's binary. Exit code 0: stopped by a signal. 1: could not start or go on. 2: wrong usage.
/// 130: ended by a second signal before everything had stopped. With `--health-check`, 0: the server that runs with these options takes calls. 1: it does not.
pub fn main<A: App>() -> ExitCode {
    let matches = command::<A>().get_matches();
    let parsed = ProcessArgs::from_arg_matches(&matches).and_then(|process| {
        Ok((process, A::Args::from_arg_matches(&matches)?, Ports::of(&matches)))
    });
    match parsed {
        Ok((process, _, ports)) if matches.get_flag("health_check") => {
            exit_code(check_health::<A>(&ports, &process.tls).map(Ok))
        }
        Ok((process, args, ports)) => {
            let options = process.clone();
            exit_code(run(&process, |stop| serve::<A>(ports, args, options, stop)))
        }
        Err(error) => error.exit(),
    }
}

/// The command line of a server's binary.
pub(crate) fn command<A: App>() -> Command {
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
    let listen = Arg::new("listen")
        .long("listen")
        .env("LISTEN")
        .value_name("ADDRESS:PORT")
        .help("Where to listen; 0.0.0.0 or [::] takes calls from other machines")
        .value_parser(clap::value_parser!(SocketAddr))
        .default_value(here(A::PORT));
    let admin = Arg::new("admin_listen")
        .long("admin-listen")
        .env("ADMIN_LISTEN")
        .value_name("ADDRESS:PORT|off")
        .help("Where /livez, /readyz and /metrics are served over HTTP")
        .value_parser(clap::value_parser!(AdminListen))
        .default_value(here(A::ADMIN_PORT));
    // No variable: whoever sets variables means the server.
    let health_check = Arg::new("health_check")
        .long("health-check")
        .action(ArgAction::SetTrue)
        .help("Ask the server that runs with the same options whether it takes calls, and end with 0 (it does) or 1");
    let command = Command::new(A::NAME).version(env!("CARGO_PKG_VERSION"));
    let command = command.arg(listen).arg(admin).arg(health_check);
    // The doc comment of the last flattened struct would take the place of the text of --help.
    ProcessArgs::augment_args(A::Args::augment_args(command)).about(A::ABOUT).long_about(A::ABOUT)
}

/// Where a server's process listens.
struct Ports {
    listen: SocketAddr,
    admin: AdminListen,
    admin_is_default: bool,
}

impl Ports {
    /// Both options have defaults, so the fallbacks only stand for what clap does not let happen.
    fn of(matches: &ArgMatches) -> Self {
        let listen = matches.get_one("listen").copied();
        let admin = matches.get_one("admin_listen").copied();
        Self {
            listen: listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            admin: admin.unwrap_or(AdminListen::Off),
            admin_is_default: matches.value_source("admin_listen")
                == Some(ValueSource::DefaultValue),
        }
    }
}

/// Asks the server that runs with these options. One thread is enough for one question.
fn check_health<A: App>(ports: &Ports, tls: &TlsArgs) -> Result<(), StartError> {
    let check = if A::SERVICES.is_empty() {
        HealthCheck::http(ports.admin)
    } else {
        HealthCheck::grpc(ports.listen, tls)
    };
    let asking = async { check?.run().await };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let answer: Result<(), HealthCheckError> = runtime.block_on(asking);
    Ok(answer?)
}

async fn serve<A: App>(
    ports: Ports,
    args: A::Args,
    process: ProcessArgs,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let listener = bind(A::NAME, ports.listen).await?;
    let admin = bind_admin(ports.admin, ports.admin_is_default).await?;
    let server = prepare::<A>(A::NAME, args, &process).await?;
    // The admin port answers to the last: a drain is when one wants to ask it.
    let ended = CancellationToken::new();
    let views = vec![server.view()];
    let admin = async {
        if let Some(listener) = admin {
            serve_admin(listener, views, ended.cancelled()).await;
        }
    };
    let serving = async {
        let result = server.serve(listener, stop.cancelled_owned()).await;
        ended.cancel();
        result
    };
    Ok(tokio::join!(serving, admin).0?)
}

/// Sets logging and the runtime up and runs `work` until it ends or is stopped by a signal.
///
/// # Errors
/// What `work` ends in, or what kept it from running. The inner error: a second signal ended it.
pub fn run<F, E>(
    process: &ProcessArgs,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<Result<(), Interrupted>, E>
where
    F: Future<Output = Result<(), E>>,
    E: From<StartError>,
{
    // Before the runtime, which is dropped first: what its tasks say at their end is logged as well.
    let _log =
        wayside_telemetry::init(process.log_format, &process.log).map_err(StartError::from)?;
    // Before the runtime too: the spans of calls that its end cuts are exported.
    let traces = process.traces.start(process.drain)?;
    let runtime = Runtime::new().map_err(StartError::from)?;
    match runtime.block_on(run_until_signal(work)).map_err(StartError::from)? {
        Ok(result) => result.map(Ok),
        Err(interrupted) => {
            // Whatever still runs was told to stop twice.
            runtime.shutdown_background();
            if let Some(traces) = traces {
                traces.abandon();
            }
            Ok(Err(interrupted))
        }
    }
}

/// The exit code of a process, after its last words on standard error.
pub fn exit_code<E: std::fmt::Display>(result: Result<Result<(), Interrupted>, E>) -> ExitCode {
    match result {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(Interrupted)) => last_words("stopped at once by a second signal", 130),
        Err(error) => last_words(&format!("error: {error}"), 1),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the log may not be set up yet, and a person is waiting for one plain line"
)]
fn last_words(text: &str, code: u8) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(code)
}
