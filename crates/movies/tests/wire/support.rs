//! Servers and clients for the tests.

use std::future::{Future, pending};
use std::time::Duration;

use clap::Parser;
use movies::{Movies, MoviesArgs, Observer};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::{Request, Status, Streaming};
use wayside_balance::{Channel, Target};
use wayside_chassis::{Prepared, ProcessArgs, StartError, prepare};
use wayside_proto::movies::v1::movies_service_client::MoviesServiceClient;
use wayside_proto::movies::v1::{GetMovieRequest, QueryMoviesRequest, QueryMoviesResponse};

pub(crate) type Client = MoviesServiceClient<Channel>;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    args: MoviesArgs,
}

/// Starts a movies server with options as on the command line, and gives its address.
pub(crate) async fn movies(options: &[&str]) -> String {
    observed(options, Observer::default()).await
}

/// The same, with an observer.
pub(crate) async fn observed(options: &[&str], observer: Observer) -> String {
    let mut cli = Cli::parse_from(["movies"].iter().chain(options));
    cli.args.movies_observer = observer;
    let server = prepare::<Movies>("movies", cli.args, &cli.process).await.unwrap();
    let (listener, address) = listener().await;
    tokio::spawn(server.serve(listener, pending()));
    address
}

/// A movies server with options as on the command line, which has no port yet.
pub(crate) async fn prepared(options: &[&str]) -> Result<Prepared, StartError> {
    let cli = Cli::parse_from(["movies"].iter().chain(options));
    prepare::<Movies>("movies", cli.args, &cli.process).await
}

/// A listener of its own for each server of each test.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

pub(crate) fn channel(address: &str) -> Channel {
    let target: Target = address.parse().unwrap();
    Channel::connect_lazy(&target).unwrap()
}

pub(crate) fn client(address: &str) -> Client {
    MoviesServiceClient::new(channel(address))
}

pub(crate) fn get(mid: i32) -> Request<GetMovieRequest> {
    Request::new(GetMovieRequest { mid })
}

pub(crate) fn query(text: impl Into<String>) -> Request<QueryMoviesRequest> {
    Request::new(QueryMoviesRequest { query: text.into() })
}

/// The numbers of the movies of a stream, and the error that it ended in.
pub(crate) async fn all(mut movies: Streaming<QueryMoviesResponse>) -> (Vec<i32>, Option<Status>) {
    let mut mids = Vec::new();
    loop {
        match movies.message().await {
            Ok(Some(response)) => mids.push(response.movie.unwrap().mid),
            Ok(None) => return (mids, None),
            Err(status) => return (mids, Some(status)),
        }
    }
}

/// Waits for what has to come soon, so that a test fails rather than hangs.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10), future).await.unwrap()
}
