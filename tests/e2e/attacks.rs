//! Eight attacks with raw frames. Each is cut or stays harmless: the memory of the process grows by at most 32 MiB, and somebody else's
//! calls go on. The calls' p99 before and during each attack is printed; on a machine shared with other tests it is no more than a hint, so
//! what is asserted is a bound that only a starved server exceeds.

use std::net::SocketAddr;

use greet::Greet;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, timeout};
use wayside_proto::greet::v1::GreetRequest;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;

use crate::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, Raw,
    SETTINGS, call, frame, ping,
};
use crate::support::Running;

/// How soon an attacker is cut.
const CUT: Duration = Duration::from_secs(10);
const MAX_GROWTH_MIB: f64 = 32.0;
const MAX_P99: Duration = Duration::from_millis(500);
const GREET: &str = "/greet.v1.GreetService/Greet";
const LONG_GREET: &str = "/greet.v1.GreetService/LongGreet";

/// One attack at a time: they measure the memory of the process that they share.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Calls somebody else's server all the time, and tells the p99.
struct Bystander(JoinHandle<Vec<Duration>>, tokio_util::sync::CancellationToken);

impl Bystander {
    fn start(server: &Running) -> Self {
        let stop = tokio_util::sync::CancellationToken::new();
        let mut client = GreetServiceClient::new(server.channel());
        let stopped = stop.clone();
        let calls = tokio::spawn(async move {
            let mut times = Vec::new();
            while !stopped.is_cancelled() {
                let start = Instant::now();
                client.greet(GreetRequest::default()).await.expect("a bystander's call was lost");
                times.push(start.elapsed());
            }
            times
        });
        Self(calls, stop)
    }

    async fn p99(self) -> Duration {
        self.1.cancel();
        let mut times = self.0.await.unwrap();
        times.sort_unstable();
        times[times.len() * 99 / 100]
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Runs an attack beside a bystander. `attack` gives whether the attacker was cut, or that there was nothing to cut.
async fn withstands<F: Future<Output = bool>>(
    name: &str,
    options: &[&str],
    attack: impl FnOnce(SocketAddr) -> F,
) {
    let _alone = ALONE.lock().await;
    let server = Running::start::<Greet>(options).await;
    let quiet = Bystander::start(&server);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let quiet = quiet.p99().await;
    let before = resident_mib();
    let bystander = Bystander::start(&server);
    let start = Instant::now();
    let cut = timeout(CUT, attack(server.address)).await;
    let elapsed = start.elapsed();
    let growth = resident_mib() - before;
    let p99 = bystander.p99().await;
    eprintln!(
        "{name}: over after {elapsed:?}, memory +{growth:.1} MiB, bystander's p99 {quiet:?} -> {p99:?}"
    );
    assert_eq!(cut, Ok(true), "{name}: the attacker was not cut within {CUT:?}");
    assert!(growth <= MAX_GROWTH_MIB, "{name}: memory grew by {growth:.1} MiB");
    assert!(p99 <= MAX_P99, "{name}: the bystander's p99 is {p99:?}");
}

/// Sends a piece again and again until the server closes or says GOAWAY.
async fn flood(address: SocketAddr, opening: &[u8], piece: &[u8]) -> bool {
    let (mut raw, _) = Raw::connect(address).await;
    raw.send(opening).await;
    let batch = piece.repeat(100);
    for _ in 0..2_000 {
        if !raw.send(&batch).await {
            return true;
        }
        if raw.next_of(GOAWAY, Duration::from_millis(1)).await.is_some() {
            break;
        }
    }
    raw.closed_within(CUT).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset() {
    withstands("rapid reset", &[], |address| async move {
        let (mut raw, _) = Raw::connect(address).await;
        let block = call(GREET);
        for stream in (1..200_000).step_by(2) {
            let bytes = [
                frame(HEADERS, END_HEADERS, stream, &block),
                frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]),
            ]
            .concat();
            if !raw.send(&bytes).await {
                return true;
            }
        }
        raw.closed_within(CUT).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn continuation_flood() {
    withstands("CONTINUATION flood", &[], |address| async move {
        let block = crate::raw::literal("x-padding", &"v".repeat(120));
        let opening = frame(HEADERS, 0, 1, &call(GREET));
        flood(address, &opening, &frame(CONTINUATION, 0, 1, &block.repeat(50))).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_data_flood() {
    withstands("empty DATA flood", &[], |address| async move {
        let opening = frame(HEADERS, END_HEADERS, 1, &call(LONG_GREET));
        flood(address, &opening, &frame(DATA, 0, 1, &[])).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ping_flood() {
    withstands("PING flood", &[], |address| async move { flood(address, &[], &ping()).await })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_flood() {
    withstands("SETTINGS flood", &[], |address| async move {
        flood(address, &[], &frame(SETTINGS, 0, 0, &[])).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_streams() {
    withstands("5,000 streams", &[], |address| async move {
        let (mut raw, _) = Raw::connect(address).await;
        let block = call(LONG_GREET);
        for stream in (1..10_000).step_by(2) {
            if !raw.send(&frame(HEADERS, END_HEADERS, stream, &block)).await {
                return true;
            }
        }
        // Every stream over the limit of 100 is refused, or the connection is closed for the attempt.
        let mut refused = 0;
        while let Some(frame) = raw.next(Duration::from_secs(2)).await {
            match frame.kind {
                RST_STREAM => refused += 1,
                GOAWAY => return true,
                _ => {}
            }
            if refused == 4_900 {
                return true;
            }
        }
        raw.closed_within(CUT).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_and_half_prefaces() {
    withstands(
        "200 silent or half prefaces",
        &["--handshake-timeout", "1s"],
        |address| async move {
            let mut attackers = Vec::new();
            for index in 0..200 {
                let mut raw = Raw::silent(address).await;
                raw.send(&PREFACE[..index % PREFACE.len()]).await;
                attackers.push(raw);
            }
            for attacker in &mut attackers {
                if !attacker.closed_within(CUT).await {
                    return false;
                }
            }
            true
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_requests_keep_nothing_but_their_stream() {
    withstands("100 unfinished bodies", &[], |address| async move {
        let (mut raw, _) = Raw::connect(address).await;
        for stream in (1..200).step_by(2) {
            raw.send(&frame(HEADERS, END_HEADERS, stream, &call(LONG_GREET))).await;
            // A message of 4 MiB is announced and never sent.
            raw.send(&frame(DATA, 0, stream, &[0, 0, 0x40, 0, 0])).await;
        }
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 201, &call(GREET))).await;
        // The hundred and first stream is refused, and the server is well.
        raw.next_of(RST_STREAM, CUT).await.is_some()
    })
    .await;
}
