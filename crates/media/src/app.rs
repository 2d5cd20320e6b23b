//! Media as an [`App`].

use std::sync::Arc;

use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::{App, PathAlias, Setup, StartError};
use wayside_proto::media::v1::media_service_server::MediaServiceServer;

use crate::fetch::Fetcher;
use crate::service::Downloads;
use crate::{DnsResolver, MediaArgs, Resolve, client};

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

    async fn routes(args: MediaArgs, _: &Setup) -> Result<Routes, StartError> {
        let resolver = match args.media_name_server {
            Some(server) => DnsResolver::asking(server),
            None => DnsResolver::system(),
        };
        let resolver = resolver.map_err(|error| StartError::setup(Media::NAME, &error))?;
        routes(&args, Arc::new(resolver))
    }
}

/// What [`Media`] serves, with the names of URLs resolved by `resolver`.
///
/// # Errors
/// When TLS cannot be set up.
pub fn routes(args: &MediaArgs, resolver: Arc<dyn Resolve>) -> Result<Routes, StartError> {
    let tls = client::tls().map_err(|error| StartError::setup(Media::NAME, &error))?;
    let fetcher = Fetcher::new(args, resolver, tls);
    let service = MediaServiceServer::new(Downloads::new(fetcher))
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Zstd);
    Ok(Routes::new(service))
}
