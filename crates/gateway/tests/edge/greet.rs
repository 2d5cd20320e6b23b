//! `POST /greet`, as the clients of the first greeting edge know it.

use reqwest::{Client, Method};

use crate::support::{Edge, error, header, json};

#[tokio::test]
async fn post_greet_answers_byte_for_byte_as_the_first_edge() {
    let edge = Edge::with_greet(&[]).await;
    for (body, name) in [
        (r#"{"first_name":"Ada","last_name":"Lovelace"}"#, "Ada Lovelace"),
        (r#"{"first_name":"Ada"}"#, "Ada "),
        (r#"{"last_name":"Lovelace"}"#, " Lovelace"),
        ("{}", " "),
        (r#"{"first_name":"<b>","last_name":"☺"}"#, "<b> ☺"),
    ] {
        let response = edge.post("/greet", body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        let expected = format!(
            "reponse from Greet rpc: Hello, {name} from pod: name(greet-1), ip(127.0.0.1)."
        );
        assert_eq!(response.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn post_greet_takes_what_a_plain_curl_sends() {
    let edge = Edge::with_greet(&[]).await;
    for content_type in [None, Some("application/x-www-form-urlencoded")] {
        let request = edge.request(Method::POST, "/greet").body(r#"{"first_name":"Ada"}"#);
        let request = content_type
            .into_iter()
            .fold(request, |request, value| request.header("content-type", value));
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(
            text.starts_with("reponse from Greet rpc: Hello, Ada "),
            "{content_type:?}: {text}"
        );
    }
}

#[tokio::test]
async fn a_wrong_body_is_a_400_that_names_the_field() {
    let edge = Edge::with_greet(&[]).await;
    for (body, expected) in [
        (
            r#"{"first_name":"#,
            "the body is not JSON: EOF while parsing a value at line 1 column 14",
        ),
        (r#"{"frist_name":"Ada"}"#, "field frist_name: greet.v1.Greeting has no such field"),
        (r#"{"first_name":1}"#, "field first_name: expected a string"),
        (r#"{"last_name":["Lovelace"]}"#, "field last_name: expected a string"),
    ] {
        assert_eq!(error(edge.post("/greet", body)).await, (400, expected.to_owned()), "{body}");
    }
    let (_, json) = json(edge.post("/greet", r#"{"first_name":1}"#)).await;
    assert_eq!(json["code"], 3);
    let bad_request = json["details"]
        .as_array()
        .unwrap()
        .iter()
        .find(|detail| detail["@type"] == "type.googleapis.com/google.rpc.BadRequest");
    assert_eq!(bad_request.unwrap()["fieldViolations"][0]["field"], "first_name");
}

#[tokio::test]
async fn greet_is_served_over_http2_without_tls() {
    let edge = Edge::with_greet(&[]).await;
    let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(format!("http://{}/greet", edge.address))
        .header("content-type", "application/json")
        .body("{}");
    let response = request.send().await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

#[tokio::test]
async fn the_annotated_routes_of_greet_answer_json() {
    let edge = Edge::with_greet(&[]).await;
    let expected = "Hello, Ada Lovelace, after 0s, from pod: name(greet-1), ip(127.0.0.1).";
    for request in [
        edge.post("/v1/greet", r#"{"greeting": {"firstName": "Ada", "last_name": "Lovelace"}}"#),
        edge.get("/v1/greet/Ada/Lovelace"),
        edge.get("/v1/greet/A%64a/Lovelace?delay=0"),
    ] {
        let (status, reply) = json(request).await;
        assert_eq!((status, reply["greeting"].as_str()), (200, Some(expected)));
        assert!(reply["result"].as_str().unwrap().starts_with("Hello, Ada Lovelace from pod"));
    }
}

#[tokio::test]
async fn an_error_of_the_server_keeps_its_details() {
    let edge = Edge::with_greet(&[]).await;
    let (status, json) = json(edge.get("/v1/greet/Ada/Lovelace?delay=31")).await;
    assert_eq!((status, json["code"].as_i64()), (400, Some(3)));
    assert_eq!(json["message"], "field delay: 31 is not from 0 to 30 seconds");
    assert_eq!(json["details"][0]["fieldViolations"][0]["field"], "delay");
}

#[tokio::test]
async fn other_methods_than_post_are_a_405() {
    let edge = Edge::with_greet(&[]).await;
    let response = edge.request(Method::PUT, "/greet").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "POST"));
}
