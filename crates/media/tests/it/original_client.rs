//! Clients of the original system call another path with the same bytes.

use http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::support::{Names, Server, Web, images, response, serve_resolving};

/// As `media.proto` of the original has it.
#[derive(Clone, PartialEq, prost::Message)]
struct DownloadRequest {
    #[prost(string, tag = "1")]
    url: String,
}

/// As `media.proto` of the original has it: the height comes first.
#[derive(Clone, PartialEq, prost::Message)]
struct MediaDimensions {
    #[prost(double, tag = "1")]
    height: f64,
    #[prost(double, tag = "2")]
    width: f64,
}

async fn download(server: &Server, url: String) -> Result<MediaDimensions, tonic::Status> {
    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/media.Medias/Download");
    let codec = ProstCodec::<DownloadRequest, MediaDimensions>::default();
    Ok(client.unary(Request::new(DownloadRequest { url }), path, codec).await?.into_inner())
}

#[tokio::test]
async fn the_original_path_answers_the_original_messages() {
    let web = Web::answering(response(200, "", &images::png())).await;
    let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
    let dimensions = download(&server, web.url("/")).await.unwrap();
    assert_eq!(dimensions, MediaDimensions { height: images::HEIGHT, width: images::WIDTH });
    let status = download(&server, "http://169.254.169.254/".to_owned()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}
