//! The source of keys that speaks HTTP, against a server on this machine.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wayside_interceptors::auth::{
    Claims, FetchError, FetchJwks, HttpsJwks, InvalidUrl, KeyStore, MAX_DOCUMENT_BYTES, SigningKey,
    TokenRules, Verifier, mint,
};

/// Answers every request with these bytes. Gives its address and how often it was asked.
async fn server(answer: impl Into<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (asked, answer) = (Arc::new(AtomicUsize::new(0)), answer.into());
    let counter = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4096];
            // The request fits one read, and a client that has gone already is no concern of the server.
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(&answer).await;
        }
    });
    (url, asked)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")
}

async fn fetched(url: &str) -> Result<usize, FetchError> {
    HttpsJwks::new(url).unwrap().fetch().await.map(|document| document.len())
}

#[tokio::test]
async fn keys_from_a_url_check_tokens() {
    let key = SigningKey::generate().unwrap().with_id("dev");
    let (url, _) = server(ok(&key.public_jwks())).await;
    let keys = KeyStore::load(HttpsJwks::new(&url).unwrap()).await.unwrap();
    let rules = TokenRules::new("https://issuer.example", ["cache"]).unwrap();
    let token = mint(&key, &Claims::new("https://issuer.example", "gopher", ["cache"])).unwrap();
    assert_eq!(Verifier::new(keys, rules).verify(&token).await.unwrap().subject(), "gopher");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, asked) = server(ok("{}")).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: {elsewhere}\r\nconnection: close\r\n\r\n");
        let (url, _) = server(answer).await;
        assert!(matches!(fetched(&url).await, Err(FetchError::Unreadable(_))), "{status}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn only_200_has_keys() {
    for status in ["204 No Content", "206 Partial", "404 Not Found", "500 Error"] {
        let (url, _) = server(format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n")).await;
        assert!(matches!(fetched(&url).await, Err(FetchError::Unreadable(_))), "{status}");
    }
}

#[tokio::test]
async fn no_more_is_read_than_a_document_may_have() {
    let (url, _) = server(ok(&" ".repeat(MAX_DOCUMENT_BYTES))).await;
    assert_eq!(fetched(&url).await.unwrap(), MAX_DOCUMENT_BYTES);
    let (url, _) = server(ok(&" ".repeat(MAX_DOCUMENT_BYTES + 1))).await;
    assert!(matches!(fetched(&url).await, Err(FetchError::TooLarge)));
}

#[test]
fn keys_do_not_travel_where_they_could_be_changed() {
    for url in [
        "http://issuer.example/keys",
        "http://127.0.0.1.issuer.example/keys",
        "http://localhost@issuer.example/keys",
        "ftp://issuer.example/keys",
        "file:///etc/keys",
        "issuer.example/keys",
        "",
    ] {
        assert!(matches!(HttpsJwks::new(url), Err(InvalidUrl::NotHttps)), "{url}");
    }
    for url in ["https://issuer.example/keys", "http://localhost:1/keys", "http://[::1]:1/keys"] {
        HttpsJwks::new(url).unwrap();
    }
}
