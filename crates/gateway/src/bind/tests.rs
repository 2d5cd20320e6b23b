//! Requests to `library.v1`, as the messages that they become.

use http::Method;
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};

use super::{Requests, requests};
use crate::binding::Binding;
use crate::error::Refusal;
use crate::testing;
use crate::tree::{Found, Tree};

/// The messages that a request becomes, as JSON.
fn messages(binding: &Binding, target: &str, body: &str) -> Result<Vec<Json>, Refusal> {
    let (path, query) =
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut tree = Tree::new();
    tree.insert(None, &binding.template, ()).unwrap();
    let Found::Route((), segments) = tree.find(&Method::POST, path) else {
        panic!("{path} is not routed")
    };
    let json = |bytes| {
        serde_json::to_value(
            DynamicMessage::decode(testing::message("UpdateRequest"), bytes).unwrap(),
        )
    };
    requests(binding, &segments, query, body.as_bytes())
        .map(|requests| requests.map(|bytes| json(bytes).unwrap()).collect())
}

/// The one message that a request becomes.
fn message(binding: &Binding, target: &str, body: &str) -> Result<Json, String> {
    let mut messages = messages(binding, target, body).map_err(|refusal| refusal.to_string())?;
    assert_eq!(messages.len(), 1);
    Ok(messages.remove(0))
}

fn whole() -> Binding {
    testing::binding("Update", "/v1/update", "*")
}

fn query() -> Binding {
    testing::binding("Update", "/v1/{name}", "")
}

#[tokio::test]
async fn a_whole_body_takes_either_name_of_a_field() {
    for body in [
        r#"{"whenDue": "2026-01-31T12:00:00Z", "wait": "30s"}"#,
        r#"{"when_due": "2026-01-31T12:00:00Z", "wait": "30s"}"#,
    ] {
        let expected = json!({ "wait": "30s", "whenDue": "2026-01-31T12:00:00Z" });
        assert_eq!(message(&whole(), "/v1/update", body), Ok(expected), "{body}");
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_message() {
    for body in ["", " \n", "{}", r#"{"name": null}"#] {
        assert_eq!(message(&whole(), "/v1/update", body), Ok(json!({})), "{body}");
    }
}

#[tokio::test]
async fn a_field_of_any_type_can_be_the_body() {
    for (field, body, expected) in [
        ("book", r#"{"title": "T"}"#, json!({ "book": { "title": "T" } })),
        ("tags", r#"["a", "b"]"#, json!({ "tags": ["a", "b"] })),
        ("counts", r#"{"a": 1}"#, json!({ "counts": { "a": 1 } })),
        ("urgent", "true", json!({ "urgent": true })),
        ("wait", "\"1s\"", json!({ "wait": "1s" })),
        ("more", r#"[{"id": "1"}]"#, json!({ "more": [{ "id": "1" }] })),
    ] {
        let binding = testing::binding("Update", "/v1/{name}", field);
        let mut expected = expected;
        expected["name"] = "n".into();
        assert_eq!(message(&binding, "/v1/n", body), Ok(expected), "{field}");
    }
}

#[tokio::test]
async fn the_path_gives_fields_also_nested_ones() {
    let binding =
        testing::binding("Update", "/v1/{name=shelves/*}/{book.id}/{book.title=**}:go", "*");
    let expected = json!({ "name": "shelves/a%2Fb c", "book": { "id": "7", "title": "x/y%2fz", "genre": "GENRE_POEM" } });
    let body = r#"{"book": {"genre": "GENRE_POEM"}}"#;
    assert_eq!(message(&binding, "/v1/shelves/a%2Fb%20c/7/x/y%2fz:go", body), Ok(expected));
    let single = testing::binding("Update", "/v1/{name}", "*");
    assert_eq!(message(&single, "/v1/a%2Fb", ""), Ok(json!({ "name": "a/b" })));
}

#[tokio::test]
async fn the_query_gives_what_is_in_neither_path_nor_body() {
    for (target, expected) in [
        ("/v1/n?tags=a&tags=b+c&tags=", json!({ "name": "n", "tags": ["a", "b c", ""] })),
        (
            "/v1/n?book.title=a%26b&book.sequel.id=2",
            json!({ "name": "n", "book": { "title": "a&b", "sequel": { "id": "2" } } }),
        ),
        (
            "/v1/n?urgent=true&genre=GENRE_POEM&pageNumbers=1&page_numbers=2",
            json!({ "name": "n", "urgent": true, "genre": "GENRE_POEM", "pageNumbers": [1, 2] }),
        ),
        (
            "/v1/n?wait=1.5s&whenDue=2026-01-31T12:00:00Z&cover=aGk",
            json!({ "name": "n", "wait": "1.500s", "whenDue": "2026-01-31T12:00:00Z", "cover": "aGk=" }),
        ),
        ("/v1/n?number=5&note=&&", json!({ "name": "n", "number": 5, "note": "" })),
        ("/v1/n?", json!({ "name": "n" })),
    ] {
        assert_eq!(message(&query(), target, ""), Ok(expected), "{target}");
    }
    let field = testing::binding("Update", "/v1/{name}", "book");
    assert_eq!(
        message(&field, "/v1/n?urgent=true", "{}"),
        Ok(json!({ "name": "n", "book": {}, "urgent": true }))
    );
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_the_name_of_the_parameter() {
    for (target, expected) in [
        ("/v1/n?nothing=1", "field nothing: there is no such query parameter"),
        ("/v1/n?book.nothing=1", "field book.nothing: there is no such query parameter"),
        ("/v1/n?name.x=1", "field name.x: there is no such query parameter"),
        ("/v1/n?more.id=1", "field more.id: there is no such query parameter"),
        (
            "/v1/n?name=m",
            "field name: it is not a query parameter: here it comes in the path or in the body",
        ),
        ("/v1/n?book=x", "field book: a field of this type cannot be a query parameter"),
        ("/v1/n?counts=x", "field counts: a field of this type cannot be a query parameter"),
        ("/v1/n?urgent=yes", "field urgent: expected true or false"),
        ("/v1/n?urgent", "field urgent: expected true or false"),
        ("/v1/n?book.id=1&book.id=2", "field book.id: it was given more than once"),
        ("/v1/n?person=p&number=1", "field number: another field was given that excludes it"),
        ("/v1/n?note=%ff", "field note: the value is not percent-encoded UTF-8"),
        ("/v1/n?%ff=1", "field query: a name is not percent-encoded UTF-8"),
    ] {
        assert_eq!(message(&query(), target, ""), Err(expected.to_owned()), "{target}");
    }
    let deep = format!("/v1/n?book.{}id=1", "sequel.".repeat(40));
    assert!(message(&query(), &deep, "").unwrap_err().contains("no such query parameter"));
    let expected =
        "field tags: it is not a query parameter: here it comes in the path or in the body";
    assert_eq!(message(&whole(), "/v1/update?tags=a", ""), Err(expected.to_owned()));
}

#[tokio::test]
async fn a_wrong_path_is_refused_with_the_name_of_the_field() {
    let binding = testing::binding("Update", "/v1/{book.id}", "*");
    for (path, body, expected) in [
        ("/v1/x", "", "field book.id: expected an integer of 64 bits, as a number or in quotes"),
        ("/v1/%zz", "", "field book.id: the text in the path is not percent-encoded UTF-8"),
        (
            "/v1/7",
            r#"{"book": {"id": 7}}"#,
            "field book.id: it is in the path already; leave it out of the body",
        ),
    ] {
        assert_eq!(message(&binding, path, body), Err(expected.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_the_name_of_the_field_and_what_it_takes() {
    for (body, expected) in [
        (r#"{"nobody": 1}"#, "field nobody: library.v1.UpdateRequest has no such field"),
        (r#"{"book": {"titel": "T"}}"#, "field book.titel: library.v1.Book has no such field"),
        (r#"{"name": 1}"#, "field name: expected a string"),
        (r#"{"name": ["secret"]}"#, "field name: expected a string"),
        (r#"{"book": "secret"}"#, "field book: expected an object"),
        (
            r#"{"book": {"sequel": {"id": "secret"}}}"#,
            "field book.sequel.id: expected an integer of 64 bits, as a number or in quotes",
        ),
        (r#"{"more": [{}, {"title": 2}]}"#, "field more.[1].title: expected a string"),
        (r#"{"more": [{}, 2]}"#, "field more.[1]: expected an object"),
        (r#"{"more": {}}"#, "field more: expected a list, each item an object"),
        (r#"{"tags": "a"}"#, "field tags: expected a list, each item a string"),
        (r#"{"tags": [1]}"#, "field tags: expected a list, each item a string"),
        (r#"{"counts": {"a": "secret"}}"#, "field counts: expected an object"),
        (r#"{"urgent": "true"}"#, "field urgent: expected true or false"),
        (r#"{"wait": 5}"#, "field wait: expected a duration in seconds such as \"1.5s\""),
        (r#"{"wait": "5"}"#, "field wait: expected a duration in seconds such as \"1.5s\""),
        (
            r#"{"genre": "GENRE_SECRET"}"#,
            "field genre: expected one of GENRE_UNSPECIFIED, GENRE_POEM",
        ),
        (
            r#"{"pageNumbers": [4294967296]}"#,
            "field pageNumbers: expected a list, each item an integer of 32 bits",
        ),
        (r#"{"cover": "*"}"#, "field cover: expected a string in base64"),
    ] {
        assert_eq!(message(&whole(), "/v1/update", body), Err(expected.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_refused() {
    for (body, expected) in [
        ("{", "the body is not JSON: EOF while parsing an object at line 1 column 1"),
        (r#"{"name": secret}"#, "the body is not JSON: expected value at line 1 column 10"),
        ("{} {}", "the body has more than one JSON value"),
        ("[]", "the body is JSON, but not an object"),
        ("\"secret\"", "the body is JSON, but not an object"),
        (r#"{"person": "p", "number": 1}"#, "multiple fields provided for oneof 'who'"),
    ] {
        let error = message(&whole(), "/v1/update", body).unwrap_err();
        assert!(error.contains(expected) && !error.contains("secret"), "{body}: {error}");
    }
    let deep = format!(r#"{{"book": {}1{}}}"#, r#"{"sequel": "#.repeat(200), "}".repeat(200));
    assert!(
        message(&whole(), "/v1/update", &deep).unwrap_err().contains("recursion limit exceeded")
    );
    assert!(message(&query(), "/v1/n", "{}").unwrap_err().contains("takes no body"));
}

#[tokio::test]
async fn the_name_of_an_unknown_field_is_cut() {
    let name = "x".repeat(10_000);
    assert!(
        message(&whole(), "/v1/update", &format!(r#"{{"{name}": 1}}"#)).unwrap_err().len() < 200
    );
    assert!(message(&query(), &format!("/v1/n?{name}=1"), "").unwrap_err().len() < 200);
}

#[tokio::test]
async fn a_client_stream_is_read_from_lines_or_from_one_object() {
    let gather = testing::binding("Gather", "/v1/gather/{name}", "*");
    let book = |id: &str| json!({ "name": "n", "book": { "id": id } });
    let lines = "{\"book\": {\"id\": 1}}\n\n{\"book\": {\"id\": 2}}\r\n{}\n";
    let expected = vec![book("1"), book("2"), json!({ "name": "n" })];
    assert_eq!(messages(&gather, "/v1/gather/n", lines), Ok(expected));
    assert_eq!(
        messages(&gather, "/v1/gather/n", "{\n  \"book\": {\n    \"id\": 1\n  }\n}\n"),
        Ok(vec![book("1")])
    );
    assert_eq!(messages(&gather, "/v1/gather/n", ""), Ok(vec![]));
}

#[tokio::test]
async fn a_wrong_message_of_a_client_stream_is_told_by_its_number() {
    let gather = testing::binding("Gather", "/v1/gather/{name}", "*");
    let error =
        messages(&gather, "/v1/gather/n", "{}\n{}\n{\"book\": {\"id\": true}}\n{}\n").unwrap_err();
    let reason =
        "expected an integer of 64 bits, as a number or in quotes (in message 3 of the stream)";
    assert_eq!(error, Refusal::field("book.id", reason));
    assert!(matches!(messages(&gather, "/v1/gather/n", "{}\n{"), Err(Refusal::Syntax(_))));
}

#[test]
fn broken_lengths_end_a_stream() {
    let mut requests = Requests::Many(vec![5, 1, 2].into());
    assert_eq!(requests.next(), None);
}
