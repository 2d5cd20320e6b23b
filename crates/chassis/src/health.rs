//! grpc.health.v1 and reflection, the same on every server.

use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use crate::{App, StartError};

/// Says how the services of one server are.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    reporter: HealthReporter,
    services: &'static [&'static str],
}

impl Health {
    /// Sets every service of the server, and the server itself (`""`), to SERVING or NOT_SERVING.
    pub(crate) async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in self.services.iter().chain(&[""]) {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

/// Adds health, and reflection if it is wanted, to the routes of a gRPC server.
pub(crate) fn add<A: App>(routes: Routes, reflection: bool) -> Result<(Routes, Health), StartError> {
    let (reporter, service) = health_reporter();
    let mut routes = routes.add_service(service);
    if reflection {
        let configure = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(A::DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health");
            // Only what this server answers is listed, although the set describes every server.
            A::SERVICES.iter().fold(builder, |builder, service| builder.with_service_name(*service))
        };
        let error = |error: tonic_reflection::server::Error| StartError::setup(A::NAME, &error);
        routes = routes
            .add_service(configure().build_v1().map_err(error)?)
            .add_service(configure().build_v1alpha().map_err(error)?);
    }
    Ok((routes, Health { reporter, services: A::SERVICES }))
}
