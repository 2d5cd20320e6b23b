//! The call.

use std::error::Error;

use tonic::{Request, Response, Status};
use wayside_proto::media::v1::media_service_server::MediaService;
use wayside_proto::media::v1::{DownloadRequest, DownloadResponse};

use crate::error::DownloadError;
use crate::fetch::Fetcher;
use crate::metrics::Fetches;
use crate::target::Target;

/// Downloads. A download runs in the handler's future, so it ends when the call is cancelled or out of time.
#[derive(Debug)]
pub(crate) struct Downloads {
    fetcher: Fetcher,
    fetches: Fetches,
}

impl Downloads {
    pub(crate) fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, fetches: Fetches::default() }
    }

    /// Counts the downloads.
    pub(crate) fn fetches(&self) -> Fetches {
        self.fetches.clone()
    }

    /// Counts and logs an error with what the caller is not told, and makes it the status of the call.
    fn failed(&self, error: DownloadError, url: &str) -> Status {
        self.fetches.failed(&error);
        let causes =
            std::iter::successors(error.source(), |&error| error.source()).map(ToString::to_string);
        let cause = causes.collect::<Vec<_>>().join(": ");
        tracing::info!(url, cause, "create the media: {error}");
        error.into()
    }
}

#[tonic::async_trait]
impl MediaService for Downloads {
    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<DownloadResponse>, Status> {
        // A URL that cannot be read is not shown: nobody knows what is secret in it.
        let target = Target::parse(&request.into_inner().url)
            .map_err(|bad| self.failed(DownloadError::BadUrl(bad), "(not usable)"))?;
        let url = target.to_string();
        match self.fetcher.size(target).await {
            Ok(size) => {
                self.fetches.succeeded();
                Ok(Response::new(DownloadResponse {
                    height: size.height.into(),
                    width: size.width.into(),
                }))
            }
            Err(error) => Err(self.failed(error, &url)),
        }
    }
}
