//! A collector that takes spans and counts them: as fast as one can be, so that what is measured is the server.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use futures_util::future::{Ready, ready};
use tokio::net::TcpListener;
use tokio_util::bytes::{Buf, Bytes};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::{Response, Status};
use wayside_chassis::server::{ServerOptions, serve};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// More than a batch of spans is.
const MOST_BYTES: usize = 64 << 20;

/// A collector that is there until this is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Where it listens, as a URL.
    pub(crate) url: String,
    spans: Arc<AtomicU64>,
    _stop: DropGuard,
}

impl Receiver {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let spans = Arc::new(AtomicU64::new(0));
        let router = Router::new().route(EXPORT, post(export)).with_state(spans.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            let routes = Routes::from(router).prepare();
            serve(listener, routes, &ServerOptions::default(), stopped).await;
        });
        Ok(Self { url, spans, _stop: stop.drop_guard() })
    }

    /// How many spans have come.
    pub(crate) fn spans(&self) -> u64 {
        self.spans.load(Ordering::Relaxed)
    }
}

async fn export(
    State(spans): State<Arc<AtomicU64>>,
    request: Request,
) -> axum::http::Response<Body> {
    let mut grpc = Grpc::new(Count).max_decoding_message_size(MOST_BYTES);
    grpc.unary(Counter(spans), request.map(Body::new)).await
}

/// Adds what was counted.
struct Counter(Arc<AtomicU64>);

impl UnaryService<u64> for Counter {
    type Response = ();
    type Future = Ready<Result<Response<()>, Status>>;

    fn call(&mut self, request: tonic::Request<u64>) -> Self::Future {
        self.0.fetch_add(request.into_inner(), Ordering::Relaxed);
        ready(Ok(Response::new(())))
    }
}

/// Reads how many spans a request has, and writes an empty answer.
#[derive(Clone, Copy, Debug, Default)]
struct Count;

impl Codec for Count {
    type Encode = ();
    type Decode = u64;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Count {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Count {
    type Item = u64;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<u64>, Status> {
        let request = source.copy_to_bytes(source.remaining());
        count(request).map(Some).ok_or_else(|| Status::invalid_argument("it is not OTLP"))
    }
}

/// `resource_spans` (1) of the request, `scope_spans` (2) of each, `spans` (2) of each. Source: opentelemetry-proto.
fn count(request: Bytes) -> Option<u64> {
    let mut spans = 0;
    for resource_spans in messages(request, 1)? {
        for scope_spans in messages(resource_spans, 2)? {
            spans += messages(scope_spans, 2)?.len() as u64;
        }
    }
    Some(spans)
}

/// The messages in a message's repeated field. None of these messages has fields of another kind.
fn messages(mut message: Bytes, field: u64) -> Option<Vec<Bytes>> {
    let mut found = Vec::new();
    while message.has_remaining() {
        let tag = varint(&mut message)?;
        let length = usize::try_from(varint(&mut message)?).ok()?;
        if tag & 7 != 2 || length > message.remaining() {
            return None;
        }
        let value = message.split_to(length);
        if tag >> 3 == field {
            found.push(value);
        }
    }
    Some(found)
}

fn varint(bytes: &mut Bytes) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_counted_in_all_resources() {
        let scope = [18, 1, 7, 18, 0, 10, 0];
        let resource = [&[18, 7][..], &scope, &[18, 7], &scope].concat();
        let request = [&[10, 18][..], &resource, &[10, 18], &resource].concat();
        assert_eq!(count(Bytes::from(request.clone())), Some(8));
        assert_eq!(count(Bytes::new()), Some(0));
        assert_eq!(count(Bytes::from(request[..20].to_vec())), None);
    }
}
