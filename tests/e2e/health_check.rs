//! `--health-check`: exactly the server that runs with the same options, and only while it takes calls.

use greet::Greet;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};
use wayside_chassis::{AdminListen, HealthCheck, HealthCheckError, TlsArgs, serve_admin};

use crate::support::Running;

const PATIENCE: Duration = Duration::from_secs(10);

/// The files of a server whose name is not the address it is asked on.
fn files(directory: &TempDir, name: &str) -> TlsArgs {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["greet.example".to_owned()]).unwrap();
    let file = |end: &str, text: String| {
        let path = directory.path().join(format!("{name}{end}.pem"));
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    TlsArgs {
        tls_cert: file("", cert.pem()),
        tls_key: file("-key", signing_key.serialize_pem()),
        ..TlsArgs::default()
    }
}

async fn start(tls: &TlsArgs, further: &[&str]) -> Running {
    let text = |path: &Option<std::path::PathBuf>| path.clone().unwrap().display().to_string();
    let (cert, key) = (text(&tls.tls_cert), text(&tls.tls_key));
    Running::start::<Greet>(&[&["--tls-cert", &cert, "--tls-key", &key], further].concat()).await
}

async fn check(server: &Running, tls: &TlsArgs) -> Result<(), HealthCheckError> {
    HealthCheck::grpc(server.address, tls)?.run().await
}

#[tokio::test]
async fn a_server_is_healthy_until_it_is_told_to_stop() {
    let server = Running::start::<Greet>(&["--lame-duck", "1m"]).await;
    let plain = TlsArgs::default();
    // The port is open before the server says that it serves.
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = check(&server, &plain).await {
        assert!(Instant::now() < deadline, "{error}");
    }
    server.stop();
    let error = loop {
        match check(&server, &plain).await {
            Ok(()) => assert!(Instant::now() < deadline, "still healthy"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, HealthCheckError::NotServing { .. }), "{error}");
    assert!(error.to_string().ends_with("is not serving: NOT_SERVING"), "{error}");
}

#[tokio::test]
async fn an_encrypted_server_is_known_by_its_certificate_and_no_other_is_taken_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let (own, other) = (files(&directory, "own"), files(&directory, "other"));
    let server = start(&own, &[]).await;
    check(&server, &own).await.unwrap();
    for wrong in [other, TlsArgs::default()] {
        let error = check(&server, &wrong).await.unwrap_err();
        let no_answer = matches!(error, HealthCheckError::Connect { .. })
            || matches!(error, HealthCheckError::Refused { .. });
        assert!(no_answer, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_wants_certificates_of_its_callers_is_shown_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let mut tls = files(&directory, "own");
    // Self-signed, so it is its own CA.
    tls.tls_client_ca.clone_from(&tls.tls_cert);
    let ca = tls.tls_cert.as_ref().unwrap().display().to_string();
    let server = start(&tls, &["--tls-client-ca", &ca]).await;
    check(&server, &tls).await.unwrap();
    let anonymous = TlsArgs { tls_client_ca: None, ..tls };
    assert!(check(&server, &anonymous).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_closed_or_silent_is_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let check = || HealthCheck::grpc(address, &TlsArgs::default()).unwrap().run();
    let error = check().await.unwrap_err();
    assert!(matches!(error, HealthCheckError::Timeout { .. }), "{error}");
    drop(listener);
    let error = check().await.unwrap_err();
    assert!(matches!(error, HealthCheckError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn a_server_of_http_is_asked_on_its_admin_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = AdminListen::On(listener.local_addr().unwrap());
    let check = || HealthCheck::http(admin).unwrap().run();
    let serving = tokio::spawn(serve_admin(listener, Vec::new(), std::future::pending()));
    check().await.unwrap();
    serving.abort();
    let _ = serving.await;
    assert!(check().await.is_err());
}
