//! Whether a silent server is still there, and how often one may ask.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use wayside_balance::Keepalive;

use super::stage::{Client, Stage, builder, client, client_of, failure, get, movie, told};

/// More often than any server permits that is not told otherwise.
const EAGER: Duration = Duration::from_millis(300);
/// A PING after this much silence, and this much time for its answer.
const TIME: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_millis(500);
/// How much later something may happen on a busy machine.
const LATE: Duration = Duration::from_millis(500);
/// How long the client without keepalive is watched: the answer would come after 2 s.
const LONG: Duration = Duration::from_secs(3);
/// What the server says in its GOAWAY.
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let strict = stage.movies("strict", &["--movies-work", "10s"]).await?;
    let wire = Wire::default();
    let mut eager = pinging(wire.to(stage, strict).await?, EAGER)?;
    let first = sent_away(stage, &mut eager, &wire).await?;
    let second = sent_away(stage, &mut eager, &wire).await?;
    stage.check(
        second > first.mul_f64(1.5),
        &format!("the channel has understood and pings half as often: {first:.1?}, {second:.1?}"),
    )?;

    let permissive = ["--keepalive-permit-time", "200ms", "--movies-work", "2s"];
    let server = stage.movies("server", &permissive).await?;
    let wire = Wire::default();
    let server = wire.to(stage, server).await?;
    let (mut polite, mut deaf) = (pinging(server, TIME)?, client(server)?);
    stage.say("polite", "GetMovie, and a PING every 0.3 s; the server permits one in 0.2 s");
    let answer = movie(&mut polite, get(1)).await;
    stage.say("polite", &told(&answer));
    let kept = answer.is_ok() && wire.complaints() == 0;
    stage.check(kept, "six PINGs are no reason to close the connection")?;

    frozen(stage, &mut polite, &mut deaf, &wire).await
}

/// Makes a call that is ended because of too many PINGs; how long it lasted.
async fn sent_away(stage: &Stage, eager: &mut Client, wire: &Wire) -> Result<Duration> {
    stage.say("eager", "GetMovie, and PINGs; the server permits one in 5 minutes");
    let (before, begin) = (wire.complaints(), Instant::now());
    let answer = movie(eager, get(1)).await;
    let lasted = begin.elapsed();
    let complaints = wire.complaints() - before;
    stage.say("eager", &told(&answer));
    stage.check(
        failure(answer)?.code() == Code::Unavailable && complaints == 1,
        "the server has closed the connection: GOAWAY too_many_pings",
    )?;
    Ok(lasted)
}

/// Two clients wait for an answer of a server that freezes.
async fn frozen(stage: &Stage, polite: &mut Client, deaf: &mut Client, wire: &Wire) -> Result<()> {
    let freezing = async {
        sleep(TIME).await;
        stage.say("server", "freezes: it neither reads nor answers, and nothing is closed");
        wire.frozen.cancel();
        Instant::now()
    };
    let with_keepalive = async {
        let answer = movie(polite, get(1)).await;
        stage.say("polite", &told(&answer));
        (failure(answer), Instant::now())
    };
    let without_keepalive = timeout(LONG, movie(deaf, get(1)));
    let (froze, (status, noticed), answer) =
        tokio::join!(freezing, with_keepalive, without_keepalive);
    if let Ok(answer) = answer {
        bail!("not as expected: a server that is frozen has answered {}", told(&answer));
    }
    stage.say("deaf", "no keepalive: still waiting, and would wait for ever");
    let after = noticed.saturating_duration_since(froze);
    stage.check(
        status?.code() == Code::Unavailable && after < TIME + TIMEOUT + LATE,
        &format!("with keepalive it is noticed within time + timeout, here after {after:.1?}"),
    )
}

/// A client that sends PINGs, with or without a call.
fn pinging(server: SocketAddr, time: Duration) -> Result<Client> {
    let keepalive = Keepalive { time, timeout: TIMEOUT, without_calls: true };
    client_of(builder(server)?.keepalive(keepalive))
}

/// A way to a server on which one can listen, and which can be frozen: then both ends are still connected, and nothing passes any more.
#[derive(Clone, Debug, Default)]
struct Wire {
    frozen: CancellationToken,
    complaints: Arc<AtomicUsize>,
}

impl Wire {
    /// How often the server has said "too_many_pings".
    fn complaints(&self) -> usize {
        self.complaints.load(Ordering::Relaxed)
    }

    /// Opens the way; its address stands for that of the server.
    async fn to(&self, stage: &mut Stage, server: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let wire = self.clone();
        stage.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(wire.clone().connect(client, server));
            }
        });
        Ok(address)
    }

    async fn connect(self, client: TcpStream, server: SocketAddr) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        // Small pieces are passed on as they come.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::select! {
            _ = copy(&mut from_client, &mut to_server) => {}
            () = self.listen(&mut from_server, &mut to_client) => {}
            () = self.frozen.cancelled() => pending().await,
        }
    }

    /// Passes on what the server says. It writes a GOAWAY in one piece.
    async fn listen(&self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let said = &bytes[..count];
            let complains = said.windows(TOO_MANY_PINGS.len()).any(|part| part == TOO_MANY_PINGS);
            self.complaints.fetch_add(complains.into(), Ordering::Relaxed);
            if to.write_all(said).await.is_err() {
                return;
            }
        }
    }
}
