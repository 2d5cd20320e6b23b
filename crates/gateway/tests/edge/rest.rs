//! Paths, queries, bodies, headers and errors of the annotated methods.

use reqwest::{Client, Method};
use serde_json::json;

use crate::support::{Edge, StandIn, error, header, json};

#[tokio::test]
async fn path_query_and_body_become_the_request() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;

    let (status, reply) = json(edge.get("/v1/movies/7")).await;
    let movie =
        json!({ "mid": 7, "movieName": "Movie 7", "movieDescription": "", "movieStyle": "" });
    assert_eq!((status, reply), (200, json!({ "movie": movie })));

    let (_, reply) = json(edge.get("/v1/accounts?page_size=2&pageToken=a%20b")).await;
    assert_eq!(reply, json!({ "accounts": [], "nextPageToken": "2 a b" }));

    let (_, reply) =
        json(edge.send(Method::PATCH, "/v1/accounts/acc_1", r#"{"maxCacheKeys": "5"}"#)).await;
    let account = json!({ "maxCacheKeys": "5", "id": "acc_1", "name": "unchanged" });
    assert_eq!(reply, json!({ "account": account }));

    let (_, reply) = json(edge.request(Method::POST, "/v1/accounts/acc%2F1:rotateToken")).await;
    assert_eq!(reply, json!({ "token": "new token of acc/1" }));
}

#[tokio::test]
async fn a_key_may_have_slashes_and_there_are_two_ways_to_store_it() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    for (method, path, body) in [
        (Method::PUT, "/v1/cache/a/b:c", r#"{"val": "Y29u", "ttl": "30s"}"#),
        (Method::POST, "/v1/cache", r#"{"key": "a/b:c", "val": "Y29u", "ttl": "30s"}"#),
    ] {
        assert_eq!(json(edge.send(method, path, body)).await, (200, json!({})));
        let stored = stand_in.stored().remove(0);
        assert_eq!(
            (stored.key.as_str(), &stored.val[..], stored.ttl.unwrap().seconds),
            ("a/b:c", &b"con"[..], 30)
        );
    }
    let (_, reply) = json(edge.get("/v1/cache/a/b:c")).await;
    // base64 of "value of a/b:c"
    assert_eq!(reply, json!({ "val": "dmFsdWUgb2YgYS9iOmM=" }));
    let both = edge.send(Method::PUT, "/v1/cache/a", r#"{"key": "b"}"#);
    assert_eq!(
        error(both).await,
        (400, "field key: it is in the path already; leave it out of the body".to_owned())
    );
}

#[tokio::test]
async fn unknown_paths_are_a_404_and_other_methods_a_405_with_allow() {
    let edge = Edge::at(&[]).await;
    for path in ["/v2/movies", "/v1/movies/1/2", "/greet/", "/v1/movies/"] {
        let (status, message) = error(edge.get(path)).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(message, "nothing is served at this path; GET /openapi.json lists what is");
    }
    for (path, allow) in
        [("/v1/movies/1", "GET, HEAD"), ("/v1/accounts/x", "DELETE, PATCH"), ("/", "GET, HEAD")]
    {
        let response = edge.post(path, "{}").send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), header(&response, "allow")),
            (405, allow),
            "{path}"
        );
        assert_eq!(response.json::<serde_json::Value>().await.unwrap()["code"], 12);
    }
}

#[tokio::test]
async fn the_details_of_an_error_are_json() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let (status, reply) = json(edge.get("/v1/movies/9")).await;
    let expected = json!({
        "code": 5,
        "message": "not found",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "MOVIE_NOT_FOUND",
                "domain": "wayside",
                "metadata": {},
            },
            {
                "@type": "type.googleapis.com/movies.v1.MovieError",
                "reason": "MOVIE_ERROR_CODE_MOVIE_NOT_FOUND",
                "message": "Could not find movie 9",
            },
        ],
    });
    assert_eq!((status, reply), (404, expected));
}

#[tokio::test]
async fn every_code_of_a_server_has_its_http_status() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let expected = [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    for (code, expected) in (1..).zip(expected) {
        let response = edge.get(&format!("/v1/movies/{}", 100 + code)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "code {code}");
        assert_eq!(header(&response, "www-authenticate"), if code == 16 { "Bearer" } else { "" });
        assert_eq!(response.json::<serde_json::Value>().await.unwrap()["code"], code);
    }
}

#[tokio::test]
async fn only_the_listed_headers_reach_the_server() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let request = edge
        .get("/v1/movies/1")
        .header("authorization", "Bearer token")
        .header("x-request-id", "request")
        .header("dry-run", "1")
        .header("grpc-metadata-key", "value")
        .header("grpc-timeout", "7S")
        .header("cookie", "cookie")
        .header("x-other", "other")
        .header("x-forwarded-for", "1.1.1.1");
    assert_eq!(json(request).await.0, 200);
    let metadata = stand_in.metadata().into_headers();
    let get =
        |name: &str| metadata.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert_eq!(get("authorization"), "Bearer token");
    assert_eq!(
        (get("x-request-id"), get("dry-run"), get("key")),
        ("request".into(), "1".into(), "value".into())
    );
    assert_eq!(
        get("x-forwarded-for"),
        "127.0.0.1",
        "the server is told who called, not what the caller says"
    );
    assert!(
        !metadata.contains_key("cookie")
            && !metadata.contains_key("x-other")
            && !metadata.contains_key("host")
    );
    let timeout: u64 = get("grpc-timeout").trim_end_matches('u').parse().unwrap();
    assert!((5_000_000..7_000_000).contains(&timeout), "what is left of 7 s: {timeout}");
}

#[tokio::test]
async fn pages_of_other_sites_may_not_change_anything() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let rotate = || edge.request(Method::POST, "/v1/accounts/acc_1:rotateToken");
    assert_eq!(error(rotate().header("sec-fetch-site", "cross-site")).await.0, 403);
    assert_eq!(error(rotate().header("origin", "http://evil.example")).await.0, 403);
    assert_eq!(json(rotate().header("origin", format!("http://{}", edge.address))).await.0, 200);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let http2 = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for path in ["/v1/movies/1", "/", "/healthz", "/openapi.json"] {
        let get = edge.get(path).send().await.unwrap();
        for client in [&edge.client, &http2] {
            let head = client.head(format!("http://{}{path}", edge.address)).send().await.unwrap();
            for name in ["content-type", "content-length"] {
                assert_eq!(header(&get, name), header(&head, name), "{path} {name}");
                assert_ne!(header(&head, name), "", "{path} {name}");
            }
            assert_eq!(head.bytes().await.unwrap(), "");
        }
    }
}
