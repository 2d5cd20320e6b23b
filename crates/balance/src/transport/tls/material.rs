//! From PEM to a configuration of rustls.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{ClientTls, TlsError};

/// Where PEM is.
#[derive(Clone)]
pub(super) enum Source {
    Pem(Vec<u8>),
    File(PathBuf),
}

impl Source {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        match self {
            Self::Pem(pem) => Ok(pem.clone()),
            Self::File(path) => {
                std::fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source })
            }
        }
    }
}

/// Everything that was read.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    ca: Vec<u8>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Material {
    pub(super) fn read(tls: &ClientTls) -> Result<Self, TlsError> {
        let identity = match &tls.identity {
            Some((certificate, key)) => Some((certificate.read()?, key.read()?)),
            None => None,
        };
        Ok(Self { ca: tls.ca.read()?, identity })
    }

    pub(super) fn configure(&self) -> Result<ClientConfig, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.ca)?);
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
        Ok(config)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |source| TlsError::Pem { expected: "certificate", source };
    CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(error)
}
