//! grpc.health.v1 and reflection, the same on every server.

mod service;
mod states;
#[cfg(test)]
mod tests;

pub(crate) use pb::DESCRIPTOR_SET;
pub(crate) use states::{Health, Life};

/// What is described there.
pub(crate) const SERVICES: &[&str] = &["grpc.health.v1.Health"];

use tonic::service::Routes;

use crate::{App, StartError};

/// What protox and tonic make of `proto/grpc/health/v1/health.proto`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated"
)]
#[expect(unreachable_pub, reason = "generated")]
pub(crate) mod pb {
    tonic::include_proto!("grpc.health.v1");

    pub(crate) const DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/health.bin"));
}

/// Adds health, and reflection if it is wanted, to the routes of a gRPC server.
pub(crate) fn add<A: App>(
    routes: Routes,
    health: &Health,
    reflection: bool,
) -> Result<Routes, StartError> {
    let mut routes = routes.add_service(pb::health_server::HealthServer::new(health.clone()));
    if reflection {
        let configure = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(A::DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(pb::DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health");
            // Only what this server answers is listed, although the set describes every server.
            A::SERVICES.iter().fold(builder, |builder, service| builder.with_service_name(*service))
        };
        let error = |error: tonic_reflection::server::Error| StartError::setup(A::NAME, &error);
        routes = routes
            .add_service(configure().build_v1().map_err(error)?)
            .add_service(configure().build_v1alpha().map_err(error)?);
    }
    Ok(routes)
}
