//! Failures on purpose, as a client sees them.

use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::stand_in::{Manner, stand_in};
use crate::support::{Client, client, get, movies, query};

async fn faulty(plan: &str) -> Client {
    client(&movies(&["--movies-faulty", plan]).await)
}

fn assert_is_the_fault(status: &Status) {
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "Failure faulty"));
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("FAULT_INJECTED", "wayside"));
}

#[tokio::test]
async fn the_first_three_calls_fail_and_the_fourth_is_answered() {
    let mut client = faulty("first:3").await;
    for _ in 0..3 {
        assert_is_the_fault(&client.get_movie(get(1)).await.unwrap_err());
    }
    client.get_movie(get(1)).await.unwrap();
}

#[tokio::test]
async fn one_call_is_answered_and_every_later_one_fails() {
    let mut client = faulty("after:1").await;
    client.get_movie(get(1)).await.unwrap();
    for _ in 0..5 {
        assert_is_the_fault(&client.get_movie(get(1)).await.unwrap_err());
    }
}

#[tokio::test]
async fn both_methods_count_and_fail() {
    let mut client = faulty("every:2").await;
    for _ in 0..2 {
        client.get_movie(get(1)).await.unwrap();
        assert_is_the_fault(&client.query_movies(query("and")).await.unwrap_err());
        client.query_movies(query("and")).await.unwrap();
        assert_is_the_fault(&client.get_movie(get(1)).await.unwrap_err());
    }
}

#[tokio::test]
async fn exactly_the_planned_number_of_calls_at_the_same_time_fails() {
    let client = faulty("first:10").await;
    let mut calls = JoinSet::new();
    for _ in 0..40 {
        let mut client = client.clone();
        calls.spawn(async move { client.get_movie(get(1)).await.is_err() });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|failed| *failed).count(), 10);
}

#[tokio::test]
async fn a_middle_that_fails_calls_nobody() {
    let (next, events) = stand_in(Manner::Answer).await;
    let mut client =
        client(&movies(&["--movies-middle", &next, "--movies-faulty", "always"]).await);
    assert_is_the_fault(&client.get_movie(get(1)).await.unwrap_err());
    assert_is_the_fault(&client.query_movies(query("")).await.unwrap_err());
    assert!(events.is_empty());
}
