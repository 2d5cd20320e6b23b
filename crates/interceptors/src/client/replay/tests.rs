use std::convert::Infallible;
use std::task::Poll;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, timeout};
use tonic::body::Body;
use tonic::{Code, Status};

use super::{Limits, Replay};

/// What one message of a few bytes costs at least.
const PLACE: usize = 32;

fn roomy() -> Limits {
    Limits::new(1 << 20, 1 << 20)
}

fn of(frames: &[&'static [u8]], limits: &Limits) -> Replay {
    let frames: Vec<_> = frames
        .iter()
        .map(|bytes| Ok::<_, Infallible>(Frame::data(Bytes::from_static(bytes))))
        .collect();
    Replay::new(Body::new(StreamBody::new(tokio_stream::iter(frames))), limits)
}

/// A body that is written while it is read.
fn channel(limits: &Limits) -> (mpsc::Sender<Result<Frame<Bytes>, Status>>, Replay) {
    let (sender, receiver) = mpsc::channel(16);
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    (sender, Replay::new(Body::new(StreamBody::new(stream)), limits))
}

fn data(bytes: &'static str) -> Result<Frame<Bytes>, Status> {
    Ok(Frame::data(Bytes::from_static(bytes.as_bytes())))
}

/// What is not woken at once fails the test.
async fn soon<F: Future>(future: F) -> F::Output {
    let start = Instant::now();
    let output = timeout(Duration::from_secs(1), future).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    output
}

async fn read(body: Body) -> Bytes {
    soon(body.collect()).await.unwrap().to_bytes()
}

async fn next(body: &mut Body) -> Bytes {
    soon(body.frame()).await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_attempt_sends_the_same() {
    let replay = of(&[b"one", b"two"], &roomy());
    for _ in 0..3 {
        assert_eq!(read(replay.attempt()).await, "onetwo");
    }
    assert!(replay.is_repeatable());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_goes_on_where_an_earlier_one_was_dropped() {
    let replay = of(&[b"one", b"two", b"three"], &roomy());
    let mut first = replay.attempt();
    assert_eq!(next(&mut first).await, "one");
    drop(first);
    assert_eq!(read(replay.attempt()).await, "onetwothree");
}

#[tokio::test(start_paused = true)]
async fn attempts_at_the_same_time_read_at_their_own_pace() {
    let replay = of(&[b"one", b"two", b"three"], &roomy());
    let (mut slow, mut fast) = (replay.attempt(), replay.attempt());
    assert_eq!(next(&mut fast).await, "one");
    assert_eq!(next(&mut fast).await, "two");
    assert_eq!(next(&mut slow).await, "one");
    assert_eq!(read(fast).await, "three");
    assert_eq!(read(slow).await, "twothree");
}

#[tokio::test(start_paused = true)]
async fn a_message_wakes_every_attempt_that_waits_for_it() {
    let (sender, replay) = channel(&roomy());
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(read(replay.attempt()))).collect();
    tokio::task::yield_now().await;
    for message in ["one", "two"] {
        sender.send(data(message)).await.unwrap();
        tokio::task::yield_now().await;
    }
    drop(sender);
    for attempt in waiting {
        assert_eq!(attempt.await.unwrap(), "onetwo");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_is_woken_although_the_last_to_ask_is_gone() {
    let (sender, replay) = channel(&roomy());
    let waits = tokio::spawn(read(replay.attempt()));
    tokio::task::yield_now().await;
    let goes = tokio::spawn(read(replay.attempt()));
    tokio::task::yield_now().await;
    goes.abort();
    goes.await.unwrap_err();
    sender.send(data("one")).await.unwrap();
    drop(sender);
    assert_eq!(waits.await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_is_woken_by_another_that_was_given_the_message() {
    let mut polls = 0;
    // It promises to wake whoever asked, and owes nothing any more once it was asked again.
    let source = futures_util::stream::poll_fn(move |_| {
        polls += 1;
        match polls {
            1 => Poll::Pending,
            2 => Poll::Ready(Some(data("one"))),
            _ => Poll::Ready(None),
        }
    });
    let replay = Replay::new(Body::new(StreamBody::new(source)), &roomy());
    let waits = tokio::spawn(read(replay.attempt()));
    tokio::task::yield_now().await;
    assert_eq!(read(replay.attempt()).await, "one");
    assert_eq!(waits.await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn the_attempt_that_overflows_the_buffer_goes_on_and_the_others_end() {
    let limits = Limits::new(2 * (PLACE + 4), 1 << 20);
    let replay = of(&[b"1111", b"2222", b"3333", b"4444"], &limits);
    let (mut left, mut right) = (replay.attempt(), replay.attempt());
    assert_eq!(next(&mut left).await, "1111");
    for expected in ["1111", "2222"] {
        assert_eq!(next(&mut right).await, expected);
    }
    assert!(replay.is_repeatable());
    assert_eq!(next(&mut right).await, "3333");
    assert!(!replay.is_repeatable());
    assert_eq!(left.frame().await.unwrap().unwrap_err().code(), Code::Cancelled);
    assert_eq!(read(right).await, "4444");
    assert_eq!(limits.used(), 0, "what was sent is let go");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_has_failed_does_not_take_the_call_with_it() {
    let limits = Limits::new(2 * (PLACE + 4), 1 << 20);
    let replay = of(&[b"1111", b"2222", b"3333"], &limits);
    let mut failed = replay.attempt();
    next(&mut failed).await;
    next(&mut failed).await;
    replay.retire(0);
    let again = replay.attempt();
    // The connection of the first attempt goes on reading although the server has answered.
    assert_eq!(failed.frame().await.unwrap().unwrap_err().code(), Code::Cancelled);
    assert_eq!(read(again).await, "111122223333");
}

#[tokio::test(start_paused = true)]
async fn empty_messages_fill_the_buffer_too() {
    let replay = of(&[b"", b"", b""], &Limits::new(2 * PLACE, 1 << 20));
    read(replay.attempt()).await;
    assert!(!replay.is_repeatable());
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_channel_share_a_limit_and_give_back_what_they_kept() {
    let limits = Limits::new(1 << 20, PLACE + 8);
    let first = of(&[b"12345678"], &limits);
    read(first.attempt()).await;
    let second = of(&[b"1"], &limits);
    read(second.attempt()).await;
    assert!(first.is_repeatable() && !second.is_repeatable());
    drop(first);
    assert_eq!(limits.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_chosen_attempt_still_sends_what_it_has_not_sent_and_nothing_more_is_kept() {
    let limits = roomy();
    let replay = of(&[b"one", b"two", b"three"], &limits);
    let mut ahead = replay.attempt();
    next(&mut ahead).await;
    next(&mut ahead).await;
    let chosen = replay.attempt();
    replay.commit(1);
    assert_eq!(ahead.frame().await.unwrap().unwrap_err().code(), Code::Cancelled);
    assert_eq!(read(chosen).await, "onetwothree");
    assert_eq!(limits.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_choice_wakes_the_call_and_the_attempts_that_were_not_chosen() {
    let (_sender, replay) = channel(&roomy());
    let (mut loser, _chosen) = (replay.attempt(), replay.attempt());
    let loser = tokio::spawn(async move { soon(loser.frame()).await.unwrap().unwrap_err() });
    let watching = replay.clone();
    let call =
        tokio::spawn(
            async move { soon(std::future::poll_fn(|cx| watching.poll_winner(cx))).await },
        );
    tokio::task::yield_now().await;
    replay.commit(1);
    replay.commit(0);
    assert_eq!(call.await.unwrap(), 1, "the first choice stands");
    assert_eq!(loser.await.unwrap().code(), Code::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_writer_failed_cannot_be_sent_again() {
    let (sender, replay) = channel(&roomy());
    sender.send(data("one")).await.unwrap();
    sender.send(Err(Status::data_loss("torn"))).await.unwrap();
    let mut attempt = replay.attempt();
    assert_eq!(next(&mut attempt).await, "one");
    assert_eq!(attempt.frame().await.unwrap().unwrap_err().code(), Code::DataLoss);
    assert!(!replay.is_repeatable());
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_is_empty_from_the_start() {
    let replay = Replay::new(Body::empty(), &roomy());
    assert!(http_body::Body::is_end_stream(&replay.attempt()));
    let replay = of(&[b"one"], &roomy());
    let mut attempt = replay.attempt();
    assert!(!http_body::Body::is_end_stream(&attempt));
    assert_eq!(next(&mut attempt).await, "one");
    assert!(attempt.frame().await.is_none() && http_body::Body::is_end_stream(&attempt));
}
