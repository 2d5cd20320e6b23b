//! The server's interceptors, outermost first. This is the only place that puts them together.

use tonic::service::Routes;
use tower::ServiceBuilder;
use wayside_interceptors::access_log::{AccessLogLayer, AccessLogService};
use wayside_interceptors::deadline::{DeadlineLayer, DeadlineService};
use wayside_interceptors::path_alias::{PathAlias, PathAliasLayer, PathAliasService};

/// What serves a request, from the log line to the handler.
pub(crate) type Stack = AccessLogService<DeadlineService<PathAliasService<Routes>>>;

/// Composes the stack of one server.
pub(crate) fn stack(name: &str, aliases: &'static [PathAlias], routes: Routes) -> Stack {
    ServiceBuilder::new()
        // Outermost, so that its line has the code and the time that the client saw, refusals by the layers below included.
        .layer(AccessLogLayer::new(name))
        // Around the routes, so that the handler's future is what is dropped when time is up.
        .layer(DeadlineLayer)
        // Innermost, so that the log shows the path that was called, and routing sees the one that is served.
        .layer(PathAliasLayer::new(aliases))
        .service(routes.prepare())
}
