//! Ways to a server: sockets of every kind, TLS, and connections of one's own.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tonic::Code;
use wayside_balance::{
    Address, Channel, ClientTls, Connect, Connecting, Io, Keepalive, WaitForReady,
};

use crate::support::{PATIENCE, Seen, Text, ask, ask_with, ask_within, serve, until};

#[tokio::test]
async fn unix_sockets_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, "unix".into(), Arc::default(), 100).await;
    });
    let target = format!("unix:{}", path.display()).parse().unwrap();
    assert_eq!(ask(&Channel::connect_lazy(&target).unwrap(), "").await.unwrap(), "unix");
}

/// Servers in the same process.
#[derive(Debug, Default)]
struct InMemory(Arc<AtomicUsize>);

impl Connect for InMemory {
    fn connect<'a>(&'a self, address: &'a Address) -> Connecting<'a> {
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::SeqCst);
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(serve(theirs, address.to_string(), Arc::default(), 100));
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

#[tokio::test]
async fn a_connector_of_ones_own_is_given_the_address() {
    let connector = InMemory::default();
    let connected = connector.0.clone();
    let target = "static:nowhere:1".parse().unwrap();
    let channel = Channel::builder(&target).connector(connector).build().unwrap();
    assert_eq!(ask(&channel, "").await.unwrap(), "nowhere:1");
    assert_eq!(connected.load(Ordering::SeqCst), 1);
}

/// Connections to servers in the same process, of which one can be told to panic when it is read.
#[derive(Clone, Debug, Default)]
struct Panicking {
    connected: Arc<AtomicUsize>,
    panic: Arc<AtomicBool>,
}

impl Connect for Panicking {
    fn connect<'a>(&'a self, _: &'a Address) -> Connecting<'a> {
        Box::pin(async {
            self.connected.fetch_add(1, Ordering::SeqCst);
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(serve(theirs, "a".into(), Arc::default(), 100));
            let panic = self.panic.clone();
            let (read, write) = tokio::io::split(ours);
            let read = Reading { read, panic };
            Ok(Box::new(tokio::io::join(read, write)) as Box<dyn Io>)
        })
    }
}

struct Reading<R> {
    read: R,
    panic: Arc<AtomicBool>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Reading<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        assert!(!self.panic.swap(false, Ordering::SeqCst), "the connector has a fault");
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

#[tokio::test]
async fn a_connection_that_panics_has_ended_with_its_calls_and_is_made_anew() {
    let connector = Panicking::default();
    let target = "static:nowhere:1".parse().unwrap();
    let channel = Channel::builder(&target).connector(connector.clone()).build().unwrap();
    assert_eq!(ask(&channel, "").await.unwrap(), "a");
    let hanging = tokio::spawn({
        let channel = channel.clone();
        async move { ask(&channel, "sleep:60000").await }
    });
    until("it is under way", || channel.snapshot().subchannels[0].in_flight == 1).await;
    connector.panic.store(true, Ordering::SeqCst);
    // Has the connection read; what becomes of this call depends on how far it has got.
    let _ = ask_within(&channel, "", PATIENCE).await;
    assert_eq!(hanging.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(ask_within(&channel, "", PATIENCE).await.unwrap(), "a");
    assert_eq!(connector.connected.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_panics_while_it_is_made_has_failed_and_is_tried_again() {
    let connector = Panicking::default();
    connector.panic.store(true, Ordering::SeqCst);
    let target = "static:nowhere:1".parse().unwrap();
    let channel = Channel::builder(&target).connector(connector.clone()).build().unwrap();
    let status = ask_within(&channel, "", PATIENCE).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("connecting panicked"), "{status:?}");
    let mut request = tonic::Request::new(Text::default());
    request.extensions_mut().insert(WaitForReady(true));
    request.set_timeout(PATIENCE);
    assert_eq!(ask_with(&channel, request).await.unwrap(), "a");
    assert_eq!(connector.connected.load(Ordering::SeqCst), 2);
}

/// A CA and what it has issued.
struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A server with a certificate for `greet.test` which asks for a client's certificate of the CA, and remembers what it was shown.
async fn tls_server(ca: &Ca) -> (String, Arc<std::sync::Mutex<Vec<Vec<u8>>>>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let (certificate, key) = ca.issue("greet.test");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("ipv4:{}", listener.local_addr().unwrap());
    let shown: Arc<std::sync::Mutex<Vec<Vec<u8>>>> = Arc::default();
    let remember = shown.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
            remember.lock().unwrap().push(certificates[0].to_vec());
            // One call a connection, so that the next call makes the next connection.
            tokio::spawn(async move {
                let serving = serve(stream, "tls".into(), Arc::<Seen>::default(), 100);
                let _ = tokio::time::timeout(Duration::from_millis(300), serving).await;
            });
        }
    });
    (target, shown)
}

fn write(folder: &Path, (certificate, key): &(String, String)) {
    std::fs::write(folder.join("cert.pem"), certificate).unwrap();
    std::fs::write(folder.join("key.pem"), key).unwrap();
}

#[tokio::test]
async fn the_server_is_verified_by_the_name_that_is_expected_and_a_renewed_certificate_is_shown() {
    let ca = Ca::new();
    let (target, shown) = tls_server(&ca).await;
    let target = target.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = ca.issue("client");
    write(folder.path(), &first);
    std::fs::write(folder.path().join("ca.pem"), &ca.pem).unwrap();
    let tls = ClientTls::from_ca_file(folder.path().join("ca.pem"))
        .identity_files(folder.path().join("cert.pem"), folder.path().join("key.pem"));

    // The certificate is for greet.test, and the target says 127.0.0.1.
    let channel = Channel::builder(&target).tls(tls.clone()).build().unwrap();
    let status = ask(&channel, "").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("certificate"), "{status:?}");

    let channel = Channel::builder(&target).tls(tls.server_name("greet.test")).build().unwrap();
    assert_eq!(ask(&channel, "").await.unwrap(), "tls");

    // A broken file leaves the last good certificate in use; a good one takes its place.
    std::fs::write(folder.path().join("key.pem"), "not a key").unwrap();
    reconnect(&channel, &shown, 2).await;
    let second = ca.issue("client");
    write(folder.path(), &second);
    reconnect(&channel, &shown, 3).await;
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
    let expected = [der(&first.0), der(&first.0), der(&second.0)];
    assert_eq!(shown.lock().unwrap()[..3], expected);
}

/// Calls until the server has seen so many connections.
async fn reconnect(channel: &Channel, shown: &std::sync::Mutex<Vec<Vec<u8>>>, connections: usize) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while shown.lock().unwrap().len() < connections {
        assert!(tokio::time::Instant::now() < end, "fewer than {connections} connections");
        // The server ends connections after a while, and a call may be on one that does.
        let _ = ask(channel, "").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_an_error_at_once() {
    let target = "ipv4:127.0.0.1:1".parse().unwrap();
    let build = |tls| Channel::builder(&target).tls(tls).build().unwrap_err();
    for (tls, part) in [
        (ClientTls::new("nothing"), "no certificate"),
        (ClientTls::from_ca_file("/nowhere/ca.pem"), "/nowhere/ca.pem"),
        (ClientTls::new(Ca::new().pem).identity("x", "y"), "private key"),
    ] {
        let error = build(tls);
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert!(source.unwrap_or_default().contains(part), "{part}: {error:?}");
    }
}

#[tokio::test]
async fn too_many_pings_makes_the_client_ask_half_as_often() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("ipv4:{}", listener.local_addr().unwrap()).parse().unwrap();
    let gaps: Arc<std::sync::Mutex<Vec<Duration>>> = Arc::default();
    let measured = gaps.clone();
    // Says its SETTINGS, waits for the first PING, and ends the connection because of it.
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let began = tokio::time::Instant::now();
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
            stream.read_exact(&mut [0; 24]).await.unwrap();
            loop {
                let mut head = [0; 9];
                stream.read_exact(&mut head).await.unwrap();
                let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                stream.read_exact(&mut vec![0; length]).await.unwrap();
                if head[3] == 6 {
                    break;
                }
            }
            measured.lock().unwrap().push(began.elapsed());
            let mut goaway = vec![0, 0, 22, 7, 0, 0, 0, 0, 0];
            goaway.extend([0, 0, 0, 0, 0, 0, 0, 11]);
            goaway.extend(b"too_many_pings");
            stream.write_all(&goaway).await.unwrap();
        }
    });
    let keepalive = Keepalive {
        time: Duration::from_millis(200),
        timeout: Duration::from_secs(5),
        without_calls: true,
    };
    let channel = Channel::builder(&target)
        .service_config_json(r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#)
        .unwrap()
        .keepalive(keepalive)
        .build()
        .unwrap();
    channel.connect();
    until("two connections were ended", || gaps.lock().unwrap().len() >= 2).await;
    let gaps = gaps.lock().unwrap().clone();
    assert!(
        gaps[0] >= Duration::from_millis(190) && gaps[0] < Duration::from_millis(390),
        "{gaps:?}"
    );
    assert!(gaps[1] >= Duration::from_millis(390), "{gaps:?}");
}
