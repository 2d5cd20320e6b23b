//! The command line of `wayside`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use wayside_chassis::{exit_code, run};

use crate::certs::{CertsArgs, certs};
use crate::demo::{DemoArgs, demo};
use crate::lab::{LabArgs, LabServerArgs, client_process, lab, serve};
use crate::token::{TokenArgs, token};
use crate::up::{UpArgs, up};

/// Production gRPC in Rust, end to end.
#[derive(Debug, Parser)]
#[command(
    name = "wayside",
    version,
    about = "Production gRPC in Rust, end to end. Without a command it starts the whole system: `wayside` is `wayside up`.",
    long_about = None
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole system in one process: three greet replicas, media, movies, accounts, cache and the gateway. This is the default.
    #[command(long_about = None)]
    Up(Box<UpArgs>),

    /// Write a development CA and certificates of it for every server.
    #[command(long_about = None)]
    Certs(CertsArgs),

    /// Make a token for development, and the key that servers check it with.
    #[command(
        long_about = "Make a token for development, and the key that servers check it with. The token alone goes to standard output, so that a shell can take it."
    )]
    Token(TokenArgs),

    /// Show one thing of gRPC at a time, each in seconds: streams, deadlines, retries and more. Without a name it lists them.
    #[command(
        long_about = "Show one thing of gRPC at a time, with real servers and clients in this process, each in seconds."
    )]
    Demo(DemoArgs),

    /// Show what faults do to clients, ours beside others, with real processes on this machine.
    #[command(
        long_about = "Show what faults do to clients, ours beside others, with real processes on this machine. All of it takes two to three minutes."
    )]
    Lab(Box<LabArgs>),

    /// A server of the lab, which starts it.
    #[command(hide = true)]
    LabServer(Box<LabServerArgs>),

    /// A client of the lab, which starts it.
    #[command(hide = true)]
    LabClient,
}

/// The whole program. Exit code 0: done, or stopped by a signal. 1: could not start or go on. 2: wrong usage. 130: ended by a second signal.
pub fn main() -> ExitCode {
    let result = match Cli::parse_from(with_default_command(std::env::args_os().collect())).command
    {
        Command::Up(args) => run(&args.process.clone(), |stop| up(*args, stop)),
        Command::Certs(args) => certs(&args).map(Ok),
        Command::Token(args) => token(&args).map(Ok),
        Command::Demo(args) => demo(&args),
        Command::Lab(args) => lab(*args),
        Command::LabServer(args) => run(&args.process.clone(), |stop| serve(*args, stop)),
        Command::LabClient => client_process().map(Ok),
    };
    exit_code(result.map_err(|error: anyhow::Error| format!("{error:#}")))
}

/// Puts `up` in front of the options when no command is given. Options that stand both at the top and in a command would do the
/// same for the command line, but clap lets an environment variable of one conflict with the other.
fn with_default_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let first = args.get(1).map(|first| first.to_string_lossy());
    let is_option = first.as_ref().is_none_or(|first| first.starts_with('-'));
    let is_about_wayside = matches!(first.as_deref(), Some("-h" | "--help" | "-V" | "--version"));
    if is_option && !is_about_wayside {
        args.insert(1.min(args.len()), "up".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn completed(args: &[&str]) -> Vec<String> {
        let args =
            std::iter::once("wayside").chain(args.iter().copied()).map(OsString::from).collect();
        with_default_command(args)
            .into_iter()
            .skip(1)
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    #[test]
    fn up_is_the_default_command() {
        assert_eq!(completed(&[]), ["up"]);
        assert_eq!(completed(&["--port-offset", "5"]), ["up", "--port-offset", "5"]);
        assert_eq!(completed(&["up", "--port-offset", "5"]), ["up", "--port-offset", "5"]);
        assert_eq!(completed(&["--help"]), ["--help"]);
        assert_eq!(completed(&["lob"]), ["lob"], "a wrong command is left for clap to explain");
    }

    #[test]
    fn the_options_of_all_servers_fit_on_one_command_line() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_help_and_an_environment_variable() {
        let cli = Cli::command();
        let up = cli.find_subcommand("up").unwrap();
        for arg in
            up.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
        {
            assert!(arg.get_help().is_some(), "--{} has no help", arg.get_id());
            assert!(arg.get_env().is_some(), "--{} has no environment variable", arg.get_id());
        }
    }
}
