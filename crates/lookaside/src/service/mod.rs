//! The methods of the balancer.

mod admission;
mod register;
mod resolve;
mod watch;

use std::sync::Arc;

pub(crate) use admission::{Admission, RegisterToken};
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use wayside_proto::lookaside::v1::host_lookaside_service_server::HostLookasideService;
use wayside_proto::lookaside::v1::lookaside_service_server::LookasideService;
use wayside_proto::lookaside::v1::{
    HostLookasideServiceResolveRequest, HostLookasideServiceResolveResponse, RegisterRequest,
    ResolveRequest, ResolveResponse, WatchEndpointsRequest,
};

use crate::directory::Directory;
use crate::source::Leases;

/// What the methods work with.
#[derive(Clone, Debug)]
pub(crate) struct Balancer {
    pub(crate) directory: Arc<Directory>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) admission: Arc<Admission>,
    /// The port of questions that name none.
    pub(crate) default_port: u16,
    /// Within which time a registered server has to send something.
    pub(crate) lease: Duration,
    /// Calls have to end, because this replica does.
    pub(crate) draining: CancellationToken,
}

#[tonic::async_trait]
impl LookasideService for Balancer {
    async fn resolve(
        &self,
        request: Request<ResolveRequest>,
    ) -> Result<Response<ResolveResponse>, Status> {
        let address = self.address(request.into_inner()).await?;
        Ok(Response::new(ResolveResponse { address }))
    }

    type WatchEndpointsStream = watch::Lists;

    async fn watch_endpoints(
        &self,
        request: Request<WatchEndpointsRequest>,
    ) -> Result<Response<Self::WatchEndpointsStream>, Status> {
        Ok(Response::new(self.lists(request.into_inner())?))
    }

    type RegisterStream = register::Renewals;

    async fn register(
        &self,
        request: Request<Streaming<RegisterRequest>>,
    ) -> Result<Response<Self::RegisterStream>, Status> {
        Ok(Response::new(self.renewals(request)?))
    }
}

#[tonic::async_trait]
impl HostLookasideService for Balancer {
    async fn resolve(
        &self,
        request: Request<HostLookasideServiceResolveRequest>,
    ) -> Result<Response<HostLookasideServiceResolveResponse>, Status> {
        let address = self.host(request.into_inner()).await?;
        Ok(Response::new(HostLookasideServiceResolveResponse { address }))
    }
}
