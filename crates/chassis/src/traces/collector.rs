//! A collector at the other end of a channel of ours.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use http::Uri;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request, Status};
use wayside_balance::{Channel, ChannelBuilder, ClientTls, Target};
use wayside_telemetry::traces::{ExportError, Transport};

use super::Secrets;
use super::codec::ExportCodec;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The port of OTLP over gRPC.
const PORT: u16 = 4317;

/// Takes requests to a collector, by the same channel that calls of servers go out by: it looks names up again, connects again, and knows TLS.
#[derive(Debug)]
pub(crate) struct Collector {
    channel: Made,
    secrets: Secrets,
}

/// A channel lives in the runtime that it is made in, so it is made with the first request.
#[derive(Debug)]
enum Made {
    NotYet(Option<Box<ChannelBuilder>>),
    Channel(Channel),
}

impl Collector {
    /// The collector at a URL.
    ///
    /// # Errors
    /// Why the URL is none of a collector.
    pub(crate) fn new(
        url: &str,
        secrets: Secrets,
        certificate: Option<&Path>,
    ) -> Result<Self, String> {
        let expected = "expected a URL such as http://localhost:4317";
        let uri: Uri = url.parse().map_err(|_| expected)?;
        let host = uri.host().ok_or(expected)?;
        let target = format!("dns:///{host}:{}", uri.port_u16().unwrap_or(PORT));
        let target: Target = target.parse().map_err(|_| expected)?;
        let builder = Channel::builder(&target);
        let builder = match (uri.scheme_str(), certificate) {
            (Some("http"), _) => builder,
            (Some("https"), Some(ca)) => builder.tls(ClientTls::from_ca_file(ca)),
            (Some("https"), None) => {
                return Err("https needs a CA: --otel-exporter-otlp-certificate".to_owned());
            }
            _ => return Err(expected.to_owned()),
        };
        Ok(Self { channel: Made::NotYet(Some(Box::new(builder))), secrets })
    }

    fn channel(&mut self) -> Result<Channel, Status> {
        if let Made::NotYet(builder) = &mut self.channel {
            let builder = builder.take().ok_or_else(|| Status::internal("no channel"))?;
            let made = builder.build().map_err(|error| Status::internal(error.to_string()))?;
            self.channel = Made::Channel(made);
        }
        match &self.channel {
            Made::Channel(channel) => Ok(channel.clone()),
            Made::NotYet(_) => Err(Status::internal("no channel")),
        }
    }

    async fn send(&mut self, request: &[u8]) -> Result<usize, Status> {
        let metadata = MetadataMap::from_headers(self.secrets.headers().clone());
        let request = Request::from_parts(metadata, Extensions::default(), request.to_vec());
        let mut client = Grpc::new(self.channel()?);
        client.ready().await?;
        let path = PathAndQuery::from_static(EXPORT);
        Ok(client.unary(request, path, ExportCodec).await?.into_inner())
    }
}

impl Transport for Collector {
    fn export<'a>(
        &'a mut self,
        request: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<usize, ExportError>> + 'a>> {
        Box::pin(async move { self.send(request).await.map_err(|status| error(&status)) })
    }
}

/// Source: OTLP, "Failures", of the codes that may be sent again.
fn error(status: &Status) -> ExportError {
    let retryable = matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    );
    // The message of a status is the collector's, which has no reason to repeat what it was sent in secret.
    ExportError { reason: format!("{:?}: {}", status.code(), status.message()), retryable }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::HeaderMap;
    use tokio::net::TcpListener;
    use tonic::body::Body;
    use tonic::service::Routes;

    use super::*;
    use crate::server::{ServerOptions, serve};

    #[tokio::test]
    async fn requests_have_the_secret_metadata_and_what_is_refused_is_final() {
        let seen = Arc::new(Mutex::new(HeaderMap::new()));
        let inside = seen.clone();
        let router = axum::Router::new().fallback(move |headers: HeaderMap| {
            *inside.lock().unwrap() = headers;
            std::future::ready(Status::unauthenticated("who are you?").into_http::<Body>())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (routes, options) = (Routes::from(router).prepare(), ServerOptions::default());
            serve(listener, routes, &options, std::future::pending()).await;
        });
        let secrets = "authorization=Bearer%20s3cret,tenant=blue".parse().unwrap();
        let mut collector = Collector::new(&url, secrets, None).unwrap();
        let error = collector.export(&[]).await.unwrap_err();
        assert!(!error.retryable && error.reason.contains("who are you?"), "{error:?}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.get("authorization").unwrap(), "Bearer s3cret");
        assert_eq!(seen.get("tenant").unwrap(), "blue");
        assert!(!format!("{collector:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn a_collector_that_is_not_there_may_be_there_later() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let mut collector = Collector::new(&url, Secrets::default(), None).unwrap();
        assert!(collector.export(&[]).await.unwrap_err().retryable);
    }

    #[test]
    fn a_collector_is_a_url() {
        for (url, good) in [
            ("http://localhost:4317", true),
            ("http://jaeger", true),
            ("http://[::1]:4317/", true),
            ("localhost:4317", false),
            ("https://jaeger:4317", false),
            ("ftp://jaeger", false),
            ("", false),
        ] {
            let made = Collector::new(url, Secrets::default(), None);
            assert_eq!(made.is_ok(), good, "{url}: {made:?}");
        }
        let ca = Some(Path::new("ca.pem"));
        assert!(Collector::new("https://jaeger", Secrets::default(), ca).is_ok());
    }
}
