//! Starting everything, and stopping it.

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use wayside_balance::{Channel, ConnectivityState};
use wayside_chassis::{bind, bind_admin, serve_admin};

use super::layout::{Layout, plan};
use super::tls::make_certificates;
use super::welcome::Welcome;
use super::{UpArgs, demo};

/// The servers are in this process, so they are connected within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the whole system until `stop`, or until one of its servers fails.
///
/// Every port is bound and every server set up before the first one serves, so a system that cannot start does nothing at all.
pub(crate) async fn up(args: UpArgs, stop: CancellationToken) -> Result<()> {
    let layout = Layout::new(&args)?;
    make_certificates(&args)?;
    let admin_is_default = args.admin_listen.is_none();
    let admin_token = args.accounts.accounts_admin_token.clone();
    // With keys, only who has a token of an administrator may make accounts, and that is not this process.
    let makes_account = args.process.jwt.jwt_keys.is_none();
    let ca =
        if args.tls { Some(args.tls_dir.join("ca.pem")) } else { args.process.tls.tls_ca.clone() };
    let mut ready = Vec::new();
    for planned in plan(args, &layout)? {
        let listener = bind(&planned.name, planned.address).await?;
        ready.push((planned.name, listener, planned.prepare.await?));
    }
    let mut servers = JoinSet::new();
    let ended = CancellationToken::new();
    let admin = bind_admin(layout.admin, admin_is_default).await?;
    let admin_address = admin.as_ref().and_then(|listener| listener.local_addr().ok());
    let channels = ready.iter().flat_map(|(_, _, server)| server.channels()).collect();
    let views = ready.iter().map(|(_, _, server)| server.view()).collect();
    let admin = admin.map(|listener| {
        tokio::spawn(serve_admin(listener, views, ended.clone().cancelled_owned()))
    });
    for (name, listener, server) in ready {
        let stop = stop.clone().cancelled_owned();
        servers.spawn(async move {
            server.serve(listener, stop).await.with_context(|| format!("{name} failed"))
        });
    }
    let ca_pem = ca.as_ref().map(std::fs::read).transpose().context("cannot read the CA")?;
    let greeted = tokio::select! {
        token = async {
            connect(channels).await;
            if makes_account {
                demo::token(&layout, ca_pem, admin_token.as_ref()).await.map(Some)
            } else {
                Ok(None)
            }
        } => {
            token.and_then(|token| Welcome { layout: &layout, admin: admin_address, token: token.as_deref(), ca: ca.as_deref() }.print())
        }
        () = stop.cancelled() => Ok(()),
    };
    // A system that cannot say where it is, or whose accounts do not answer, is stopped rather than left half usable.
    if greeted.is_err() {
        stop.cancel();
    }
    let result = all_ended(servers, &stop).await;
    // The admin port answers to the last: a drain is when one wants to ask it.
    ended.cancel();
    if let Some(admin) = admin {
        admin.await.context("the admin port panicked")?;
    }
    result.and(greeted)
}

/// Connects the servers with each other, so that the first calls already find every replica. What is not connected in time connects later.
async fn connect(channels: Vec<Channel>) {
    let is_ready = |channel: &Channel| {
        let all = channel.snapshot().subchannels;
        !all.is_empty() && all.iter().all(|one| one.state == ConnectivityState::Ready)
    };
    channels.iter().for_each(Channel::connect);
    let all_ready = async {
        while !channels.iter().all(is_ready) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let _ = timeout(CONNECT_TIMEOUT, all_ready).await;
}

/// Waits for every server. One that ends before it is told to takes the others with it: half a system would look like a whole one.
async fn all_ended(mut servers: JoinSet<Result<()>>, stop: &CancellationToken) -> Result<()> {
    let mut result = Ok(());
    while let Some(ended) = servers.join_next().await {
        stop.cancel();
        result = result.and(ended.context("a server panicked").flatten());
    }
    result
}
