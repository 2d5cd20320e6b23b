//! Deadlines, and requests that are too large to be sent again.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::sleep;
use tonic::Code;

use super::*;
use crate::deadline::Deadline;

fn within(timeout: &str) -> Request<Body> {
    let mut request = request();
    request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_sent_with_what_is_left_of_the_deadline() {
    for policy in [
        RetryPolicy::try_new(3, millis(1), millis(1), 1.0, [Code::Unavailable]).unwrap().into(),
        hedging(3, millis(30), &[Code::Unavailable]),
    ] {
        let seen = Seen::default();
        let server = server(&seen, |_| async {
            sleep(millis(40)).await;
            Ok(pushed_back(Code::Unavailable, &["10"]))
        });
        let start = Instant::now();
        let _ = send(&layer(policy), server, within("1S")).await;
        let told = seen.header("grpc-timeout");
        let times = seen.times(start);
        assert_eq!((told.len(), times.len()), (3, 3));
        for (told, at) in told.into_iter().zip(times) {
            let left = 1_000_000 - at * 1000;
            assert_eq!(told, Some(format!("{left}u")), "{policy:?} at {at} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_in_the_extensions_counts_when_it_is_the_sooner() {
    for (left, expected) in [(millis(80), "80000000n"), (millis(3000), "1000000u")] {
        let seen = Seen::default();
        let server = prompt(&seen, |_| Ok(head()));
        let mut request = within("1S");
        request.extensions_mut().insert(Deadline(Instant::now() + left));
        send(&layer(retry(3, Code::Unavailable)), server, request).await.unwrap();
        assert_eq!(seen.header("grpc-timeout"), [Some(expected.to_owned())]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_call_whatever_its_attempts_do() {
    for policy in [retry(5, Code::Unavailable), hedging(5, millis(30), &[Code::Unavailable])] {
        let seen = Seen::default();
        let start = Instant::now();
        let stuck = server(&seen, |_| std::future::pending());
        let status = send(&layer(policy), stuck, within("100m")).await.unwrap_err();
        assert_eq!((status.code(), start.elapsed()), (Code::DeadlineExceeded, millis(100)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_after_the_deadline_is_not_waited_for() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Ok(pushed_back(Code::Unavailable, &["100"])));
    let start = Instant::now();
    let outcome = send(&layer(retry(5, Code::Unavailable)), server, within("350m")).await;
    assert_eq!(code(&outcome), Code::Unavailable, "the failure itself, not the deadline");
    assert_eq!(seen.times(start), [0, 100, 200, 300]);
    assert_eq!(start.elapsed(), millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_time_is_not_sent() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Ok(head()));
    let status = send(&layer(retry(5, Code::Unavailable)), server, within("0n")).await;
    assert_eq!((status.unwrap_err().code(), seen.count()), (Code::DeadlineExceeded, 0));
}

fn of(messages: &[&'static [u8]]) -> Request<Body> {
    let frames: Vec<_> = messages
        .iter()
        .map(|bytes| Ok::<_, Status>(Frame::data(Bytes::from_static(bytes))))
        .collect();
    request().map(|_| Body::new(StreamBody::new(tokio_stream::iter(frames))))
}

/// Reads each request to its end, keeps it, and fails.
fn reading(
    seen: &Arc<Mutex<Vec<Bytes>>>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Status> + Clone {
    let seen = seen.clone();
    service_fn(move |request: Request<Body>| {
        let seen = seen.clone();
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            seen.lock().unwrap().push(body);
            Ok(trailers_only(Code::Unavailable))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_the_whole_request() {
    for policy in [retry(3, Code::Unavailable), hedging(3, Duration::ZERO, &[Code::Unavailable])] {
        let seen = Arc::default();
        let outcome = send(&layer(policy), reading(&seen), of(&[b"one", b"two"])).await;
        assert_eq!(code(&outcome), Code::Unavailable);
        assert_eq!(*seen.lock().unwrap(), ["onetwo", "onetwo", "onetwo"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_larger_than_the_buffer_is_sent_once_and_whole() {
    static LARGE: [u8; 200] = [7; 200];
    let sizes = [("call", 100, 1 << 20), ("channel", 1 << 20, 100)];
    for (name, call, channel) in sizes {
        let seen = Arc::default();
        let layer = layer(retry(3, Code::Unavailable)).call_buffer(call).channel_buffer(channel);
        let outcome = layer.layer(reading(&seen)).oneshot(of(&[b"x", &LARGE, b"y"])).await;
        assert_eq!(code(&outcome), Code::Unavailable, "{name}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.iter().map(Bytes::len).collect::<Vec<_>>(), [202], "{name}");
        assert_eq!(layer.stats().overflowed(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_head_of_a_response_nothing_is_kept_any_more() {
    let layer = layer(retry(3, Code::Unavailable));
    let rest = Arc::new(Mutex::new(None));
    let server = {
        let rest = rest.clone();
        service_fn(move |request: Request<Body>| {
            let rest = rest.clone();
            async move {
                let mut body = request.into_body();
                body.frame().await.unwrap()?;
                *rest.lock().unwrap() = Some(body);
                Ok::<_, Status>(head())
            }
        })
    };
    let _response = send(&layer, server, of(&[b"one", b"two"])).await.unwrap();
    assert_eq!(layer.kept(), 0);
    let mut rest = rest.lock().unwrap().take().unwrap();
    assert_eq!(rest.frame().await.unwrap().unwrap().into_data().unwrap(), "two");
    assert_eq!(layer.kept(), 0);
}

/// grpc-java, hedging_perRpcBufferLimitExceeded.
#[tokio::test(start_paused = true)]
async fn when_the_buffer_overflows_the_hedge_that_is_furthest_goes_on_alone() {
    static LARGE: [u8; 200] = [7; 200];
    let seen = Seen::default();
    let server = {
        let seen = seen.clone();
        service_fn(move |request: Request<Body>| {
            let number = seen.count();
            seen.0.lock().unwrap().push((Instant::now(), request.headers().clone()));
            async move {
                let mut body = request.into_body();
                // The first reads nothing and would answer soon; the second reads on beyond what is kept.
                if number == 0 {
                    sleep(millis(20)).await;
                    return Ok(trailers_only(Code::Internal));
                }
                while let Some(frame) = body.frame().await {
                    frame?;
                    sleep(millis(4)).await;
                }
                Ok::<_, Status>(head())
            }
        })
    };
    let layer = layer(hedging(4, millis(10), &[Code::Unavailable])).call_buffer(100);
    let start = Instant::now();
    let outcome = layer.layer(server).oneshot(of(&[b"x", &LARGE, b"y"])).await;
    assert_eq!(code(&outcome), Code::Ok, "the one that was furthest");
    assert_eq!(seen.times(start), [0, 10], "and none was sent after that");
    assert_eq!(start.elapsed(), millis(22));
}

/// grpc-go, TestRetryTransparentWhenCommitted: a call whose second attempt has no answer is dropped, and writing on does no harm.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_during_its_retry_is_over_for_its_writer_too() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|data| data.map(|data| Ok::<_, Status>(Frame::data(data))))
    }));
    let seen = Seen::default();
    let held = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let (seen, held) = (seen.clone(), held.clone());
        service_fn(move |request: Request<Body>| {
            let number = seen.count();
            seen.0.lock().unwrap().push((Instant::now(), request.headers().clone()));
            // A connection holds on to what it sends until it notices that nobody waits for an answer.
            held.lock().unwrap().push(request.into_body());
            async move {
                if number > 0 {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Status>(trailers_only(Code::AlreadyExists))
            }
        })
    };
    let call = layer(retry(2, Code::AlreadyExists)).layer(server);
    let call = call.oneshot(request().map(|_| Body::new(body)));
    tokio::time::timeout(millis(200), call).await.unwrap_err();
    assert_eq!(seen.count(), 2);
    sender.send(Bytes::from_static(b"x")).await.unwrap();
    let attempts = std::mem::take(&mut *held.lock().unwrap());
    let [mut first, mut second] = <[Body; 2]>::try_from(attempts).unwrap();
    assert_eq!(first.frame().await.unwrap().unwrap_err().code(), Code::Cancelled);
    assert_eq!(second.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
    drop((first, second));
    assert!(sender.is_closed());
}
