//! Encrypted calls.

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// How servers are verified, and what they are shown.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(crate) config: ClientTlsConfig,
}

impl ClientTls {
    /// Trusts servers with a certificate of one of the CAs in `ca_pem`, for the name or address in the target.
    pub fn new(ca_pem: impl AsRef<[u8]>) -> Self {
        Self { config: ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca_pem)) }
    }

    /// Shows servers that ask for it this certificate (mutual TLS).
    #[must_use]
    pub fn identity(self, certificate_pem: impl AsRef<[u8]>, key_pem: impl AsRef<[u8]>) -> Self {
        Self { config: self.config.identity(Identity::from_pem(certificate_pem, key_pem)) }
    }

    /// Expects this name in the server's certificate, whatever the target says.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { config: self.config.domain_name(name) }
    }
}
