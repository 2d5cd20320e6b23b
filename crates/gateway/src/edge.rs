//! A request on its way: route, body, messages, call, reply.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use tokio::time::Duration;
use tonic::Status;
use wayside_chassis::Context;

use crate::binding::Binding;
use crate::body::{self, BodyLimits};
use crate::call::{Call, Deadline};
use crate::error::Refusal;
use crate::pages::Pages;
use crate::status::Statuses;
use crate::table::{Endpoint, Table};
use crate::tree::Found;
use crate::{bind, metadata, reply, same_origin, stream};

/// Everything that a request needs, resolved before the first one.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) table: Table,
    pub(crate) pages: Pages,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) body: BodyLimits,
    /// How long a request may take whose client does not say.
    pub(crate) timeout: Duration,
}

/// Why there is no reply.
#[derive(Debug)]
enum Failure {
    Refused(Refusal),
    Failed(Status),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Serves every request to the gateway. HEAD is answered as GET; axum leaves the body out.
pub(crate) async fn serve(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let mut response = match edge.answer(request).await {
        Ok(response) => response,
        Err(Failure::Refused(refusal)) => edge.statuses.refused(refusal),
        Err(Failure::Failed(status)) => {
            let mut response = edge.statuses.failed(&status);
            metadata::answer(status.metadata(), response.headers_mut());
            response
        }
    };
    // Nothing that a server sends may be taken for a page or a script.
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Edge {
    async fn answer(&self, request: Request) -> Result<Response, Failure> {
        let (parts, request_body) = request.into_parts();
        let context = Context::from_extensions(&parts.extensions);
        let (endpoint, segments) = match self.table.tree.find(&parts.method, parts.uri.path()) {
            Found::Route(endpoint, segments) => (endpoint, segments),
            Found::Methods(methods) => {
                return Err(Refusal::NoMethod {
                    allow: methods.into_iter().collect::<Vec<_>>().join(", "),
                }
                .into());
            }
            Found::Nothing => return Err(Refusal::NoRoute.into()),
        };
        let binding = match endpoint {
            Endpoint::Call(binding) => binding,
            Endpoint::Page(page) => return Ok(self.pages.response(*page, &self.table)),
        };
        context.set_route(binding.route.clone());
        same_origin::check(&parts.method, &parts.headers)?;
        let deadline = Deadline::of(&context, &parts.headers, self.timeout)?;
        let body = body::read(&parts.headers, request_body, binding.media, self.body).await?;
        let requests = bind::requests(binding, &segments, parts.uri.query(), &body)?;
        let metadata = metadata::metadata(&parts.headers, &context);
        let trace = context.trace().cloned();
        self.call(binding, Call { target: &binding.target, metadata, trace, requests, deadline })
            .await
            .map_err(Failure::from)
    }

    async fn call(&self, binding: &Arc<Binding>, call: Call<'_>) -> Result<Response, Status> {
        if binding.target.method.is_server_streaming() {
            let deadline = call.deadline;
            let replies = call.streaming().await?;
            stream::response(binding.clone(), replies, deadline, self.statuses.clone()).await
        } else {
            reply::response(&binding.reply, &call.single().await?)
        }
    }
}
