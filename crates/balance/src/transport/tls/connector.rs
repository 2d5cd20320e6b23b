//! Makes encrypted connections, with the certificates as they are now.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::material::Material;
use super::{ClientTls, TlsError, server_name};
use crate::status::chain;

/// Makes encrypted connections.
#[derive(Clone)]
pub(crate) struct Connector {
    /// The name that every server has to have; `None`: the one it is called by.
    pub(crate) name: Option<ServerName<'static>>,
    tls: Arc<ClientTls>,
    /// What was last good, and what was made of it. One configuration for many connections, so that sessions are resumed.
    last: Arc<Mutex<(Material, TlsConnector)>>,
}

impl Connector {
    pub(crate) fn new(tls: &ClientTls) -> Result<Self, TlsError> {
        let material = Material::read(tls)?;
        let connector = TlsConnector::from(Arc::new(material.configure()?));
        let name = tls.server_name.as_deref().map(server_name).transpose()?;
        let last = Arc::new(Mutex::new((material, connector)));
        Ok(Self { name, tls: Arc::new(tls.clone()), last })
    }

    /// What makes the next connection. Reads the files again, if there are any; connections are rare enough for that.
    pub(crate) async fn current(&self) -> TlsConnector {
        let files =
            self.tls.ca.is_file() || self.tls.identity.as_ref().is_some_and(|(c, _)| c.is_file());
        if files {
            let this = self.clone();
            // A panic inside, the only way to fail, leaves what was last good.
            let _ = tokio::task::spawn_blocking(move || this.reload()).await;
        }
        self.last().1.clone()
    }

    fn reload(&self) {
        let renewed = Material::read(&self.tls).and_then(|material| {
            if material == self.last().0 {
                return Ok(None);
            }
            let connector = TlsConnector::from(Arc::new(material.configure()?));
            Ok(Some((material, connector)))
        });
        match renewed {
            Ok(None) => {}
            Ok(Some(renewed)) => {
                tracing::info!("certificates for outgoing calls were replaced");
                *self.last() = renewed;
            }
            Err(error) => tracing::warn!(
                error = chain(&error),
                "certificates for outgoing calls cannot be used; the last good ones stay in use"
            ),
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, (Material, TlsConnector)> {
        // Replaced in one step, so a panic elsewhere cannot have left half of it.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tls.fmt(formatter)
    }
}
