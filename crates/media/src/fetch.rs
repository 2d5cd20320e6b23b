//! From a URL to the size of the image there.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::{Duration, timeout};

use crate::error::{DownloadError, NotAnImage, Refusal, Upstream};
use crate::image::Size;
use crate::policy::Policy;
use crate::target::{Host, Target};
use crate::{MediaArgs, Resolve, client, read};

/// How many redirects are followed.
pub(crate) const MAX_REDIRECTS: usize = 3;

/// Fetches within the policy and the limits.
#[derive(Debug)]
pub(crate) struct Fetcher {
    policy: Policy,
    resolver: Arc<dyn Resolve>,
    tls: ClientConfig,
    timeout: Duration,
    max_bytes: usize,
    max_concurrent: u32,
    permits: Semaphore,
}

impl Fetcher {
    pub(crate) fn new(args: &MediaArgs, resolver: Arc<dyn Resolve>, tls: ClientConfig) -> Self {
        Self {
            policy: Policy::new(args),
            resolver,
            tls,
            timeout: args.media_timeout,
            max_bytes: args.media_max_bytes as usize,
            max_concurrent: args.media_max_concurrent,
            permits: Semaphore::new(args.media_max_concurrent as usize),
        }
    }

    /// The size of the image at `target`. A dropped future drops the connection.
    pub(crate) async fn size(&self, target: Target) -> Result<Size, DownloadError> {
        // Refused rather than queued: a queue of downloads would outlast the deadlines of those who wait in it.
        let _permit = self
            .permits
            .try_acquire()
            .map_err(|_| DownloadError::Busy { limit: self.max_concurrent })?;
        match timeout(self.timeout, self.follow(target)).await {
            Ok(result) => result,
            Err(_) => Err(Upstream::TimedOut(self.timeout).into()),
        }
    }

    async fn follow(&self, mut target: Target) -> Result<Size, DownloadError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get(&target).await?;
            match redirect(&response)? {
                Some(location) => target = target.redirected(&location)?,
                None => return read::size(response, self.max_bytes).await,
            }
        }
        Err(Refusal::TooManyRedirects.into())
    }

    async fn get(&self, target: &Target) -> Result<Response, DownloadError> {
        let addresses = self.addresses(target).await?;
        // Half of the time, so that an address which never answers leaves some for the next one.
        let client = client::pinned(target, &addresses, self.tls.clone(), self.timeout / 2)
            .map_err(DownloadError::Client)?;
        // The URL is taken out of the error, because it goes to the log with its query.
        let response = client.get(target.url().clone()).send().await;
        response.map_err(|error| Upstream::Connection(error.without_url()).into())
    }

    /// Every address of the host, all of them checked.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, DownloadError> {
        let addresses = match target.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                self.policy.check_name(name)?;
                self.resolver.resolve(name).await.map_err(Upstream::Name)?
            }
        };
        let addresses = addresses.into_iter().map(|address| target.at(address)).collect::<Vec<_>>();
        self.policy.check_all(&addresses)?;
        Ok(addresses)
    }
}

/// Where a response leads on to; `None` when it is the one to read.
fn redirect(response: &Response) -> Result<Option<String>, DownloadError> {
    let status = response.status();
    match status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match location {
                Some(location) => Ok(Some(location.to_owned())),
                None => Err(NotAnImage::Status(status.as_u16()).into()),
            }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Upstream::Status(status.as_u16()).into())
        }
        _ if status.is_success() => Ok(None),
        _ if status.is_server_error() => Err(Upstream::Status(status.as_u16()).into()),
        _ => Err(NotAnImage::Status(status.as_u16()).into()),
    }
}
