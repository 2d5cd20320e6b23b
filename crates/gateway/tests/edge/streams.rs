//! Streams as NDJSON.

use serde_json::{Value as Json, json};

use crate::support::{Edge, StandIn, error, header, json, soon};

fn line(mid: i32) -> Json {
    json!({ "movie": { "mid": mid, "movieName": format!("Movie {mid}"), "movieDescription": "", "movieStyle": "" } })
}

fn lines(text: &str) -> Vec<Json> {
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_server_stream_is_a_json_object_a_line() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let response = edge.get("/v1/movies?query=all").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (200, "application/x-ndjson")
    );
    assert_eq!(lines(&response.text().await.unwrap()), [line(1), line(2), line(3)]);
}

#[tokio::test]
async fn each_line_arrives_before_the_next_message_is_there() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    stand_in.go_on.add_permits(1);
    let mut response = soon(edge.get("/v1/movies?query=step").send()).await.unwrap();
    for mid in 1..=3 {
        let chunk = soon(response.chunk()).await.unwrap().unwrap();
        assert_eq!(lines(std::str::from_utf8(&chunk).unwrap()), [line(mid)]);
        stand_in.go_on.add_permits(1);
    }
    assert_eq!(soon(response.chunk()).await.unwrap(), None);
}

#[tokio::test]
async fn an_error_in_mid_stream_is_the_last_line() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let response = edge.get("/v1/movies?query=fail").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let lines = lines(&response.text().await.unwrap());
    assert_eq!(lines[..2], [line(1), line(2)]);
    assert_eq!(lines[2]["error"]["code"], 5);
    assert_eq!(
        lines[2]["error"]["details"][1]["@type"],
        "type.googleapis.com/movies.v1.MovieError"
    );
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn an_error_before_the_first_message_is_an_ordinary_error() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    assert_eq!(
        error(edge.get("/v1/movies?query=fail+at+once")).await,
        (404, "not found".to_owned())
    );
}

#[tokio::test]
async fn a_stream_that_is_over_its_deadline_ends_in_an_error_line() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &["--gateway-timeout", "400ms"]).await;
    let response = edge.get("/v1/movies?query=stuck").send().await.unwrap();
    let lines = lines(&soon(response.text()).await.unwrap());
    assert_eq!(lines[0], line(1));
    assert_eq!((lines.len(), lines[1]["error"]["code"].as_i64()), (2, Some(4)));
    stand_in.wait_stuck((1, 1)).await;
}

#[tokio::test]
async fn a_stream_without_messages_is_an_empty_body() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let response = edge.get("/v1/cache").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (200, "application/x-ndjson")
    );
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_client_stream_is_sent_as_lines() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let body = "{\"key\":\"a\",\"val\":\"MQ==\"}\n{\"key\":\"b\",\"ttl\":\"1.5s\"}\n";
    let request = edge
        .request(reqwest::Method::POST, "/v1/cache:restore")
        .header("content-type", "application/x-ndjson");
    assert_eq!(json(request.body(body)).await, (200, json!({ "stored": "2" })));
    let stored = stand_in.stored();
    assert_eq!((stored[0].key.as_str(), &stored[0].val[..]), ("a", &b"1"[..]));
    assert_eq!((stored[1].key.as_str(), stored[1].ttl.unwrap().nanos), ("b", 500_000_000));

    let wrong = edge.post("/v1/cache:restore", "{\"key\":\"a\"}\n{\"key\":2}\n");
    assert_eq!(
        error(wrong).await,
        (400, "field key: expected a string (in message 2 of the stream)".to_owned())
    );
}

#[tokio::test]
async fn both_directions_can_be_streams() {
    let edge = Edge::with_greet(&[]).await;
    let person = |name: &str| json!({ "greeting": { "firstName": name } }).to_string();
    let body = format!("{}\n{}\n", person("Ada"), person("Grace"));
    let response = edge.post("/v1/greet:everyone", body).send().await.unwrap();
    let lines = lines(&response.text().await.unwrap());
    let greeting = |line: &Json| line["greeting"].as_str().unwrap().to_owned();
    assert!(
        greeting(&lines[0]).starts_with("Hello, Ada ")
            && greeting(&lines[1]).starts_with("Hello, Grace ")
    );
    assert_eq!(lines.len(), 2);
}
