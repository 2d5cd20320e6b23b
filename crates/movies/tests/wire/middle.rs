//! A middle: what passes it, and what ends with the call that it serves.

use std::time::Duration;

use movies::{Observer, movie_error};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use wayside_proto::movies::v1::MovieErrorCode;

use crate::stand_in::{Events, MID, Manner, failure, stand_in};
use crate::support::{Client, all, client, get, listener, movies, observed, query, soon};

/// A client of a middle of a stand-in.
async fn through_a_middle(manner: Manner, options: &[&str]) -> (Client, Events) {
    let (address, events) = stand_in(manner).await;
    let options = [&["--movies-middle", &address], options].concat();
    (client(&movies(&options).await), events)
}

/// The timeout that a call has brought, in microseconds or, as there are eight digits at most, in milliseconds.
fn timeout_of(seen: &MetadataMap) -> Option<Duration> {
    let text = seen.get("grpc-timeout")?.to_str().unwrap();
    let (number, unit) = text.split_at(text.len() - 1);
    let number = number.parse().unwrap();
    Some(match unit {
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        _ => panic!("unexpected unit: {text}"),
    })
}

#[tokio::test]
async fn answers_and_streams_come_from_the_next_server() {
    let last = movies(&[]).await;
    let middle = movies(&["--movies-middle", &last]).await;
    let mut client = client(&movies(&["--movies-middle", &middle]).await);
    let movie = client.get_movie(get(3)).await.unwrap().into_inner().movie.unwrap();
    assert_eq!(movie.movie_name, "Pulp Fiction");
    let (mids, error) = all(client.query_movies(query("and")).await.unwrap().into_inner()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(mids, [1, 2, 3]);
}

#[tokio::test]
async fn a_typed_error_is_the_same_with_and_without_a_middle() {
    let last = movies(&[]).await;
    let middle = movies(&["--movies-middle", &last]).await;
    let direct = client(&last).get_movie(get(99)).await.unwrap_err();
    let passed_on = client(&middle).get_movie(get(99)).await.unwrap_err();
    assert_eq!(movie_error(&passed_on).unwrap().reason(), MovieErrorCode::MovieNotFound);
    assert_eq!((passed_on.code(), passed_on.message()), (direct.code(), direct.message()));
    assert_eq!(passed_on.details(), direct.details());
}

fn assert_is_the_failure(status: &Status) {
    let expected = failure();
    assert_eq!((status.code(), status.message()), (expected.code(), expected.message()));
    assert_eq!(status.details(), expected.details());
    assert_eq!(status.metadata().get("why"), expected.metadata().get("why"));
    assert_eq!(status.metadata().get("server"), None, "it tells of the hop to the next server");
}

#[tokio::test]
async fn an_error_is_passed_on_whole_also_after_the_first_message_of_a_stream() {
    let (mut client, _events) = through_a_middle(Manner::Fail, &[]).await;
    assert_is_the_failure(&client.get_movie(get(1)).await.unwrap_err());
    let (mids, error) = all(client.query_movies(query("")).await.unwrap().into_inner()).await;
    assert_eq!(mids, [MID]);
    assert_is_the_failure(&error.unwrap());
}

#[tokio::test]
async fn metadata_passes_in_both_directions() {
    let (mut client, mut events) = through_a_middle(Manner::Answer, &[]).await;
    let mut request = get(1);
    request.metadata_mut().insert("key", "value".parse().unwrap());
    request.metadata_mut().insert_bin("key-bin", MetadataValue::from_bytes(&[0, 255]));
    request.metadata_mut().insert("session", "secret".parse().unwrap());
    let response = client.get_movie(request).await.unwrap();
    assert_eq!(response.metadata().get("served-by").unwrap(), "stand-in");
    let seen = events.called().await;
    assert_eq!(seen.get("key").unwrap(), "value");
    assert_eq!(seen.get_bin("key-bin").unwrap().to_bytes().unwrap().as_ref(), [0, 255]);
    assert_eq!(seen.get("session"), None, "it is not named, so it may not be for everybody");
    let response = client.query_movies(query("")).await.unwrap();
    assert_eq!(response.metadata().get("served-by").unwrap(), "stand-in");
}

#[tokio::test]
async fn what_is_named_is_handed_on_instead() {
    let options = &["--movies-hand-on", "session, tenant"];
    let (mut client, mut events) = through_a_middle(Manner::Answer, options).await;
    let mut request = get(1);
    for name in ["key", "session", "tenant"] {
        request.metadata_mut().insert(name, "value".parse().unwrap());
    }
    client.get_movie(request).await.unwrap();
    let seen = events.called().await;
    assert!(seen.get("session").is_some() && seen.get("tenant").is_some(), "{seen:?}");
    assert_eq!(seen.get("key"), None);
}

#[tokio::test]
async fn each_message_of_a_stream_is_passed_on_as_it_comes() {
    let (mut client, _events) = through_a_middle(Manner::Hang, &[]).await;
    let mut stream = soon(client.query_movies(query(""))).await.unwrap().into_inner();
    // The stream of the stand-in has not ended, and never does.
    assert_eq!(soon(stream.message()).await.unwrap().unwrap().movie.unwrap().mid, MID);
}

#[tokio::test]
async fn what_is_left_of_the_deadline_travels() {
    let (mut client, mut events) =
        through_a_middle(Manner::Answer, &["--movies-work", "100ms"]).await;
    let mut request = get(1);
    request.set_timeout(Duration::from_secs(50));
    client.get_movie(request).await.unwrap();
    let left = timeout_of(&events.called().await).unwrap();
    assert!((Duration::from_secs(40)..=Duration::from_millis(49_900)).contains(&left), "{left:?}");
}

#[tokio::test]
async fn a_lookup_without_a_deadline_has_two_minutes_and_a_stream_has_none() {
    let (mut client, mut events) = through_a_middle(Manner::Answer, &[]).await;
    client.get_movie(get(1)).await.unwrap();
    let timeout = timeout_of(&events.called().await).unwrap();
    assert!((Duration::from_secs(110)..Duration::from_secs(120)).contains(&timeout), "{timeout:?}");
    client.query_movies(query("")).await.unwrap();
    assert_eq!(timeout_of(&events.called().await), None);
}

#[tokio::test]
async fn a_deadline_that_passes_during_the_work_makes_no_call() {
    let (mut client, mut events) = through_a_middle(Manner::Answer, &["--movies-work", "1s"]).await;
    let begin = Instant::now();
    let mut request = get(1);
    request.set_timeout(Duration::from_millis(300));
    assert_eq!(client.get_movie(request).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(
        (Duration::from_millis(300)..Duration::from_secs(1)).contains(&begin.elapsed()),
        "{:?}",
        begin.elapsed()
    );
    // This one's work ends after that of the first would have: had the first been called on, it would be seen before.
    client.get_movie(get(1)).await.unwrap();
    assert!(
        timeout_of(&events.called().await) > Some(Duration::from_secs(60)),
        "the call without a deadline is the first to arrive"
    );
    assert!(events.is_empty());
}

#[tokio::test]
async fn a_call_cancelled_during_the_work_makes_no_call() {
    let (mut client, mut events) =
        through_a_middle(Manner::Answer, &["--movies-work", "600ms"]).await;
    timeout(Duration::from_millis(300), client.get_movie(get(1))).await.unwrap_err();
    timeout(Duration::from_millis(300), client.query_movies(query(""))).await.unwrap_err();
    client.get_movie(get(1)).await.unwrap();
    events.called().await;
    assert!(events.is_empty(), "a cancelled call was made all the same");
}

#[tokio::test]
async fn an_observer_is_told_of_calls_their_metadata_and_that_one_was_cancelled() {
    let (remarks, mut told) = mpsc::channel(16);
    let observer = Observer::new(move |remark| remarks.try_send(remark.to_string()).unwrap());
    let last = movies(&[]).await;
    let options = ["--movies-middle", &last, "--movies-work", "300ms"];
    let mut client = client(&observed(&options, observer).await);
    let mut request = get(1);
    request.metadata_mut().insert("key", "value".parse().unwrap());
    client.get_movie(request).await.unwrap();
    timeout(Duration::from_millis(150), client.get_movie(get(1))).await.unwrap_err();
    client.query_movies(query("")).await.unwrap();
    for expected in ["GetMovie", "Value for key value", "GetMovie", "Is Canceled", "QueryMovies"] {
        // What is left of the default deadline follows.
        let remark = soon(told.recv()).await.unwrap();
        assert_eq!(remark.split(',').next(), Some(expected));
    }
    assert!(told.is_empty(), "{:?}", told.recv().await);
}

#[tokio::test]
async fn a_call_cancelled_while_the_next_server_works_is_cancelled_there() {
    let (mut client, mut events) = through_a_middle(Manner::Hang, &[]).await;
    let call = tokio::spawn(async move { client.get_movie(get(1)).await });
    events.called().await;
    assert!(events.is_empty());
    call.abort();
    events.dropped().await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_dropped_at_the_next_server() {
    let (mut client, mut events) = through_a_middle(Manner::Hang, &[]).await;
    let mut stream = soon(client.query_movies(query(""))).await.unwrap().into_inner();
    soon(stream.message()).await.unwrap().unwrap();
    events.called().await;
    assert!(events.is_empty());
    drop(stream);
    events.dropped().await;
}

#[tokio::test]
async fn a_deadline_that_passes_during_a_stream_ends_it_here_and_there() {
    let (mut client, mut events) = through_a_middle(Manner::Hang, &[]).await;
    let mut request = query("");
    request.set_timeout(Duration::from_millis(500));
    let stream = client.query_movies(request).await.unwrap().into_inner();
    let (mids, error) = soon(all(stream)).await;
    assert_eq!((mids, error.unwrap().code()), (vec![MID], Code::DeadlineExceeded));
    events.called().await;
    events.dropped().await;
}

#[tokio::test]
async fn a_next_server_that_is_not_there_is_unavailable() {
    let (listener, address) = listener().await;
    drop(listener);
    let mut client = client(&movies(&["--movies-middle", &address]).await);
    assert_eq!(soon(client.get_movie(get(1))).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(soon(client.query_movies(query(""))).await.unwrap_err().code(), Code::Unavailable);
}
