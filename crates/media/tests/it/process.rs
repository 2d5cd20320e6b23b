//! The program itself: what its environment may and may not change.

use std::process::Stdio;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tonic::Code;
use wayside_balance::Channel;
use wayside_proto::media::v1::DownloadRequest;
use wayside_proto::media::v1::media_service_client::MediaServiceClient;

use crate::support::{Decoy, Web, images, response};

/// The media server in a process of its own, which ends when this is dropped.
struct Program {
    _child: Child,
    log: Lines<BufReader<ChildStderr>>,
    client: MediaServiceClient<Channel>,
}

impl Program {
    async fn start(options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_media"))
            .args(["--listen=127.0.0.1:0", "--log-format=json"])
            .args(options)
            .env_clear()
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = line_with(r#""address":""#, &mut log).await;
        let (_, address) = line.split_once(r#""address":""#).unwrap();
        let target = address.split('"').next().unwrap().parse().unwrap();
        let client = MediaServiceClient::new(Channel::connect_lazy(&target).unwrap());
        Self { _child: child, log, client }
    }

    /// The next line of the log with this text.
    async fn logged(&mut self, text: &str) -> String {
        line_with(text, &mut self.log).await
    }

    async fn download(&mut self, url: &str) -> Result<(f64, f64), Code> {
        let response = self.client.download(DownloadRequest { url: url.to_owned() }).await;
        response
            .map(|response| (response.get_ref().width, response.get_ref().height))
            .map_err(|status| status.code())
    }
}

async fn line_with(text: &str, log: &mut Lines<BufReader<ChildStderr>>) -> String {
    let reading = async {
        loop {
            let line = log.next_line().await.unwrap().expect(text);
            if line.contains(text) {
                return line;
            }
        }
    };
    timeout(Duration::from_secs(10), reading).await.expect(text)
}

#[tokio::test]
async fn proxy_variables_are_ignored() {
    let decoy = Decoy::new();
    let proxy = format!("http://127.0.0.1:{}", decoy.port());
    let variables =
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let environment = variables.map(|name| (name, proxy.as_str()));
    let web = Web::answering(response(200, "", &images::png())).await;
    let mut program =
        Program::start(&[&web.allowed(), "--media-timeout=500ms"], &environment).await;
    assert_eq!(program.download(&web.url("/")).await, Ok((images::WIDTH, images::HEIGHT)));
    let https = web.url("/").replace("http:", "https:");
    assert_eq!(program.download(&https).await, Err(Code::Unavailable), "it speaks no TLS");
    assert!(decoy.is_untouched());
}

#[tokio::test]
async fn options_are_environment_variables_too() {
    let web = Web::answering(response(200, "", &images::png())).await;
    let range = format!("10.0.0.0/8,127.0.0.1/32:{}", web.address.port());
    let mut program = Program::start(&[], &[("MEDIA_ALLOW_CIDR", &range)]).await;
    assert!(program.download(&web.url("/")).await.is_ok());
}

#[tokio::test]
async fn a_failure_is_logged_with_its_cause_and_without_secrets() {
    let mut program = Program::start(&[], &[]).await;
    for (url, shown, cause) in [
        (
            "http://10.0.0.1/a%0ab.png?key=secret",
            "http://10.0.0.1/a%0ab.png",
            "10.0.0.1:80 is not open",
        ),
        ("http://user:secret@example.com/", "(not usable)", ""),
        ("http://example.com/\u{1b}[31msecret", "(not usable)", ""),
    ] {
        assert!(program.download(url).await.is_err());
        let line = program.logged("create the media: ").await;
        assert!(line.contains(&format!(r#""url":"{shown}""#)) && line.contains(cause), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

/// A web server with TLS that has a certificate for `name`, given by an authority that is made for it. Gives its URL, and the file
/// with the certificate of the authority.
async fn tls_web(name: &str) -> (String, NamedTempFile) {
    let mut authority = CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, authority.pem()).unwrap();

    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/a.png", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&response(200, "", &images::png())).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, file)
}

#[tokio::test]
async fn certificates_are_verified_against_those_that_the_system_trusts() {
    let (url, authority) = tls_web("127.0.0.1").await;
    let (url_of_another, other_authority) = tls_web("another.example").await;
    let trusting = |file: &NamedTempFile| file.path().to_str().unwrap().to_owned();
    let port = |url: &str| url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    for (url, trusted, expected) in [
        (&url, trusting(&authority), Ok((images::WIDTH, images::HEIGHT))),
        (&url, trusting(&other_authority), Err(Code::Unavailable)),
        (&url, "/dev/null".to_owned(), Err(Code::Unavailable)),
        (&url_of_another, trusting(&other_authority), Err(Code::Unavailable)),
    ] {
        let range = format!("--media-allow-cidr=127.0.0.1/32:{}", port(url));
        let mut program = Program::start(&[&range], &[("SSL_CERT_FILE", &trusted)]).await;
        assert_eq!(program.download(url).await, expected, "{url} {trusted}");
    }
}
