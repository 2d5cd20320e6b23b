//! The HTTP client of one hop.

use std::net::SocketAddr;

use reqwest::dns::{Name, Resolving};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect, retry};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::Duration;

use crate::target::{Host, Target};

const USER_AGENT: &str = concat!("wayside-media/", env!("CARGO_PKG_VERSION"));
/// How many header lines a response may have; hyper bounds their bytes, at about 400 KiB in all.
const MAX_HEADERS: usize = 100;

/// A client that connects to `addresses` and nowhere else, for the one request that is made of it.
///
/// A client per hop costs next to nothing, because TLS is set up once and no connection outlives its request.
pub(crate) fn pinned(
    target: &Target,
    addresses: &[SocketAddr],
    tls: ClientConfig,
    connect_timeout: Duration,
) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .default_headers(headers())
        // A proxy would resolve the name again and connect wherever it likes.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        // Another crate may turn the features on; a body that unpacks itself would get past the limit of bytes.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        // One request per connection: HTTP/2 would bring nothing but its attack surface.
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .pool_max_idle_per_host(0)
        .connect_timeout(connect_timeout)
        .dns_resolver(NoOtherNames);
    match target.host() {
        Host::Name(name) => builder.resolve_to_addrs(name, addresses),
        // Names are not looked up for a literal address, which is what was checked.
        Host::Address(_) => builder,
    }
    .build()
}

/// The TLS of every client: certificates are verified against those that the system trusts.
pub(crate) fn tls() -> Result<ClientConfig, rustls::Error> {
    // The provider is given, not installed for the process, so that the order in which servers start does not matter.
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()?;
    let mut config = match builder.clone().with_platform_verifier() {
        Ok(builder) => builder.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "no https url can be fetched: the system trusts no certificates");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    };
    // A ticket would tell the other server that two downloads come from one place.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("image/png, image/jpeg, image/gif, image/webp")),
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    ])
}

/// Fails every lookup: names have been resolved and checked before there is a client.
#[derive(Debug)]
struct NoOtherNames;

impl reqwest::dns::Resolve for NoOtherNames {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("names are not looked up when connecting".into()) })
    }
}
