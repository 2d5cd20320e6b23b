//! The service `lookaside.v1.LookasideService`, which is not served by the generated code.
//!
//! That code would encode the list of a service once for each client that watches it, and a large list has thousands of them. Here it is encoded when it is made, and
//! copied into each stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use http::Request;
use tonic::body::Body;
use tonic::codec::{Codec, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService};
use tonic::{Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;
use wayside_proto::lookaside::v1::{
    RegisterRequest, ResolveRequest, ResolveResponse, WatchEndpointsRequest,
};

use super::Balancer;

/// Calls the methods of a [`Balancer`].
#[derive(Clone, Debug)]
pub(crate) struct LookasideServer(Balancer);

impl LookasideServer {
    pub(crate) fn new(balancer: Balancer) -> Self {
        Self(balancer)
    }
}

impl NamedService for LookasideServer {
    const NAME: &'static str = "lookaside.v1.LookasideService";
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl tower::Service<Request<Body>> for LookasideServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let balancer = self.0.clone();
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        match method {
            "Resolve" => Box::pin(async move { Ok(resolve(balancer, request).await) }),
            "WatchEndpoints" => Box::pin(async move { Ok(watch(balancer, request).await) }),
            "Register" => Box::pin(async move { Ok(register(balancer, request).await) }),
            _ => Box::pin(async {
                Ok(Status::unimplemented("the service has no method of that name").into_http())
            }),
        }
    }
}

async fn resolve(balancer: Balancer, request: Request<Body>) -> http::Response<Body> {
    let answer = service_fn(|request: tonic::Request<ResolveRequest>| {
        let balancer = balancer.clone();
        async move {
            let address = balancer.address(request.into_inner()).await?;
            Ok::<_, Status>(Response::new(ResolveResponse { address }))
        }
    });
    Grpc::new(ProstCodec::default()).unary(answer, request).await
}

async fn watch(balancer: Balancer, request: Request<Body>) -> http::Response<Body> {
    let answer = service_fn(|request: tonic::Request<WatchEndpointsRequest>| {
        let lists = balancer.lists(request.into_inner());
        async move { Ok::<_, Status>(Response::new(lists?)) }
    });
    Grpc::new(EncodedCodec).server_streaming(answer, request).await
}

async fn register(balancer: Balancer, request: Request<Body>) -> http::Response<Body> {
    let answer = service_fn(|request: tonic::Request<Streaming<RegisterRequest>>| {
        let renewals = balancer.renewals(request);
        async move { Ok::<_, Status>(Response::new(renewals?)) }
    });
    Grpc::new(ProstCodec::default()).streaming(answer, request).await
}

/// Sends messages that are encoded already.
struct EncodedCodec;

/// What reads the requests.
type Requests = ProstCodec<(), WatchEndpointsRequest>;

impl Codec for EncodedCodec {
    type Encode = Bytes;
    type Decode = WatchEndpointsRequest;
    type Encoder = Encoded;
    type Decoder = <Requests as Codec>::Decoder;

    fn encoder(&mut self) -> Encoded {
        Encoded
    }

    fn decoder(&mut self) -> Self::Decoder {
        Requests::default().decoder()
    }
}

/// See [`EncodedCodec`].
struct Encoded;

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}
