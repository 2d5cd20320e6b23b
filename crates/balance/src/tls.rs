//! Encrypted calls.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// How servers are verified, and what they are shown.
#[derive(Clone)]
pub struct ClientTls {
    ca_pem: Vec<u8>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    server_name: Option<String>,
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is nobody's business.
        formatter
            .debug_struct("ClientTls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A text is not the PEM that it should be.
    #[error("there is no {expected} in the PEM")]
    Pem {
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// The CA's PEM holds no certificate that can be one.
    #[error("there is no certificate of a CA in the PEM")]
    NoCa,
    /// The server name is neither a name nor an IP address.
    #[error("'{name}' is neither a name nor an IP address")]
    Name {
        /// The name.
        name: String,
        /// What is wrong.
        source: InvalidDnsNameError,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used together")]
    Identity(#[source] rustls::Error),
    /// The crypto library does not support what is asked of it.
    #[error("TLS cannot be set up")]
    Crypto(#[source] rustls::Error),
}

/// Makes encrypted connections.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) tls: TlsConnector,
    /// The name that every server has to have; `None`: the one it is called by.
    pub(crate) name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// Trusts servers with a certificate of one of the CAs in `ca_pem`, for the name or address in the target. TLS 1.2 and 1.3, ALPN `h2`.
    pub fn new(ca_pem: impl Into<Vec<u8>>) -> Self {
        Self { ca_pem: ca_pem.into(), identity: None, server_name: None }
    }

    /// Shows servers that ask for it this certificate (mutual TLS).
    #[must_use]
    pub fn identity(
        self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        Self { identity: Some((certificate_pem.into(), key_pem.into())), ..self }
    }

    /// Expects this name in the server's certificate, whatever the target says.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    pub(crate) fn connector(&self) -> Result<Connector, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.ca_pem)?);
        if roots.is_empty() {
            return Err(TlsError::NoCa);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Crypto)?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|source| TlsError::Pem { expected: "private key", source })?;
                builder
                    .with_client_auth_cert(certificates(certificate)?, key)
                    .map_err(TlsError::Identity)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = self.server_name.as_deref().map(server_name).transpose()?;
        Ok(Connector { tls: TlsConnector::from(Arc::new(config)), name })
    }
}

/// The name that a certificate has to have.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare.clone()).map_err(|source| TlsError::Name { name: bare, source })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |source| TlsError::Pem { expected: "certificate", source };
    CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(error)
}
