//! The server's interceptors, outermost first. This is the only place that puts them together.

use tonic::service::Routes;
use tower::ServiceBuilder;
use wayside_interceptors::access_log::{AccessLogLayer, AccessLogService};
use wayside_interceptors::deadline::{DeadlineLayer, DeadlineService};
use wayside_interceptors::grpc_only::{GrpcOnly, GrpcOnlyLayer};
use wayside_interceptors::message_limit::{MessageLimit, MessageLimitLayer};
use wayside_interceptors::path_alias::{PathAlias, PathAliasLayer, PathAliasService};
use wayside_interceptors::recovery::{Recovery, RecoveryLayer};

/// The largest message that is taken. Source: the default of every gRPC stack.
const MAX_MESSAGE_BYTES: u32 = 4 * 1024 * 1024;

/// What serves gRPC, from the log line to the handler.
pub(crate) type GrpcStack =
    AccessLogService<DeadlineService<Recovery<PathAliasService<GrpcOnly<MessageLimit<Routes>>>>>>;

/// What serves plain HTTP.
pub(crate) type HttpStack = AccessLogService<DeadlineService<Recovery<Routes>>>;

/// Composes the stack of a gRPC server.
pub(crate) fn grpc(name: &str, aliases: &'static [PathAlias], routes: Routes) -> GrpcStack {
    ServiceBuilder::new()
        // Outermost, so that its line has the code and the time that the client saw, refusals by the layers below included.
        .layer(AccessLogLayer::new(name))
        // Around everything that may take time, so that the handler's future is what is dropped when time is up.
        .layer(DeadlineLayer)
        // Inside the log, so that a panic is a call with a code and not a call that vanished.
        .layer(RecoveryLayer)
        // After the log, which shows the path that was called; before routing, which sees the one that is served.
        .layer(PathAliasLayer::new(aliases))
        // Before routing, which would answer a browser with a gRPC status that it cannot see.
        .layer(GrpcOnlyLayer)
        // Innermost, so that only bodies that a handler reads are counted.
        .layer(MessageLimitLayer::new(MAX_MESSAGE_BYTES))
        .service(routes.prepare())
}

/// Composes the stack of a server of plain HTTP.
pub(crate) fn http(name: &str, routes: Routes) -> HttpStack {
    ServiceBuilder::new()
        // The reasons are those of the gRPC stack.
        .layer(AccessLogLayer::new(name))
        .layer(DeadlineLayer)
        .layer(RecoveryLayer)
        .service(routes.prepare())
}
