//! The server as a tower service: routes, lists, watches.

use std::collections::HashMap;
use std::io;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until};
use tower_service::Service;

use super::{FakeApi, service_of};

type Parameters = Query<HashMap<String, String>>;

const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices";

impl FakeApi {
    /// A client in this process, whose namespace is `shop`.
    pub(crate) fn client(&self) -> kube::Client {
        kube::Client::new(InProcess { api: self.clone(), router: self.router() }, "shop")
    }

    pub(super) fn router(&self) -> Router {
        Router::new().route(SLICES, get(slices)).with_state(self.clone())
    }
}

/// The routes, behind a network that can be down.
struct InProcess {
    api: FakeApi,
    router: Router,
}

impl Service<Request<kube::client::Body>> for InProcess {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let call = Service::<Request<kube::client::Body>>::call(&mut self.router, request);
        let down = self.api.state().behaviour.down;
        Box::pin(async move {
            if down {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let Ok(response) = call.await;
            Ok(response)
        })
    }
}

async fn slices(
    State(api): State<FakeApi>,
    Path(namespace): Path<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Response<Body> {
    let is_watch = parameters.contains_key("watch");
    let parameter = |name: &str| parameters.get(name).cloned().unwrap_or_default();
    let behaviour = {
        let mut state = api.state();
        state.requests.push(super::Request { is_watch, from: parameter("resourceVersion") });
        state.behaviour.clone()
    };
    tokio::time::sleep(behaviour.slow).await;
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if behaviour.token.is_some_and(|expected| token != Some(&format!("Bearer {expected}"))) {
        return failure(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    if let Some(code) = behaviour.refuse {
        return failure(code, "endpointslices.discovery.k8s.io is\nforbidden: User \"wayside\"");
    }
    let service = parameter("labelSelector").replace("kubernetes.io/service-name=", "");
    match (is_watch, behaviour.list) {
        (true, _) => watch(&api, service, &parameters),
        (false, Some(text)) => text.into_response(),
        (false, None) => list(&api, &namespace, &service, &parameters),
    }
}

fn failure(code: StatusCode, message: &str) -> Response<Body> {
    (code, Json(status(code, message))).into_response()
}

fn status(code: StatusCode, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": code.canonical_reason(), "code": code.as_u16()})
}

/// A page: `continue` is the number of slices that were sent already.
fn list(
    api: &FakeApi,
    namespace: &str,
    service: &str,
    parameters: &HashMap<String, String>,
) -> Response<Body> {
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<usize>().ok());
    let state = api.state();
    let known = state
        .slices
        .iter()
        .filter(|((of, _), slice)| of == namespace && service_of(slice) == service);
    let mut rest =
        known.map(|(_, slice)| slice.clone()).skip(number("continue").unwrap_or(0)).peekable();
    let mut items: Vec<_> = rest.by_ref().take(number("limit").unwrap_or(usize::MAX)).collect();
    // As an API server does it.
    items.iter_mut().for_each(|item| {
        item.as_object_mut().unwrap().retain(|key, _| key != "kind" && key != "apiVersion")
    });
    let mut metadata = json!({"resourceVersion": state.version.to_string()});
    if rest.peek().is_some() {
        metadata["continue"] = (number("continue").unwrap_or(0) + items.len()).to_string().into();
    }
    Json(json!({"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata, "items": items})).into_response()
}

fn watch(api: &FakeApi, service: String, parameters: &HashMap<String, String>) -> Response<Body> {
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<u64>().ok());
    let told = number("resourceVersion").unwrap_or(0);
    let mut state = api.state();
    if told < state.forgotten {
        return failure(StatusCode::GONE, "too old resource version");
    }
    state.open_watches += 1;
    let open = Open {
        told,
        raw: state.raw.len(),
        cut: state.cut,
        deafened: state.deafened,
        until: Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(300)),
        news: api.news.subscribe(),
        service,
        _counted: Counted(api.clone()),
        api: api.clone(),
    };
    Body::from_stream(stream::unfold(Some(open), async |open| open?.next().await)).into_response()
}

/// A watch that is open.
struct Open {
    api: FakeApi,
    service: String,
    told: u64,
    raw: usize,
    cut: u64,
    deafened: u64,
    until: Instant,
    news: watch::Receiver<()>,
    _counted: Counted,
}

impl Open {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Option<Self>)> {
        loop {
            if self.api.state().cut != self.cut {
                return Some((Err(io::ErrorKind::ConnectionReset.into()), None));
            }
            if self.api.state().deafened != self.deafened {
                std::future::pending::<()>().await;
            }
            if self.has_lost_changes() {
                let line = format!(
                    "{}\n",
                    json!({"type": "ERROR", "object": status(StatusCode::GONE, "too old")})
                );
                return Some((Ok(line.into()), None));
            }
            let lines = self.lines();
            if !lines.is_empty() {
                return Some((Ok(lines.into()), Some(self)));
            }
            tokio::select! {
                _ = self.news.changed() => {}
                () = sleep_until(self.until) => return None,
            }
        }
    }

    /// What was sent by hand goes first, in the place of what is lost.
    fn has_lost_changes(&self) -> bool {
        let state = self.api.state();
        self.told < state.forgotten && self.raw == state.raw.len() && !state.behaviour.mute
    }

    fn lines(&mut self) -> String {
        let state = self.api.state();
        if state.behaviour.mute {
            return String::new();
        }
        let ours = |(version, service, _): &&(u64, String, Value)| {
            *version > self.told && *service == self.service
        };
        let mut lines: String =
            state.happened.iter().filter(ours).map(|(.., line)| format!("{line}\n")).collect();
        lines.extend(state.raw[self.raw..].iter().map(String::as_str));
        (self.told, self.raw) = (state.version, state.raw.len());
        lines
    }
}

struct Counted(FakeApi);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.state().open_watches -= 1;
    }
}
