use std::convert::Infallible;

use http_body_util::{BodyExt, StreamBody};

use super::replay::MAX_KEPT_BYTES;
use super::*;

async fn of(frames: &[&'static [u8]]) -> RequestBody {
    let frames: Vec<_> = frames
        .iter()
        .map(|bytes| Ok::<_, Infallible>(Frame::data(Bytes::from_static(bytes))))
        .collect();
    RequestBody::read(Body::new(StreamBody::new(tokio_stream::iter(frames)))).await.unwrap()
}

async fn read(body: Body) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_second_attempt_sends_the_same() {
    let replay = of(&[b"one", b"two"]).await;
    for _ in 0..3 {
        assert_eq!(read(replay.attempt()).await, "onetwo");
    }
    assert!(replay.can_be_sent_again());
}

#[tokio::test]
async fn a_second_attempt_goes_on_where_the_first_was_dropped() {
    let replay = of(&[b"one", b"two", b"three"]).await;
    let mut first = replay.attempt();
    first.frame().await.unwrap().unwrap();
    drop(first);
    assert_eq!(read(replay.attempt()).await, "onetwothree");
}

#[tokio::test]
async fn more_than_is_kept_cannot_be_sent_again() {
    static LARGE: [u8; MAX_KEPT_BYTES] = [7; MAX_KEPT_BYTES];
    let replay = of(&[&LARGE, b"x", b"y", b"z"]).await;
    assert_eq!(read(replay.attempt()).await.len(), MAX_KEPT_BYTES + 3);
    assert!(!replay.can_be_sent_again());
}

#[tokio::test]
async fn one_frame_is_the_whole() {
    for (frames, expected) in [(&[][..], ""), (&[&b"one"[..]], "one")] {
        let body = of(frames).await;
        assert!(matches!(&body, RequestBody::Whole(data) if data == expected));
        assert_eq!(read(body.attempt()).await, expected);
    }
}

#[tokio::test]
async fn an_attempt_reads_nothing_more_when_there_is_another() {
    let replay = of(&[b"one", b"two", b"three"]).await;
    let mut first = replay.attempt();
    first.frame().await.unwrap().unwrap();
    let second = replay.attempt();
    assert!(first.frame().await.unwrap().is_err());
    assert_eq!(read(second).await, "onetwothree");
}
