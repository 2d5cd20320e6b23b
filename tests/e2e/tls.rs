//! Encrypted calls: who is trusted, who is let in, and certificates that change while the server runs.

use std::path::{Path, PathBuf};

use greet::Greet;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::time::{Duration, Instant};
use tonic::Code;
use wayside_balance::{Channel, ClientTls};
use wayside_proto::greet::v1::GreetRequest;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;

use crate::raw::Raw;
use crate::support::Running;

const PATIENCE: Duration = Duration::from_secs(10);

/// A CA in memory.
struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Clone)]
struct Pair {
    certificate: String,
    key: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { pem: params.self_signed(&key).unwrap().pem(), issuer: Issuer::new(params, key) }
    }

    fn issue(&self, host: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// The files of a server.
struct Files(TempDir);

impl Files {
    fn new(pair: &Pair) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(pair);
        files
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.path("cert.pem"), &pair.certificate).unwrap();
        std::fs::write(self.path("key.pem"), &pair.key).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn serve(&self, further: &[&str]) -> Running {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (cert, key) = (text(&self.path("cert.pem")), text(&self.path("key.pem")));
        let options = [&["--tls-cert", &cert, "--tls-key", &key], further].concat();
        Running::start::<Greet>(&options).await
    }
}

async fn greeted(server: &Running, tls: ClientTls) -> Result<(), Code> {
    let target = server.address.to_string().parse().unwrap();
    let channel = Channel::builder(&target).tls(tls).build().unwrap();
    let mut client = GreetServiceClient::new(channel);
    client.greet(GreetRequest::default()).await.map(|_| ()).map_err(|status| status.code())
}

#[tokio::test]
async fn a_client_trusts_its_ca_and_the_name_it_called_and_nothing_else() {
    let (ca, other) = (Ca::new(), Ca::new());
    let server = Files::new(&ca.issue("127.0.0.1"));
    let server = server.serve(&[]).await;
    assert_eq!(greeted(&server, ClientTls::new(ca.pem.clone())).await, Ok(()));
    assert_eq!(greeted(&server, ClientTls::new(other.pem)).await, Err(Code::Unavailable));
    let elsewhere = ClientTls::new(ca.pem).server_name("elsewhere.example");
    assert_eq!(greeted(&server, elsewhere).await, Err(Code::Unavailable));
}

#[tokio::test]
async fn mutual_tls_lets_in_clients_of_its_ca_and_nobody_else() {
    let (ca, other) = (Ca::new(), Ca::new());
    let files = Files::new(&ca.issue("127.0.0.1"));
    std::fs::write(files.path("ca.pem"), &ca.pem).unwrap();
    let server = files.serve(&["--tls-client-ca", files.path("ca.pem").to_str().unwrap()]).await;
    let trusting = || ClientTls::new(ca.pem.clone());
    let showing = |pair: Pair| trusting().identity(pair.certificate, pair.key);
    assert_eq!(greeted(&server, showing(ca.issue("client"))).await, Ok(()));
    assert_eq!(greeted(&server, showing(other.issue("client"))).await, Err(Code::Unavailable));
    assert_eq!(greeted(&server, trusting()).await, Err(Code::Unavailable));
}

#[tokio::test]
async fn plain_text_is_not_answered_by_an_encrypted_server() {
    let ca = Ca::new();
    let server = Files::new(&ca.issue("127.0.0.1"));
    let server = server.serve(&[]).await;
    let mut client = GreetServiceClient::new(server.channel());
    assert_eq!(client.greet(GreetRequest::default()).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let (old, new) = (Ca::new(), Ca::new());
    let files = Files::new(&old.issue("127.0.0.1"));
    let server = files.serve(&[]).await;
    let trusts = async |ca: &Ca| greeted(&server, ClientTls::new(ca.pem.clone())).await.is_ok();
    assert!(trusts(&old).await && !trusts(&new).await);

    // A certificate without its key, as it stands there between two writes.
    std::fs::write(files.path("cert.pem"), &new.issue("127.0.0.1").certificate).unwrap();
    let bad_until = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < bad_until {
        assert!(trusts(&old).await, "the last good certificate is gone");
    }
    files.write(&new.issue("127.0.0.1"));
    let deadline = Instant::now() + PATIENCE;
    while !trusts(&new).await {
        assert!(Instant::now() < deadline, "the new certificate was not taken");
    }
}

#[tokio::test]
async fn a_stalled_handshake_is_cut_when_its_time_is_over() {
    let files = Files::new(&Ca::new().issue("127.0.0.1"));
    let server = files.serve(&["--handshake-timeout", "300ms"]).await;
    // Nothing, and the first bytes of a ClientHello.
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"] {
        let start = Instant::now();
        let mut raw = Raw::silent(server.address).await;
        raw.send(bytes).await;
        assert!(raw.closed_within(PATIENCE).await);
        let elapsed = start.elapsed();
        assert!(
            (Duration::from_millis(290)..Duration::from_secs(2)).contains(&elapsed),
            "{elapsed:?}"
        );
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_used_keep_the_server_from_starting_and_are_named() {
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        process: wayside_chassis::ProcessArgs,
        #[command(flatten)]
        args: greet::GreetArgs,
    }

    let ca = Ca::new();
    let files = Files::new(&Pair { key: ca.issue("b").key, ..ca.issue("a") });
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let cli = Cli::parse_from([
        "greet",
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ]);
    let error = wayside_chassis::prepare::<Greet>("greet", cli.args, &cli.process)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cert.pem") && error.contains("key.pem") && error.contains("together"),
        "{error}"
    );
}
