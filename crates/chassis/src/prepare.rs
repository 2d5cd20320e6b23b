//! A server that is ready to serve: everything that can fail is done.

use std::future::Future;
use std::io;

use tokio::net::TcpListener;

use crate::health::{self, Health};
use crate::server::{self, ServerOptions};
use crate::stack::{Stack, stack};
use crate::{App, ProcessArgs, StartError, Tasks};

/// A server that only needs a port.
#[derive(Debug)]
pub struct Prepared {
    name: String,
    stack: Stack,
    health: Option<Health>,
    options: ServerOptions,
    tasks: Tasks,
}

/// Sets up the server `A` under a name of its own: the replicas of one server in a process have different names.
///
/// # Errors
/// Whatever keeps the server from serving, see [`App::routes`].
pub async fn prepare<A: App>(name: &str, args: A::Args, process: &ProcessArgs) -> Result<Prepared, StartError> {
    let tasks = Tasks::default();
    let routes = A::routes(args, &tasks).await?;
    let (routes, health) = if A::SERVICES.is_empty() {
        (routes, None)
    } else {
        let (routes, health) = health::add::<A>(routes, process.reflection)?;
        (routes, Some(health))
    };
    let options = ServerOptions { drain: process.drain, ..ServerOptions::default() };
    Ok(Prepared { name: name.to_owned(), stack: stack(name, A::ALIASES, routes), health, options, tasks })
}

impl Prepared {
    /// Serves until `stop` completes, then drains: health says NOT_SERVING, no connection is taken any more, calls in flight finish
    /// or are cut when the drain time is over. Nothing of the server is left running when this returns.
    ///
    /// # Errors
    /// When the listener has no address, which means that it is no listener.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let address = listener.local_addr()?;
        let Self { name, stack, health, options, tasks } = self;
        if let Some(health) = &health {
            health.set(true).await;
        }
        tracing::info!(server = name, %address, "serving");
        let stopping = async {
            stop.await;
            tracing::info!(server = name, "Stopping...");
            if let Some(health) = &health {
                health.set(false).await;
            }
        };
        server::serve(listener, stack, &options, stopping).await;
        tasks.end().await;
        tracing::info!(server = name, "stopped");
        Ok(())
    }
}
