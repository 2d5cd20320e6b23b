//! The certificate in use, and the next one.

use std::error::Error;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::time::{Duration, sleep};
use tokio_rustls::TlsAcceptor;

use super::load::{Contents, Files};
use super::{TlsArgs, TlsError};

/// How often the files are looked at. Reading them is the only way that notices every kind of change, those by symbolic link as
/// Kubernetes makes them included.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// TLS of one server. New connections use the certificate that was read last; those that are open keep theirs.
#[derive(Debug)]
pub(crate) struct ServerTls {
    files: Files,
    alpn: &'static [&'static [u8]],
    current: ArcSwap<ServerConfig>,
    loaded: Contents,
}

impl ServerTls {
    /// Reads the files; `None` when no certificate is configured.
    pub(crate) fn load(
        args: &TlsArgs,
        alpn: &'static [&'static [u8]],
    ) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(cert), Some(key)) = (args.tls_cert.clone(), args.tls_key.clone()) else {
            return Ok(None);
        };
        let files = Files { cert, key, client_ca: args.tls_client_ca.clone() };
        let loaded = files.read()?;
        let current = ArcSwap::from_pointee(files.configure(&loaded, alpn)?);
        Ok(Some(Arc::new(Self { files, alpn, current, loaded })))
    }

    /// What takes the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Looks at the files for ever. A change that cannot be used is logged once, and the last good certificate stays.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut seen = Ok(self.loaded.clone());
        loop {
            sleep(LOOK_EVERY).await;
            let found = self.files.read().map_err(|error| chain(&error));
            if found == seen {
                continue;
            }
            let configured = found.clone().and_then(|contents| {
                self.files.configure(&contents, self.alpn).map_err(|error| chain(&error))
            });
            match configured {
                Ok(config) => {
                    self.current.store(Arc::new(config));
                    tracing::info!(certificate = %self.files.cert.display(), "TLS certificate reloaded");
                }
                Err(error) => tracing::error!(
                    error,
                    "TLS certificate not reloaded; the last good one stays in use"
                ),
            }
            seen = found;
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let causes =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}
