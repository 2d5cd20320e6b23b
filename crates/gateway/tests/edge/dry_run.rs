//! The header `dry-run: 1`: a client sees whether the server has honoured it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};
use tonic::service::Routes;
use wayside_chassis::{App, DryRunSupport, Needs, Selector, Setup, StartError};
use wayside_proto::accounts::v1::accounts_service_server::AccountsServiceServer;
use wayside_proto::movies::v1::movies_service_server::MoviesServiceServer;

use crate::support::{Edge, StandIn, header, start};

/// The stand-in behind the interceptors of a real server, with the settings of `movies.v1` and of `accounts.v1` each in one way.
struct Layered;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
struct NoArgs {}

impl App for Layered {
    const NAME: &'static str = "stand-in";
    const ABOUT: &'static str =
        "Stands in for movies, which only reads, and accounts, which refuses dry runs.";
    const PORT: u16 = 0;
    const SERVICES: &'static [&'static str] =
        &["movies.v1.MoviesService", "accounts.v1.AccountsService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;

    type Args = NoArgs;

    fn needs(_: &NoArgs) -> Needs {
        let dry_run = Selector::builder(DryRunSupport::Refused)
            .on("/movies.v1.MoviesService/*", DryRunSupport::ReadOnly);
        Needs { dry_run, ..Needs::default() }
    }

    async fn routes(_: NoArgs, _: &Setup) -> Result<Routes, StartError> {
        let stand_in = StandIn::new();
        Ok(Routes::new(MoviesServiceServer::new(stand_in.clone()))
            .add_service(AccountsServiceServer::new(stand_in)))
    }
}

async fn edge() -> Edge {
    let layered = start::<Layered>(&[]).await.to_string();
    Edge::at(&["--gateway-movies-target", &layered, "--gateway-accounts-target", &layered]).await
}

/// The HTTP status of a response, whether it confirms a dry run, and its text.
async fn outcome(request: RequestBuilder) -> (u16, bool, String) {
    let response = request.send().await.unwrap();
    let confirmed = header(&response, "dry-run") == "1";
    assert_ne!(header(&response, "x-request-id"), "");
    (response.status().as_u16(), confirmed, response.text().await.unwrap())
}

#[tokio::test]
async fn replies_errors_and_streams_of_a_dry_run_are_confirmed() {
    let edge = edge().await;
    for (path, status) in [
        ("/v1/movies/1", 200),
        ("/v1/movies/9", 404),
        ("/v1/movies?query=all", 200),
        ("/v1/movies?query=fail", 200),
        // The server has sent its headers before the error.
        ("/v1/movies?query=fail+at+once", 404),
    ] {
        let (got, confirmed, _) = outcome(edge.get(path).header("dry-run", "1")).await;
        assert_eq!((got, confirmed), (status, true), "{path}");
        let (got, confirmed, _) = outcome(edge.get(path)).await;
        assert_eq!((got, confirmed), (status, false), "{path} without dry-run");
    }
}

#[tokio::test]
async fn a_dry_run_that_the_server_refuses_is_an_error_without_confirmation() {
    let edge = edge().await;
    let rotate = edge.request(Method::POST, "/v1/accounts/acc_1:rotateToken");
    let (status, confirmed, text) = outcome(rotate.header("dry-run", "1")).await;
    assert_eq!((status, confirmed), (400, false));
    let error: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&error["code"], &error["details"][0]["reason"]),
        (&json!(9), &json!("DRY_RUN_NOT_SUPPORTED"))
    );
}

#[tokio::test]
async fn a_server_that_knows_no_dry_runs_confirms_none() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let (status, confirmed, _) = outcome(edge.get("/v1/movies/1").header("dry-run", "1")).await;
    assert_eq!((status, confirmed), (200, false));
    assert_eq!(stand_in.metadata().get("dry-run").unwrap(), "1");
}
