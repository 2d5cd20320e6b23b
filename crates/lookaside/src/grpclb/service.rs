//! The method as a service of the server, as generated code would be: the messages are written by hand.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::lists::{Lists, lists};
use super::messages::{LoadBalanceRequest, LoadBalanceResponse};
use crate::service::Balancer;

const BALANCE_LOAD: &str = "/grpc.lb.v1.LoadBalancer/BalanceLoad";

/// `grpc.lb.v1.LoadBalancer`.
#[derive(Clone, Debug)]
pub(crate) struct LoadBalancerServer {
    balancer: Balancer,
}

impl LoadBalancerServer {
    pub(crate) fn new(balancer: Balancer) -> Self {
        Self { balancer }
    }
}

impl NamedService for LoadBalancerServer {
    const NAME: &'static str = "grpc.lb.v1.LoadBalancer";
}

type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl Service<Request<Body>> for LoadBalancerServer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = BalanceLoad(self.balancer.clone());
        async move {
            if request.uri().path() != BALANCE_LOAD {
                return Ok(
                    Status::unimplemented("LoadBalancer has one method, BalanceLoad").into_http()
                );
            }
            let mut grpc =
                Grpc::new(ProstCodec::<LoadBalanceResponse, LoadBalanceRequest>::default());
            Ok(grpc.streaming(method, request).await)
        }
        .boxed()
    }
}

/// The method: it answers at once, and everything else is in the stream.
struct BalanceLoad(Balancer);

impl StreamingService<LoadBalanceRequest> for BalanceLoad {
    type Response = LoadBalanceResponse;
    type ResponseStream = Lists;
    type Future = Answer<tonic::Response<Lists>, Status>;

    fn call(&mut self, request: tonic::Request<Streaming<LoadBalanceRequest>>) -> Self::Future {
        let lists = lists(self.0.clone(), request.into_inner());
        async { Ok(tonic::Response::new(lists)) }.boxed()
    }
}
