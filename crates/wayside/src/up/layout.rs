//! Which server is where, and how each is told of the others.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use accounts::Accounts;
use anyhow::{Context, Result};
use cache::{Cache, CacheArgs};
use gateway::{Gateway, GatewayArgs};
use greet::{Greet, GreetArgs};
use lookaside::Lookaside;
use media::Media;
use movies::Movies;
use wayside_balance::Target;
use wayside_chassis::{
    AdminListen, App, Prepared, ProcessArgs, RegisterArgs, RegisteredService, StartError, TlsArgs,
    prepare,
};

use super::UpArgs;
use super::samples::{Samples, SamplesArgs};
use super::tls::encryption;

/// The port of each greet replica; further servers use [`App::PORT`].
const GREET_PORTS: [u16; 3] = [50051, 50061, 50071];
/// The port of the admin routes of the whole system.
const ADMIN_PORT: u16 = 9100;

/// Where every server listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) greet: [SocketAddr; 3],
    pub(crate) media: SocketAddr,
    pub(crate) movies: SocketAddr,
    pub(crate) accounts: SocketAddr,
    pub(crate) cache: SocketAddr,
    pub(crate) lookaside: SocketAddr,
    pub(crate) gateway: SocketAddr,
    pub(crate) samples: SocketAddr,
    pub(crate) admin: AdminListen,
    pub(crate) tls: bool,
}

impl Layout {
    pub(crate) fn new(args: &UpArgs) -> Result<Self> {
        let at = |port: u16| {
            let moved = port.checked_add(args.port_offset).with_context(|| {
                format!(
                    "--port-offset {} moves port {port} past 65535; use at most {}",
                    args.port_offset,
                    65535 - 50071
                )
            })?;
            anyhow::Ok(SocketAddr::new(args.bind, moved))
        };
        Ok(Self {
            greet: [at(GREET_PORTS[0])?, at(GREET_PORTS[1])?, at(GREET_PORTS[2])?],
            media: at(Media::PORT)?,
            movies: at(Movies::PORT)?,
            accounts: at(Accounts::PORT)?,
            cache: at(Cache::PORT)?,
            lookaside: at(Lookaside::PORT)?,
            gateway: at(Gateway::PORT)?,
            samples: at(Samples::PORT)?,
            admin: args.admin_listen.unwrap_or(AdminListen::On(at(ADMIN_PORT)?)),
            tls: args.tls || args.process.tls.tls_cert.is_some(),
        })
    }
}

/// A server of the system: its name, where it listens, and the work that sets it up.
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) prepare: Pin<Box<dyn Future<Output = Result<Prepared, StartError>> + Send>>,
}

/// Every server with its options: those given, completed by what the layout says.
pub(crate) fn plan(args: UpArgs, layout: &Layout) -> Result<Vec<Planned>> {
    let UpArgs {
        data_dir,
        mut process,
        tls,
        tls_dir,
        greet,
        mut media,
        movies,
        mut accounts,
        mut cache,
        lookaside,
        mut gateway,
        ..
    } = args;
    // It is one person's own machine; who lets others in has to ask for the pages.
    let is_own = matches!(layout.admin, AdminListen::On(address) if address.ip().is_loopback());
    process.debug_pages.get_or_insert(is_own);
    if accounts.accounts_database_url.is_none() {
        accounts.accounts_data_dir = accounts.accounts_data_dir.or(data_dir);
    }
    // Exactly the port of the sample images is opened, not the whole of this machine.
    media.media_allow_cidr.push(samples_range(layout.samples).parse().map_err(anyhow::Error::msg)?);

    tell_of_each_other(&mut cache, &mut gateway, layout)?;

    // One certificate for the replicas of a server: its clients do not tell them apart.
    let of = |name: &str| ProcessArgs {
        tls: encryption(&process, tls, &tls_dir, name),
        // Only greet registers: the others would take its name.
        register: RegisterArgs::default(),
        ..process.clone()
    };
    let wants_token =
        process.jwt.jwt_keys.is_some() || lookaside.lookaside_register_token_file.is_some();
    let may_register = !wants_token || process.calls.call_token_file.is_some();
    let register = registration(&process.register, may_register, layout)?;
    let mut planned = Vec::new();
    // Before those that register with it.
    planned.push(server::<Lookaside>(
        Lookaside::NAME,
        layout.lookaside,
        lookaside,
        of(Lookaside::NAME),
    ));
    for (index, address) in layout.greet.into_iter().enumerate() {
        let name = format!("greet-{}", index + 1);
        planned.push(server::<Greet>(
            &name,
            address,
            replica(&greet, &name, address),
            ProcessArgs { register: register.clone(), ..of(Greet::NAME) },
        ));
    }
    planned.push(server::<Media>(Media::NAME, layout.media, media, of(Media::NAME)));
    planned.push(server::<Movies>(Movies::NAME, layout.movies, movies, of(Movies::NAME)));
    planned.push(server::<Accounts>(Accounts::NAME, layout.accounts, accounts, of(Accounts::NAME)));
    planned.push(server::<Cache>(Cache::NAME, layout.cache, cache, of(Cache::NAME)));
    planned.push(server::<Gateway>(Gateway::NAME, layout.gateway, gateway, of(Gateway::NAME)));
    // The sample images stand for somebody else's web server, whose certificate would not be of our CA.
    let open = ProcessArgs { tls: TlsArgs::default(), ..of(Samples::NAME) };
    planned.push(server::<Samples>(Samples::NAME, layout.samples, SamplesArgs {}, open));
    Ok(planned)
}

/// Where servers are that nobody has said anything of.
fn tell_of_each_other(
    cache: &mut CacheArgs,
    gateway: &mut GatewayArgs,
    layout: &Layout,
) -> Result<()> {
    for (unsaid, servers) in [
        (&mut cache.cache_accounts_target, &[layout.accounts][..]),
        (&mut gateway.gateway_greet_target, &layout.greet),
        (&mut gateway.gateway_media_target, &[layout.media]),
        (&mut gateway.gateway_movies_target, &[layout.movies]),
        (&mut gateway.gateway_accounts_target, &[layout.accounts]),
        (&mut gateway.gateway_cache_target, &[layout.cache]),
        (&mut gateway.lookaside.lookaside_address, &[layout.lookaside]),
    ] {
        if unsaid.is_none() {
            *unsaid = Some(target(servers)?);
        }
    }
    Ok(())
}

/// What the replicas of greet are registered as, with the balancer of this system unless something else is said.
const REGISTERED_AS: &str = "default/greet:50051";

/// A balancer that wants a token is not asked without one.
fn registration(given: &RegisterArgs, may_register: bool, layout: &Layout) -> Result<RegisterArgs> {
    if given.register_with.is_some() || !may_register {
        return Ok(given.clone());
    }
    Ok(RegisterArgs {
        register_with: Some(target(&[layout.lookaside])?),
        register_as: Some(RegisteredService::parse(REGISTERED_AS).map_err(anyhow::Error::msg)?),
        ..RegisterArgs::default()
    })
}

fn server<A: App>(name: &str, address: SocketAddr, args: A::Args, process: ProcessArgs) -> Planned {
    let own_name = name.to_owned();
    let prepare = Box::pin(async move { prepare::<A>(&own_name, args, &process).await });
    Planned { name: name.to_owned(), address, prepare }
}

/// The replicas of one process cannot all be told apart by one POD_NAME, so each has a name of its own.
fn replica(args: &GreetArgs, name: &str, address: SocketAddr) -> GreetArgs {
    GreetArgs {
        greet_pod_name: name.to_owned(),
        greet_pod_ip: reachable(address).ip().to_string(),
        ..args.clone()
    }
}

fn target(addresses: &[SocketAddr]) -> Result<Target> {
    let list = addresses.iter().map(|address| reachable(*address).to_string()).collect::<Vec<_>>();
    Ok(format!("static:{}", list.join(",")).parse()?)
}

fn samples_range(address: SocketAddr) -> String {
    let ip = reachable(address).ip();
    format!("{ip}/{}:{}", if ip.is_ipv4() { 32 } else { 128 }, address.port())
}

/// A server that listens on every address is called on this machine's own.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into())
        }
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => {
            address.set_ip(std::net::Ipv6Addr::LOCALHOST.into())
        }
        _ => {}
    }
    address
}
