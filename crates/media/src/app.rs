//! Media as an [`App`].

use std::sync::Arc;

use tokio::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::{
    App, DryRunSupport, Needs, PathAlias, Selector, Setup, StartError, Timeouts,
};
use wayside_proto::media::v1::media_service_server::MediaServiceServer;

use crate::fetch::Fetcher;
use crate::service::Downloads;
use crate::{DnsResolver, MediaArgs, Resolve, client};

/// How long a call may take when its caller does not say, and at most.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(120);
/// How much longer a call may take than its download: who waits for long is to read what took so long, not DEADLINE_EXCEEDED.
const ANSWERING: Duration = Duration::from_secs(5);

/// The media server.
#[derive(Debug)]
pub struct Media;

impl App for Media {
    const NAME: &'static str = "media";
    const ABOUT: &'static str = "Tells over gRPC how large an image on the web is, and lets nobody reach inside the network by it.";
    const PORT: u16 = 50053;
    const ADMIN_PORT: u16 = 9101;
    const SERVICES: &'static [&'static str] = &["media.v1.MediaService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;
    const ALIASES: &'static [PathAlias] =
        &[PathAlias { from: "/media.Medias/", to: "/media.v1.MediaService/" }];

    type Args = MediaArgs;

    fn needs(args: &MediaArgs) -> Needs {
        let download = args.media_timeout + ANSWERING;
        let timeouts = Timeouts {
            default: Some(DEFAULT_TIMEOUT.max(download)),
            max: Some(MAX_TIMEOUT.max(download)),
        };
        // Nothing is kept of a download.
        let dry_run = Selector::builder(DryRunSupport::Refused)
            .on("/media.v1.MediaService/Download", DryRunSupport::ReadOnly);
        Needs { timeouts: Selector::builder(timeouts), dry_run, ..Needs::default() }
    }

    async fn routes(args: MediaArgs, setup: &Setup) -> Result<Routes, StartError> {
        let resolver = match args.media_name_server {
            Some(server) => DnsResolver::asking(server),
            None => DnsResolver::system(),
        };
        let resolver = resolver.map_err(|error| StartError::setup(Media::NAME, &error))?;
        let downloads = downloads(&args, Arc::new(resolver))?;
        setup.tell(downloads.fetches());
        Ok(served(downloads))
    }
}

/// What [`Media`] serves, with the names of URLs resolved by `resolver`.
///
/// # Errors
/// When TLS cannot be set up.
pub fn routes(args: &MediaArgs, resolver: Arc<dyn Resolve>) -> Result<Routes, StartError> {
    downloads(args, resolver).map(served)
}

fn downloads(args: &MediaArgs, resolver: Arc<dyn Resolve>) -> Result<Downloads, StartError> {
    let tls = client::tls().map_err(|error| StartError::setup(Media::NAME, &error))?;
    Ok(Downloads::new(Fetcher::new(args, resolver, tls)))
}

fn served(downloads: Downloads) -> Routes {
    let service = MediaServiceServer::new(downloads)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Zstd);
    Routes::new(service)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: MediaArgs,
    }

    #[test]
    fn a_download_has_all_of_its_time_within_the_deadline() {
        for (timeout, default, max) in
            [("10s", 30, 120), ("25s", 30, 120), ("60s", 65, 120), ("5m", 305, 305)]
        {
            let args = Cli::parse_from(["media", "--media-timeout", timeout]).args;
            let timeouts = Media::needs(&args).timeouts.build().unwrap();
            let [default, max] = [default, max].map(|seconds| Some(Duration::from_secs(seconds)));
            assert_eq!(
                *timeouts.get("/media.v1.MediaService/Download"),
                Timeouts { default, max },
                "{timeout}"
            );
        }
    }
}
