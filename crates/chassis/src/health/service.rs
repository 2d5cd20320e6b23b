//! The service `grpc.health.v1.Health`. Sources: grpc/grpc `doc/health-checking.md`, gRFC A90 (List).

use std::pin::Pin;

use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::pb::health_check_response::ServingStatus;
use super::pb::health_server::Health as HealthApi;
use super::pb::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use super::states::{Health, Life};

#[tonic::async_trait]
impl HealthApi for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !self.knows(&service) {
            return Err(Status::not_found("this server has no service of that name"));
        }
        Ok(Response::new(self.state()))
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let state = self.state();
        let statuses = self.names().map(|name| (name.to_owned(), state)).collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = self.knows(&request.into_inner().service);
        let start = Watching { known, sent: None, life: self.subscribe() };
        Ok(Response::new(Box::pin(stream::unfold(Some(start), |watching| async move {
            watching?.next().await
        }))))
    }
}

impl Health {
    fn state(&self) -> HealthCheckResponse {
        HealthCheckResponse { status: status(*self.subscribe().borrow()).into() }
    }
}

fn status(life: Life) -> ServingStatus {
    if life == Life::Serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// One watcher.
struct Watching {
    known: bool,
    sent: Option<ServingStatus>,
    life: watch::Receiver<Life>,
}

type Told = Result<HealthCheckResponse, Status>;

impl Watching {
    /// Waits for the next thing to tell; the last one leaves no watcher.
    async fn next(mut self) -> Option<(Told, Option<Self>)> {
        loop {
            let life = *self.life.borrow_and_update();
            let current = if self.known { status(life) } else { ServingStatus::ServiceUnknown };
            if self.sent != Some(current) {
                self.sent = Some(current);
                return Some((Ok(HealthCheckResponse { status: current.into() }), Some(self)));
            }
            if life == Life::Draining || self.life.changed().await.is_err() {
                return Some((Err(Status::unavailable("the server is going away")), None));
            }
        }
    }
}
