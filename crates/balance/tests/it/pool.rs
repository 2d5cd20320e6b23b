//! The pool: each flaw of the one that it replaces (one call per connection, no bound on waiting, dead connections handed out, connections that live for ever) is a test.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::Code;
use wayside_balance::{Channel, Pool};

use crate::support::{Server, ask, ask_within, builder, until};

fn pool(min: usize, max: usize) -> Pool {
    Pool { min, max, ..Pool::default() }
}

/// Starts calls that hang until they are dropped.
fn hang(channel: &Channel, calls: usize) -> JoinSet<()> {
    let mut hanging = JoinSet::new();
    for _ in 0..calls {
        let channel = channel.clone();
        hanging.spawn(async move {
            let _ = ask(&channel, "hang").await;
        });
    }
    hanging
}

fn by_connection(server: &Server) -> Vec<usize> {
    server.seen.by_connection.lock().unwrap().clone()
}

#[tokio::test]
async fn calls_share_a_connection() {
    let server = Server::start("a").await;
    let channel = builder([&server], "pick_first").pool(pool(1, 3)).build().unwrap();
    let _hanging = hang(&channel, 50);
    until("all are there", || server.calls() == 50).await;
    assert_eq!(server.connections(), 1, "a connection is not taken out, so no other is needed");
    assert_eq!(ask(&channel, "").await.unwrap(), "a", "and nobody is held up");
}

#[tokio::test]
async fn calls_go_to_the_connection_with_the_fewest() {
    let server = Server::start("a").await;
    let channel = builder([&server], "pick_first").pool(pool(3, 3)).build().unwrap();
    ask(&channel, "").await.unwrap();
    until("the minimum is there", || channel.snapshot().subchannels[0].connections == 3).await;
    let before = by_connection(&server);
    let _hanging = hang(&channel, 30);
    until("all are there", || server.calls() == 31).await;
    let after = by_connection(&server);
    let shares: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(shares, [10, 10, 10]);
}

#[tokio::test]
async fn the_pool_grows_when_the_server_takes_no_more_and_then_calls_wait() {
    let server = Server::with_max_streams("a", 2).await;
    let channel = builder([&server], "pick_first").pool(pool(1, 3)).build().unwrap();
    let mut hanging = hang(&channel, 6);
    until("six are there, on three connections", || server.calls() == 6).await;
    assert_eq!(by_connection(&server), [2, 2, 2]);

    let status = ask_within(&channel, "", Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "waiting is bounded by the deadline");
    assert_eq!(server.calls(), 6, "and the call was not sent");
    assert_eq!(channel.snapshot().waiting, 0);

    let waiting = tokio::spawn({
        let channel = channel.clone();
        async move { ask(&channel, "").await }
    });
    until("it waits", || channel.snapshot().waiting == 1).await;
    hanging.abort_all();
    while hanging.join_next().await.is_some() {}
    assert_eq!(waiting.await.unwrap().unwrap(), "a");
    assert_eq!(server.connections(), 3, "the most that there may be");
}

#[tokio::test]
async fn more_than_may_wait_are_refused_at_once() {
    let server = Server::with_max_streams("a", 1).await;
    let channel = builder([&server], "pick_first").max_waiting_calls(3).build().unwrap();
    ask(&channel, "").await.unwrap();
    let _hanging = hang(&channel, 4);
    until("three wait", || channel.snapshot().waiting == 3).await;
    let status = ask(&channel, "").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("max_waiting_calls"), "{status:?}");
}

#[tokio::test]
async fn connections_above_the_minimum_are_closed_when_nobody_needs_them() {
    let server = Server::with_max_streams("a", 1).await;
    let idle_timeout = Duration::from_millis(100);
    let pool = Pool { idle_timeout, ..pool(1, 3) };
    let channel = builder([&server], "pick_first").pool(pool).build().unwrap();
    let hanging = hang(&channel, 3);
    until("three are there", || server.calls() == 3).await;
    tokio::time::sleep(3 * idle_timeout).await;
    assert_eq!(server.open(), 3, "a connection with a call is not unused");
    drop(hanging);
    until("two were closed", || server.open() == 1).await;
    assert_eq!(ask(&channel, "").await.unwrap(), "a");
    assert_eq!(server.connections(), 3, "what is left is used, not made anew for every call");
}

#[tokio::test]
async fn connections_are_replaced_when_they_are_old_and_no_call_is_lost() {
    let server = Server::start("a").await;
    let pool = Pool { max_lifetime: Some(Duration::from_millis(100)), ..pool(1, 1) };
    let channel = builder([&server], "pick_first").pool(pool).build().unwrap();
    let slow = tokio::spawn({
        let channel = channel.clone();
        async move { ask(&channel, "sleep:700").await }
    });
    until("three times", || server.connections() >= 4).await;
    for _ in 0..100 {
        ask(&channel, "").await.unwrap();
    }
    assert_eq!(slow.await.unwrap().unwrap(), "a", "the call on the oldest has finished");
    until("the old ones are closed", || server.open() <= 2).await;
}

#[tokio::test]
async fn a_connection_that_dies_is_not_handed_out_again() {
    let server = Server::start("a").await;
    let proxy = Proxy::start(vec![server.address]).await;
    let channel = proxy.channel(pool(3, 3));
    ask(&channel, "").await.unwrap();
    until("three", || channel.snapshot().subchannels[0].connections == 3).await;
    proxy.cut_one().await;
    for _ in 0..50 {
        ask(&channel, "").await.unwrap();
    }
    until("the pool is whole again", || channel.snapshot().totals.connected == 4).await;
    assert_eq!(server.connections(), 4);
    let totals = channel.snapshot().totals;
    let ended: u64 = totals.disconnected.iter().map(|(_, count)| count).sum();
    assert_eq!((ended, totals.connections_failed), (1, 0), "{totals:?}");
}

#[tokio::test]
async fn every_server_behind_a_layer_4_balancer_is_reached() {
    let servers = [Server::start("a").await, Server::start("b").await, Server::start("c").await];
    let proxy = Proxy::start(servers.iter().map(|server| server.address).collect()).await;
    let reached = async |channel: &Channel, connections| {
        ask(channel, "").await.unwrap();
        until("connected", || channel.snapshot().subchannels[0].connections == connections).await;
        // Several at a time, so that they go to different connections.
        let mut calls = JoinSet::new();
        for _ in 0..30 {
            let channel = channel.clone();
            calls.spawn(async move { ask(&channel, "sleep:20").await.unwrap() });
        }
        calls.join_all().await.into_iter().collect::<BTreeSet<_>>()
    };
    assert_eq!(reached(&proxy.channel(pool(1, 1)), 1).await.len(), 1, "one connection: one server");
    let all = reached(&proxy.channel(pool(3, 3)), 3).await;
    assert_eq!(all, BTreeSet::from(["a".into(), "b".into(), "c".into()]));
}

#[tokio::test]
async fn a_new_server_behind_a_layer_4_balancer_gets_its_share_in_time() {
    let (old, new) = (Server::start("old").await, Server::start("new").await);
    let proxy = Proxy::start(vec![old.address]).await;
    let pool = Pool { max_lifetime: Some(Duration::from_millis(100)), ..pool(2, 2) };
    let channel = proxy.channel(pool);
    ask(&channel, "").await.unwrap();
    proxy.set(vec![old.address, new.address]);
    until("it has connections", || new.connections() > 0).await;
    let mut names = BTreeSet::new();
    while names.len() < 2 {
        names.insert(ask_within(&channel, "sleep:5", Duration::from_secs(10)).await.unwrap());
    }
}

/// A layer-4 balancer: places connections in turn, knows nothing of calls.
struct Proxy {
    address: SocketAddr,
    backends: Arc<std::sync::Mutex<Vec<SocketAddr>>>,
    cut: Arc<tokio::sync::Notify>,
}

impl Proxy {
    async fn start(backends: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let backends = Arc::new(std::sync::Mutex::new(backends));
        let cut = Arc::new(tokio::sync::Notify::new());
        let (list, cuts, turn) = (backends.clone(), cut.clone(), AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let backend = {
                    let list = list.lock().unwrap();
                    list[turn.fetch_add(1, Ordering::SeqCst) % list.len()]
                };
                let cut = cuts.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(backend).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        Self { address, backends, cut }
    }

    fn set(&self, backends: Vec<SocketAddr>) {
        *self.backends.lock().unwrap() = backends;
    }

    async fn cut_one(&self) {
        self.cut.notify_one();
        tokio::task::yield_now().await;
    }

    fn channel(&self, pool: Pool) -> Channel {
        let target = format!("ipv4:{}", self.address).parse().unwrap();
        Channel::builder(&target).pool(pool).build().unwrap()
    }
}
