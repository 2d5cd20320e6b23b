//! The gateway as an [`App`].

use std::sync::Arc;

use axum::Router;
use prost_reflect::DescriptorPool;
use tonic::service::Routes;
use wayside_chassis::{App, Setup, StartError};

use crate::GatewayArgs;
use crate::backends::Backends;
use crate::body::BodyLimits;
use crate::edge::{self, Edge};
use crate::pages::Pages;
use crate::status::Statuses;
use crate::table::Table;

/// The gateway.
#[derive(Debug)]
pub struct Gateway;

impl App for Gateway {
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str = "Serves every Wayside API as REST and JSON.";
    const PORT: u16 = 9091;
    const ADMIN_PORT: u16 = 9105;
    const SERVICES: &'static [&'static str] = &[];

    type Args = GatewayArgs;

    async fn routes(args: GatewayArgs, setup: &Setup) -> Result<Routes, StartError> {
        let body = BodyLimits { bytes: args.gateway_max_body, time: args.gateway_body_timeout };
        let timeout = args.gateway_timeout;
        let pool = pool().map_err(|error| StartError::setup(Self::NAME, &error))?;
        let backends = Backends::new(args, setup)?;
        let table =
            Table::new(&pool, &backends).map_err(|error| StartError::setup(Self::NAME, &error))?;
        let edge = Edge {
            table,
            pages: Pages::default(),
            statuses: Arc::new(Statuses::new(&pool)),
            body,
            timeout,
        };
        // One handler rather than axum's router, which knows neither the templates of google.api.http nor their verbs.
        Ok(Routes::from(Router::new().fallback(edge::serve).with_state(Arc::new(edge))))
    }
}

/// Every API of Wayside, and the messages of `google.rpc` that come as details of a status.
fn pool() -> Result<DescriptorPool, prost_reflect::DescriptorError> {
    let mut pool = DescriptorPool::decode(wayside_proto::DESCRIPTOR_SET)?;
    pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
    Ok(pool)
}
