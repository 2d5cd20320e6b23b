//! Taking a port.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::time::{Duration, sleep};

use crate::StartError;

/// How often a taken port is tried again, and how long after: half a second in all.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// Binds the port of a server.
///
/// Ports such as 50051 lie in the range from which the system gives ports to outgoing connections, so a port may be held for a
/// moment by somebody's client socket: a taken port is tried again for half a second before it is an error.
///
/// # Errors
/// [`StartError::Bind`] when the port stays taken, or at once when it can never be had.
pub async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let mut tried = 1;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tried < TRIES => {
                tried += 1;
                sleep(PAUSE).await;
            }
            Err(reason) => {
                let remedy = match reason.kind() {
                    ErrorKind::AddrInUse => {
                        "stop the program that has the port, or choose another one"
                    }
                    ErrorKind::AddrNotAvailable => "this machine does not have that address",
                    ErrorKind::PermissionDenied => {
                        "ports below 1024 need a privilege; choose a higher one"
                    }
                    _ => "choose another address",
                };
                return Err(StartError::Bind { name: name.to_owned(), address, reason, remedy });
            }
        }
    }
}
