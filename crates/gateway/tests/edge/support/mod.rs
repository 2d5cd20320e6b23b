//! A gateway on a port of its own, in front of servers that do what the test says.

pub(crate) mod stand_in;

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use clap::Parser;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::time::timeout;
use wayside_chassis::{App, ProcessArgs, prepare};

pub(crate) use stand_in::StandIn;

#[derive(Debug, Parser)]
struct Cli<A: clap::Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    process: ProcessArgs,
}

/// Serves an app until the test ends, and gives its address.
pub(crate) async fn start<A: App>(options: &[&str]) -> SocketAddr {
    let cli = Cli::<A::Args>::parse_from(["test"].iter().chain(options));
    let server = prepare::<A>(A::NAME, cli.args, &cli.process).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener, pending()));
    address
}

/// A gateway and a client for it.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

impl Edge {
    /// A gateway in front of a real greet server.
    pub(crate) async fn with_greet(options: &[&str]) -> Self {
        let greet =
            start::<greet::Greet>(&["--greet-pod-name", "greet-1", "--greet-pod-ip", "127.0.0.1"])
                .await;
        Self::at(&[&["--gateway-greet-target", &greet.to_string()], options].concat()).await
    }

    /// A gateway in front of a stand-in for movies, accounts and cache.
    pub(crate) async fn with(stand_in: &StandIn, options: &[&str]) -> Self {
        let target = stand_in.serve().await.to_string();
        let targets =
            ["--gateway-movies-target", "--gateway-accounts-target", "--gateway-cache-target"];
        let targets = targets.iter().flat_map(|option| [*option, target.as_str()]);
        Self::at(&targets.chain(options.iter().copied()).collect::<Vec<_>>()).await
    }

    pub(crate) async fn at(options: &[&str]) -> Self {
        let address = start::<gateway::Gateway>(options).await;
        Self { address, client: Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
            .timeout(Duration::from_secs(20))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A request with a body that is declared as JSON.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        self.request(method, path).header("content-type", "application/json").body(body)
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.send(Method::POST, path, body)
    }
}

/// The status and the JSON of an answer.
pub(crate) async fn json(request: RequestBuilder) -> (u16, Json) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(header(&response, "content-type"), "application/json");
    (status, response.json().await.unwrap())
}

/// The status and the message of an answer that is an error.
pub(crate) async fn error(request: RequestBuilder) -> (u16, String) {
    let (status, json) = json(request).await;
    (status, json["message"].as_str().unwrap().to_owned())
}

pub(crate) fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Fails the test when something takes longer than anything should.
pub(crate) async fn soon<F: Future>(work: F) -> F::Output {
    timeout(Duration::from_secs(10), pin!(work)).await.expect("it did not happen within 10 seconds")
}
