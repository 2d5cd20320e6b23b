//! Clients on the C core of gRPC, by Python: a script that is part of this program.

use std::path::Path;

use tokio::process::Command;

const SCRIPT: &str = include_str!("grpcio_worker.py");

/// The command of a client, to be told the rest by its standard input.
///
/// It keeps the environment of the lab, which Python may need to find its packages. A Python without grpcio makes the script say so.
pub(crate) fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).env("GRPC_VERBOSITY", "NONE");
    command
}
