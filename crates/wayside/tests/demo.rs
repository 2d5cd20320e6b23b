//! `wayside demo` as a process, as an audience sees it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::process::Output;

use tokio::process::Command;
use tokio::time::{Duration, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

const NAMES: [&str; 10] = [
    "simple",
    "streaming",
    "keepalive",
    "error-handling",
    "deadline",
    "cancellation",
    "metadata",
    "retry",
    "load-balancing",
    "tokens",
];

async fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    // What servers are told by the environment is not for demonstrations.
    command.env("MOVIES_FAULTY", "always").env("MOVIES_WORK", "60s").env("DRAIN", "nonsense");
    command.env("MOVIES_REQUIRE_TOKEN", "true");
    command.arg("demo").args(arguments).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap();
    e2e::assert_none("wayside demo", &[output.stdout.as_slice(), &output.stderr].concat());
    output
}

/// Runs a demonstration that goes as expected, and shows these texts, one line after the other. Gives all that was shown.
async fn shows(name: &str, expected: &[&str]) -> String {
    let output = demo(&[name]).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}{shown}");
    let mut lines = shown.lines();
    for text in expected {
        assert!(lines.any(|line| line.contains(text)), "{text:?}, in this order, in\n{shown}");
    }
    shown + &said
}

#[tokio::test]
async fn simple() {
    let movie = "client    1 The Hateful Eight (Western)";
    shows("simple", &[movie, r#"client    NotFound "Movie not found""#]).await;
}

#[tokio::test]
async fn streaming() {
    let expected = [
        r#"which movies have "and" in them?"#,
        "client    1 The Hateful Eight (Western)",
        "client    2 Inglorious Basterds (Action & Adventure, Drama)",
        "client    3 Pulp Fiction (Drama)",
        "that was all",
    ];
    shows("streaming", &expected).await;
}

#[tokio::test]
async fn keepalive() {
    let expected = [
        "GOAWAY too_many_pings",
        "pings half as often",
        "polite    1 The Hateful Eight (Western)",
        "server    freezes",
        "polite    Unavailable",
        "deaf      no keepalive: still waiting",
        "noticed within time + timeout",
    ];
    shows("keepalive", &expected).await;
}

#[tokio::test]
async fn error_handling_by_both_of_its_names() {
    let expected = [
        r#"NotFound "Movie not found""#,
        r#"Received type safe error: MOVIE_ERROR_CODE_MOVIE_NOT_FOUND "Could not find movie 99""#,
        "InvalidArgument",
        "Received type safe error: MOVIE_ERROR_CODE_INVALID_MOVIE",
    ];
    for name in ["error-handling", "errorhandling"] {
        shows(name, &expected).await;
    }
}

#[tokio::test]
async fn deadline() {
    let expected = [
        "client    GetMovie, 2.000 s left",
        "middle    GetMovie, 1.9",
        "client    DeadlineExceeded",
        "the call ends in DEADLINE_EXCEEDED at 2 s",
        "the server is never called",
        "middle 2  GetMovie, 1.9",
        "server    GetMovie, 0.9",
        "each has less than the one before",
    ];
    shows("deadline", &expected).await;
}

#[tokio::test]
async fn cancellation() {
    let expected = [
        "middle    GetMovie",
        "client    Canceling",
        "middle    Is Canceled",
        "the middle has not called the server",
    ];
    shows("cancellation", &expected).await;
}

#[tokio::test]
async fn metadata() {
    let expected = [
        "client    GetMovie with key=value",
        "middle    Value for key value",
        "server    Value for key value",
    ];
    shows("metadata", &expected).await;
}

#[tokio::test]
async fn retry() {
    let expected = [
        "server    GetMovie",
        "server    GetMovie, Attempt # 1",
        "server    GetMovie, Attempt # 2",
        "server    GetMovie, Attempt # 3",
        "client    1 The Hateful Eight (Western)",
        r#"success on "Attempt # 3""#,
        r#"client    NotFound "Movie not found" in "#,
        "one attempt",
        r#"client    Unavailable "Failure faulty" in "#,
        "one attempt",
    ];
    shows("retry", &expected).await;
}

#[tokio::test]
async fn load_balancing() {
    let expected = [
        r#"client    Unavailable "Failure faulty""#,
        "server 1  ████████████",
        "server 2  ████████████",
        "faulty    ████████████",
        "foo:1234                   0 calls",
        "everyone who is there got a third of the calls",
        "foo:1234 was tried",
    ];
    shows("load-balancing", &expected).await;
}

#[tokio::test]
async fn tokens() {
    let expected = [
        "client    GetMovie with no token",
        "client    Unauthenticated",
        "signed by somebody else",
        "client    Unauthenticated",
        "altered",
        "client    Unauthenticated",
        "for another server",
        "client    Unauthenticated",
        "expired",
        "client    Unauthenticated",
        "of Bob, who is a cook",
        "client    PermissionDenied",
        "of Ann, who is a viewer",
        "server    GetMovie",
        "client    1 The Hateful Eight (Western)",
        "why a token is not good is for the server's log",
        "middle    GetMovie",
        "server    GetMovie",
        "a token that the middle has checked goes on to the server",
        "the token has expired",
        "client    1 The Hateful Eight (Western)",
        "a new token was fetched, and the caller has noticed nothing",
    ];
    let shown = shows("tokens", &expected).await;
    // What the header of every JWT begins with.
    assert!(!shown.contains("eyJ"), "a token is shown in\n{shown}");
}

#[tokio::test]
async fn all_are_shown_in_the_order_of_the_list() {
    let heads = NAMES.map(|name| format!("{name}: "));
    shows("all", &heads.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn without_a_name_they_are_listed_and_an_unknown_one_is_answered_with_those_there_are() {
    let listed = String::from_utf8(demo(&[]).await.stdout).unwrap();
    let help = String::from_utf8(demo(&["--help"]).await.stdout).unwrap();
    let refused = demo(&["opentracing"]).await;
    assert_eq!(refused.status.code(), Some(2));
    let refused = String::from_utf8(refused.stderr).unwrap();
    for name in NAMES {
        for text in [&listed, &help] {
            assert!(text.contains(&format!("\n  {name} ")), "{name} in {text}");
        }
        assert!(refused.contains(&format!("{name},")), "{name} in {refused}");
    }
}
