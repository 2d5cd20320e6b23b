//! The catalogue as a client sees it.

use std::time::Duration;

use movies::movie_error;
use tonic::Code;
use tonic_types::StatusExt;
use wayside_proto::movies::v1::MovieErrorCode;

use crate::support::{all, client, get, movies, query};

#[tokio::test]
async fn a_movie_is_found_by_its_number() {
    let mut client = client(&movies(&[]).await);
    let movie = client.get_movie(get(1)).await.unwrap().into_inner().movie.unwrap();
    assert_eq!((movie.mid, movie.movie_name.as_str()), (1, "The Hateful Eight"));
    assert_eq!(movie.movie_style, "Western");
    assert!(movie.movie_description.len() > 200);
}

#[tokio::test]
async fn an_unknown_movie_is_a_typed_error_that_the_client_can_read() {
    let mut client = client(&movies(&[]).await);
    let status = client.get_movie(get(99)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "Movie not found"));
    let error = movie_error(&status).unwrap();
    assert_eq!(
        (error.reason(), error.message.as_str()),
        (MovieErrorCode::MovieNotFound, "Could not find movie 99")
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("MOVIE_NOT_FOUND", "wayside"));
    assert_eq!(info.metadata["mid"], "99");
}

#[tokio::test]
async fn a_number_below_1_is_refused_by_name() {
    let mut client = client(&movies(&[]).await);
    let status = client.get_movie(get(0)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(movie_error(&status).unwrap().reason(), MovieErrorCode::InvalidMovie);
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "mid");
}

#[tokio::test]
async fn matches_are_streamed_in_order_whatever_their_case() {
    let mut client = client(&movies(&[]).await);
    for (text, expected) in [
        ("and", &[1, 2, 3][..]),
        ("", &[1, 2, 3]),
        ("DRAMA", &[2, 3]),
        ("pulp", &[3]),
        ("Alien", &[]),
    ] {
        let stream = client.query_movies(query(text)).await.unwrap().into_inner();
        let (mids, error) = all(stream).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(mids, expected, "{text}");
    }
}

#[tokio::test]
async fn a_query_of_more_than_256_bytes_is_refused_by_name() {
    let mut client = client(&movies(&[]).await);
    client.query_movies(query("a".repeat(256))).await.unwrap();
    let status = client.query_movies(query("a".repeat(257))).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "query");
}

#[tokio::test]
async fn work_that_takes_longer_than_the_deadline_ends_at_the_deadline() {
    let mut client = client(&movies(&["--movies-work", "60s"]).await);
    let mut request = get(1);
    request.set_timeout(Duration::from_millis(200));
    assert_eq!(client.get_movie(request).await.unwrap_err().code(), Code::DeadlineExceeded);
    let mut request = query("and");
    request.set_timeout(Duration::from_millis(200));
    let stream = client.query_movies(request).await.unwrap().into_inner();
    let (mids, error) = all(stream).await;
    assert_eq!((mids, error.unwrap().code()), (vec![], Code::DeadlineExceeded));
}

#[tokio::test]
async fn a_dry_run_is_confirmed_because_both_methods_only_read() {
    let mut client = client(&movies(&[]).await);
    let (mut lookup, mut stream) = (get(1), query("and"));
    for metadata in [lookup.metadata_mut(), stream.metadata_mut()] {
        metadata.insert("dry-run", "1".parse().unwrap());
    }
    let answer = client.get_movie(lookup).await.unwrap();
    assert_eq!(answer.metadata().get("dry-run").unwrap(), "1");
    let answer = client.query_movies(stream).await.unwrap();
    assert_eq!(answer.metadata().get("dry-run").unwrap(), "1");
    assert_eq!(all(answer.into_inner()).await.0, [1, 2, 3]);
}
