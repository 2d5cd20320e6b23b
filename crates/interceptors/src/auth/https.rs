use std::fmt;

use bytes::Bytes;
use reqwest::{Client, StatusCode, Url, redirect, retry};
use tokio::time::Duration;

use super::{FetchError, FetchJwks, MAX_DOCUMENT_BYTES};

const TIMEOUT: Duration = Duration::from_secs(5);
/// Hosts that may be asked without TLS, as nobody sits between.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The JWK Set of an issuer, from an `https` URL. `http` is for this machine only: whoever can change the keys on their way can make tokens.
///
/// Redirects are not followed, proxies not used, and no more is read than [`MAX_DOCUMENT_BYTES`].
#[derive(Clone)]
pub struct HttpsJwks {
    url: Url,
    client: Client,
}

impl HttpsJwks {
    /// The set at this URL.
    ///
    /// # Errors
    /// When it is not an `https` URL, or the system's certificates cannot be used.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(url).map_err(|_| InvalidUrl::NotHttps)?;
        let on_loopback = url.host_str().is_some_and(|host| LOOPBACK.contains(&host));
        if url.scheme() != "https" && !(url.scheme() == "http" && on_loopback) {
            return Err(InvalidUrl::NotHttps);
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { url, client })
    }
}

impl FetchJwks for HttpsJwks {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let mut response = self.client.get(self.url.clone()).send().await.map_err(unreadable)?;
        if response.status() != StatusCode::OK {
            return Err(unreadable(format!("it was answered with {}", response.status())));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreadable)? {
            if document.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document.into())
    }
}

impl fmt::Debug for HttpsJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsJwks").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Why there is no source.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It could be changed on its way.
    #[error("keys are fetched from an https URL, or from http on this machine")]
    NotHttps,
    /// There is no client.
    #[error("there is no HTTPS client")]
    Client(#[from] reqwest::Error),
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> FetchError {
    FetchError::Unreadable(error.into())
}
