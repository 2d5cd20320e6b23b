//! Encrypted calls.

use std::fmt;
use std::path::PathBuf;

use rustls::pki_types::{InvalidDnsNameError, ServerName, pem};

mod connector;
mod material;

pub(crate) use connector::Connector;
use material::Source;

/// How servers are verified, and what they are shown. TLS 1.2 and 1.3, ALPN `h2`; there is no way to leave a server unverified.
#[derive(Clone)]
pub struct ClientTls {
    ca: Source,
    identity: Option<(Source, Source)>,
    server_name: Option<String>,
}

impl ClientTls {
    /// Trusts servers with a certificate of one of the CAs in `ca_pem`, for the name or address in the target.
    pub fn new(ca_pem: impl Into<Vec<u8>>) -> Self {
        Self { ca: Source::Pem(ca_pem.into()), identity: None, server_name: None }
    }

    /// As [`new`](Self::new), from a file. It is read again for every connection: a CA that is replaced counts from the next connection on, and one that cannot be
    /// read or used leaves the last good one in use.
    pub fn from_ca_file(path: impl Into<PathBuf>) -> Self {
        Self { ca: Source::File(path.into()), identity: None, server_name: None }
    }

    /// Shows servers that ask for it this certificate (mutual TLS).
    #[must_use]
    pub fn identity(
        self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        let identity = (Source::Pem(certificate_pem.into()), Source::Pem(key_pem.into()));
        Self { identity: Some(identity), ..self }
    }

    /// As [`identity`](Self::identity), from files that are read again for every connection, so that a short-lived certificate can be renewed in place.
    #[must_use]
    pub fn identity_files(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let identity = (Source::File(certificate.into()), Source::File(key.into()));
        Self { identity: Some(identity), ..self }
    }

    /// Expects this name in the server's certificate, whatever the target says.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    /// A file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
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

/// The name that a certificate has to have.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare.clone()).map_err(|source| TlsError::Name { name: bare, source })
}
