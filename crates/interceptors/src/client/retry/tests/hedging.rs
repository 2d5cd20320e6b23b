//! Hedging. Rows of grpc-java's RetriableStreamTest (hedging_*) where they agree with gRFC A6, and its text where they do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::sleep;
use tonic::Code;

use super::*;
use crate::client::retry::{Attempts, Throttle};

const FATAL: Code = Code::Internal;
const NON_FATAL: Code = Code::Unavailable;
const DELAY: u64 = 100;

/// When a server answers an attempt, after it came, and what.
#[derive(Clone, Copy)]
enum Answer {
    Head(u64),
    Code(u64, Code),
    Push(u64, Code, &'static str),
    Never,
}
use Answer::{Code as Status_, Head, Never, Push};

async fn answer(answer: Answer) -> Result<Response<Body>, Status> {
    match answer {
        Head(after) => {
            sleep(millis(after)).await;
            Ok(head())
        }
        Status_(after, code) => {
            sleep(millis(after)).await;
            Ok(trailers_only(code))
        }
        Push(after, code, pushback) => {
            sleep(millis(after)).await;
            Ok(pushed_back(code, &[pushback]))
        }
        Never => std::future::pending().await,
    }
}

/// A name, the answers of the attempts, when the attempts come, and how and when the call ends.
type Row = (&'static str, &'static [Answer], &'static [u128], Code, u128);

const ROWS: &[Row] = &[
    ("a prompt answer needs no hedge", &[Head(50)], &[0], Code::Ok, 50),
    ("one every delay", &[Never, Never, Never, Head(7)], &[0, 100, 200, 300], Code::Ok, 307),
    (
        "no more than max attempts",
        &[Head(450), Never, Never, Never],
        &[0, 100, 200, 300],
        Code::Ok,
        450,
    ),
    ("the first head wins", &[Head(150), Head(30)], &[0, 100], Code::Ok, 130),
    ("success without a message", &[Never, Status_(5, Code::Ok)], &[0, 100], Code::Ok, 105),
    ("fatal ends the others", &[Never, Status_(5, FATAL)], &[0, 100], FATAL, 105),
    ("fatal needs no hedge", &[Status_(5, FATAL)], &[0], FATAL, 5),
    (
        "non-fatal has the next sent at once, the one after it a delay later",
        &[Status_(5, NON_FATAL), Never, Head(1)],
        &[0, 5, 105],
        Code::Ok,
        106,
    ),
    (
        "non-fatal of one does not end the others",
        &[Head(120), Status_(5, NON_FATAL), Never],
        &[0, 100, 105],
        Code::Ok,
        120,
    ),
    (
        "when all have failed, the last failure is the answer",
        &[
            Status_(320, NON_FATAL),
            Status_(5, NON_FATAL),
            Status_(5, NON_FATAL),
            Status_(5, NON_FATAL),
        ],
        &[0, 100, 105, 110],
        NON_FATAL,
        320,
    ),
    (
        "negative pushback: no more, but those under way go on",
        &[Head(400), Push(5, NON_FATAL, "-1"), Never],
        &[0, 100],
        Code::Ok,
        400,
    ),
    ("negative pushback of the only one", &[Push(5, NON_FATAL, "-1")], &[0], NON_FATAL, 5),
    ("pushback that is no number", &[Push(5, NON_FATAL, "soon")], &[0], NON_FATAL, 5),
    (
        "pushback longer than the delay: the next then, and on by the delay",
        &[Never, Push(0, NON_FATAL, "250"), Never, Head(1)],
        &[0, 100, 350, 450],
        Code::Ok,
        451,
    ),
    (
        "pushback shorter than the delay",
        &[Never, Push(0, NON_FATAL, "30"), Never, Head(1)],
        &[0, 100, 130, 230],
        Code::Ok,
        231,
    ),
    ("fatal with pushback is fatal", &[Never, Push(5, FATAL, "10")], &[0, 100], FATAL, 105),
];

#[tokio::test(start_paused = true)]
async fn attempts_are_sent_and_ended_as_grfc_a6_says() {
    for (name, answers, attempts, expected, end) in ROWS {
        let seen = Seen::default();
        let start = Instant::now();
        let answers: Vec<Answer> = answers.to_vec();
        let server = server(&seen, move |number| answer(answers[number]));
        let layer = layer(hedging(4, millis(DELAY), &[NON_FATAL]));
        let outcome = call(&layer, server).await;
        assert_eq!(code(&outcome), *expected, "{name}");
        assert_eq!(start.elapsed().as_millis(), *end, "{name}: the end");
        assert_eq!(&seen.times(start), attempts, "{name}: the attempts");
        sleep(millis(1000)).await;
        assert_eq!(seen.count(), attempts.len(), "{name}: none after the end");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_all_attempts_are_sent_at_once() {
    let seen = Seen::default();
    let server = server(&seen, |number| answer(if number == 2 { Head(9) } else { Never }));
    let start = Instant::now();
    let response = call(&layer(hedging(4, Duration::ZERO, &[])), server).await.unwrap();
    assert_eq!(seen.times(start), [0, 0, 0, 0]);
    let told = seen.header("grpc-previous-rpc-attempts");
    assert_eq!(told, [None, Some("1".into()), Some("2".into()), Some("3".into())]);
    let attempts = *response.extensions().get::<Attempts>().unwrap();
    assert_eq!(attempts, Attempts { total: 4, hedges: 3, ..Attempts::default() });
}

/// Counts how many of its kind are alive.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_others_are_dropped_as_soon_as_one_has_answered_and_when_the_caller_goes() {
    let alive = Arc::new(AtomicUsize::new(0));
    let counted = alive.clone();
    let server = server(&Seen::default(), move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        let guard = Alive(counted.clone());
        async move {
            let _guard = guard;
            answer(if number == 2 { Head(1) } else { Never }).await
        }
    });
    let layer = layer(hedging(4, millis(DELAY), &[NON_FATAL]));
    let mut future = std::pin::pin!(layer.layer(server.clone()).call(request()));
    let _response = future.as_mut().await.unwrap();
    assert_eq!(alive.load(Ordering::Relaxed), 0, "while future and response are still there");
    tokio::time::timeout(millis(150), call(&layer, server)).await.unwrap_err();
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_that_closes_stops_hedges_but_not_what_is_under_way() {
    let throttle = Arc::new(Throttle::try_new(4, 0.8).unwrap());
    let layer = layer(hedging(4, millis(DELAY), &[NON_FATAL])).throttle(throttle.clone());
    // By its own failures: 4, then 3, then 2, which is half.
    let seen = Seen::default();
    let failing =
        server(&seen, |number| answer(if number == 0 { Head(300) } else { Status_(1, NON_FATAL) }));
    let start = Instant::now();
    assert_eq!(code(&call(&layer, failing).await), Code::Ok);
    assert_eq!(seen.times(start), [0, 100, 101]);
    assert_eq!(start.elapsed(), millis(300));
    // By those of others: the first attempt is always sent, and no second one.
    let seen = Seen::default();
    let slow = server(&seen, |_| answer(Head(500)));
    assert_eq!(code(&call(&layer, slow).await), Code::Ok);
    assert_eq!(seen.count(), 1);
    let seen = Seen::default();
    let down = server(&seen, |_| answer(Status_(1, NON_FATAL)));
    let start = Instant::now();
    assert_eq!(code(&call(&layer, down).await), NON_FATAL);
    assert_eq!((seen.count(), start.elapsed()), (1, millis(1)), "and it does not wait");
    assert_eq!(layer.stats().throttled(), 1);
}
