//! The two requests that are made: list and watch the EndpointSlices of a service.
//!
//! Not kube's `watcher`: it goes on after an event that it could not read, so that a change is lost until the next one; its lines and lists have no
//! bound; and it takes five minutes to notice that a connection is dead. See `events` for what is done instead.

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use k8s_openapi::List;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;
use kube::api::{ListParams, WatchParams};
use kube::client::Body;
use kube::core::request;
use serde::Deserialize;
use tokio::time::{Duration, Instant, timeout};

use super::KubernetesError;
use super::error::with_causes;
use super::events::Events;

/// The label by which slices belong to a service. Source: Kubernetes, "EndpointSlices", "Ownership".
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Slices in one page of a list: 10,000 endpoints as the controller of Kubernetes fills them.
const PAGE: u32 = 100;
/// A page of slices that are as full as they can be has 40 MiB.
const LARGEST_PAGE: usize = 64 << 20;
/// What is read of an answer that is an error.
const LARGEST_ERROR: usize = 64 << 10;
/// How much of it is told.
const LONGEST_MESSAGE: usize = 300;
/// For a page, to its end.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// For the head of a watch, which the API server sends at once.
const WATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long a watch is opened, in seconds. The API server ends it then, and it goes on from the same version: a dead connection is noticed after this
/// time even if nobody wants to know. Not the same for all, so that they do not come back together.
const WATCH_SECONDS: std::ops::Range<u32> = 60..90;
/// How much later than it should end a watch is taken for dead.
const GRACE: Duration = Duration::from_secs(5);

/// The EndpointSlices of one service.
#[derive(Clone)]
pub(super) struct SliceApi {
    client: Client,
    pub(super) namespace: String,
    pub(super) service: String,
}

/// What an API server says about an error (`meta/v1.Status`).
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl SliceApi {
    pub(super) fn new(client: Client, namespace: String, service: String) -> Self {
        Self { client, namespace, service }
    }

    /// A page of the slices, and with it the token of the next one if there is one, and the version from which changes can be watched.
    pub(super) async fn page(
        &self,
        continue_token: Option<String>,
    ) -> Result<List<EndpointSlice>, KubernetesError> {
        let mut params = ListParams::default().labels(&self.selector()).limit(PAGE);
        params.continue_token = continue_token;
        let request = self.request().list(&params).map_err(unusable)?;
        let page = async {
            let mut response = self.send("list", request).await?;
            let text = read(response.body_mut(), LARGEST_PAGE).await?;
            serde_json::from_slice(&text).map_err(|e| KubernetesError::Malformed(e.to_string()))
        };
        within("list", LIST_TIMEOUT, page).await
    }

    /// What happens to the slices after a version.
    pub(super) async fn watch(&self, version: &str) -> Result<Events, KubernetesError> {
        let seconds = fastrand::u32(WATCH_SECONDS);
        let params = WatchParams::default().labels(&self.selector()).timeout(seconds);
        let request = self.request().watch(&params, version).map_err(unusable)?;
        let until = Instant::now() + Duration::from_secs(seconds.into()) + GRACE;
        let response = within("watch", WATCH_TIMEOUT, self.send("watch", request)).await?;
        Ok(Events::new(response.into_body(), until))
    }

    fn request(&self) -> request::Request {
        let namespace = &self.namespace;
        request::Request::new(format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        ))
    }

    fn selector(&self) -> String {
        format!("{SERVICE_NAME}={}", self.service)
    }

    async fn send(
        &self,
        verb: &'static str,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, KubernetesError> {
        let mut response = self.client.send(request.map(Body::from)).await.map_err(unreachable)?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::GONE => Err(KubernetesError::Expired),
            code => {
                let message = message(response.body_mut()).await;
                if code == StatusCode::TOO_MANY_REQUESTS || code.is_server_error() {
                    let retry_after = retry_after(&response);
                    return Err(KubernetesError::Overloaded { code, message, retry_after });
                }
                let namespace = self.namespace.clone();
                Err(KubernetesError::Refused { verb, namespace, code, message })
            }
        }
    }
}

fn unusable(error: request::Error) -> KubernetesError {
    KubernetesError::Configuration(with_causes(&error))
}

fn unreachable(error: kube::Error) -> KubernetesError {
    match error {
        kube::Error::Auth(error) => KubernetesError::Configuration(with_causes(&error)),
        error => KubernetesError::Unreachable(with_causes(&error)),
    }
}

async fn within<T>(
    what: &'static str,
    after: Duration,
    answer: impl Future<Output = Result<T, KubernetesError>>,
) -> Result<T, KubernetesError> {
    timeout(after, answer).await.unwrap_or(Err(KubernetesError::Slow { what, after }))
}

async fn read(body: &mut Body, limit: usize) -> Result<Vec<u8>, KubernetesError> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(unreachable)?.into_data() else { continue };
        if text.len() + data.len() > limit {
            return Err(KubernetesError::TooMuch { limit, unit: "bytes in a list" });
        }
        text.extend_from_slice(&data);
    }
    Ok(text)
}

/// What the API server says is wrong, as far as it can be shown.
async fn message(body: &mut Body) -> String {
    let text = read(body, LARGEST_ERROR).await.unwrap_or_default();
    let message = match serde_json::from_slice::<Refusal>(&text) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(&text).into_owned(),
    };
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    message.trim().chars().take(LONGEST_MESSAGE).map(shown).collect()
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
