//! A server that is ready to serve: everything that can fail is done.

use std::future::Future;
use std::io;

use tokio::net::TcpListener;
use tokio::time::{Duration, sleep};
use tonic::service::Routes;
use wayside_balance::Channel;
use wayside_interceptors::metrics::{HttpCalls, ServerCalls};

use crate::admin::ServerView;
use crate::health::{self, Health, Life};
use crate::metrics::paths;
use crate::register::Registration;
use crate::server::{self, ServerOptions};
use crate::stack::{GrpcStack, HttpStack, Layers};
use crate::tls::{self, ServerTls};
use crate::{App, Auth, ProcessArgs, Setup, StartError};

/// A server that only needs a port.
#[derive(Debug)]
pub struct Prepared {
    name: String,
    speaks: Speaks,
    health: Health,
    options: ServerOptions,
    lame_duck: Duration,
    setup: Setup,
    registration: Option<Registration>,
}

/// What a server speaks, and what it needs for that.
#[derive(Debug)]
enum Speaks {
    Grpc(GrpcStack),
    Http(HttpStack),
    Bare(Routes),
}

/// Sets up the server `A` under a name of its own: the replicas of one server in a process have different names.
///
/// # Errors
/// Whatever keeps the server from serving, see [`App::routes`].
pub async fn prepare<A: App>(
    name: &str,
    args: A::Args,
    process: &ProcessArgs,
) -> Result<Prepared, StartError> {
    let client_tls = tls::client(&process.tls).map_err(|error| StartError::setup(name, &error))?;
    let needs = A::needs(&args);
    let checks_jwts = !matches!(needs.auth, Auth::Off) && process.jwt.jwt_keys.is_some();
    process.calls.check(name).await?;
    // Replicas are one service; which of them it was is said by the span.
    let tracer = process.traces.tracer(A::NAME);
    let setup = Setup::new(client_tls, process, checks_jwts).traced(tracer.clone());
    let layers = Layers::new(name, needs, process).await?.traced(tracer);
    setup.tell(layers.limits());
    let routes = A::routes(args, &setup).await?;
    let health = Health::new(A::SERVICES);
    let mut counted = None;
    let speaks = if A::SERVICES.is_empty() {
        let calls = HttpCalls::default();
        setup.tell(calls.clone());
        Speaks::Http(layers.http(calls, routes))
    } else {
        let routes = health::add::<A>(routes, &health, process.reflection)?;
        let calls = ServerCalls::with_aliases(paths::<A>(process.reflection)?, A::ALIASES);
        setup.tell(calls.clone());
        counted = Some(calls.clone());
        Speaks::Grpc(layers.grpc(calls, A::ALIASES, routes))
    };
    let options = ServerOptions {
        max_concurrent_streams: A::MAX_CONCURRENT_STREAMS,
        ..process.server.options()
    };
    let alpn: &[&[u8]] = if A::SERVICES.is_empty() { &[b"h2", b"http/1.1"] } else { &[b"h2"] };
    let tls =
        ServerTls::load(&process.tls, alpn).map_err(|error| StartError::setup(name, &error))?;
    if let Some(tls) = &tls {
        setup.spawn(tls.clone().keep_fresh());
    }
    let registration = Registration::new(&process.register, counted);
    let registration = registration.map_err(|error| StartError::setup(name, &error))?;
    let options = ServerOptions { drain: process.drain, tls, ..options };
    Ok(Prepared {
        name: name.to_owned(),
        speaks,
        health,
        options,
        lame_duck: process.lame_duck,
        setup,
        registration,
    })
}

/// As [`prepare`], without any interceptor: what the stack is measured against, and of no other use, since it keeps no promise of gRPC.
///
/// # Errors
/// As [`prepare`].
#[doc(hidden)]
pub async fn prepare_bare<A: App>(
    name: &str,
    args: A::Args,
    process: &ProcessArgs,
) -> Result<Prepared, StartError> {
    let (setup, health) = (Setup::default(), Health::new(A::SERVICES));
    let routes = A::routes(args, &setup).await?;
    let routes = health::add::<A>(routes, &health, process.reflection)?.prepare();
    let options = ServerOptions {
        max_concurrent_streams: A::MAX_CONCURRENT_STREAMS,
        drain: process.drain,
        ..process.server.options()
    };
    let speaks = Speaks::Bare(routes);
    Ok(Prepared {
        name: name.to_owned(),
        speaks,
        health,
        options,
        lame_duck: process.lame_duck,
        setup,
        registration: None,
    })
}

impl Prepared {
    /// What the admin port tells of this server: whether it takes calls, and what it counts.
    pub fn view(&self) -> ServerView {
        ServerView {
            name: self.name.clone(),
            health: self.health.clone(),
            registry: self.setup.registry().clone(),
            recent: self.setup.recent().cloned(),
        }
    }

    /// The channels that the server makes its calls with. Whoever has started the servers they lead to can have them connected before the first call.
    pub fn channels(&self) -> Vec<Channel> {
        self.setup.channels()
    }

    /// Serves until `stop` completes, then drains: health says NOT_SERVING; for the lame-duck time everything goes on, so that clients and
    /// balancers can turn away; then no connection is taken any more, clients are told to go, and calls in flight finish or are cut
    /// when the drain time is over. Nothing of the server is left running when this returns.
    ///
    /// # Errors
    /// When the listener has no address, which means that it is no listener.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let Self { name, speaks, health, options, lame_duck, setup, registration } = self;
        tracing::info!(server = name, %address, "serving");
        let stopping = async {
            health.set(Life::Serving);
            let registered = async {
                if let Some(registration) = registration {
                    registration.run(address, setup.clone()).await;
                }
            };
            let told = async {
                stop.await;
                tracing::info!(server = name, "Stopping...");
                health.set(Life::Stopping);
                setup.stop();
                sleep(lame_duck).await;
            };
            tokio::join!(told, registered);
            health.set(Life::Draining);
            setup.drain();
        };
        match speaks {
            Speaks::Grpc(stack) => server::serve(listener, stack, &options, stopping).await,
            Speaks::Http(stack) => server::serve(listener, stack, &options, stopping).await,
            Speaks::Bare(routes) => server::serve(listener, routes, &options, stopping).await,
        }
        setup.end().await;
        tracing::info!(server = name, "stopped");
        Ok(())
    }
}
