//! One service, listed and then watched.

use std::fmt;
use std::mem::{self, Discriminant};

use futures_util::FutureExt;
use http::StatusCode;
use http::uri::Authority;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::WatchEvent;
use tokio::time::{Duration, Instant, sleep_until};
use tonic::{Code, Status};
use wayside_balance::{Endpoint, NextResolution, ResolveNow, Resolver};

use super::api::SliceApi;
use super::attempts::Attempts;
use super::events::Events;
use super::slices::Slices;
use super::{Kubernetes, KubernetesError, KubernetesService, ServicePort};

/// How long a watch may say nothing after the channel has lost a server. Most such losses are told by the watch as well, at about the same time.
const PATIENCE: Duration = Duration::from_secs(2);
/// A watch that is younger is not doubted: a server that hangs, and is in its slice all the same, is lost again and again.
const TRUSTED_FOR: Duration = Duration::from_secs(10);
/// Changes that are taken over before anybody is told of them: a rollout changes many slices at once.
const MOST_AT_ONCE: usize = 1000;
/// Complaints about an API server that stays away are no more frequent than this.
const COMPLAINTS: Duration = Duration::from_secs(60);

/// The endpoints of one service in Kubernetes. See the [module](super) for what it does and when.
pub struct KubernetesResolver {
    kubernetes: Kubernetes,
    service: KubernetesService,
    /// `None` before the configuration was found.
    api: Option<SliceApi>,
    slices: Slices,
    state: State,
    attempts: Attempts,
    told: Told,
    complained: Option<Instant>,
}

/// Unknown => Listed; Listed => (Watched | Unknown); Watched => (Listed | Unknown).
enum State {
    /// The slices are to be listed.
    Unknown,
    /// All that happened up to a version is known; what happens after it is to be watched.
    Listed {
        version: String,
        just_now: bool,
    },
    Watched {
        version: String,
        events: Events,
        since: Instant,
    },
}

enum Told {
    Nothing,
    Failure(Discriminant<KubernetesError>, Code),
    Endpoints(Vec<Endpoint>),
}

impl KubernetesResolver {
    pub(super) fn new(kubernetes: Kubernetes, service: KubernetesService) -> Self {
        Self {
            kubernetes,
            slices: Slices::new(service.port.clone()),
            service,
            api: None,
            state: State::Unknown,
            attempts: Attempts::new(),
            told: Told::Nothing,
            complained: None,
        }
    }

    /// The endpoints whenever they have changed, at first as soon as they are known. What the resolver has done so far is not lost when the future is
    /// dropped.
    ///
    /// # Errors
    /// Before the first list, with each reason once, while it goes on trying. It does not fail any more once it has a list, which stays in use when
    /// something goes wrong.
    pub async fn endpoints(
        &mut self,
        resolve_now: &ResolveNow,
    ) -> Result<Vec<Endpoint>, KubernetesError> {
        loop {
            let found = match self.advance(resolve_now).await {
                Ok(()) => self.found(),
                Err(error) => Err(error),
            };
            match found {
                Ok(endpoints) => {
                    self.recovered();
                    if !matches!(&self.told, Told::Endpoints(told) if *told == endpoints) {
                        self.told = Told::Endpoints(endpoints.clone());
                        return Ok(endpoints);
                    }
                }
                Err(error) if self.is_news(&error) => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Waits until something is known of the slices that was not known before, or something goes wrong.
    async fn advance(&mut self, resolve_now: &ResolveNow) -> Result<(), KubernetesError> {
        loop {
            let changed = match &self.state {
                State::Watched { .. } => self.follow(resolve_now).await?,
                State::Unknown | State::Listed { .. } => self.attempt(resolve_now).await?,
            };
            if changed {
                return Ok(());
            }
        }
    }

    async fn attempt(&mut self, resolve_now: &ResolveNow) -> Result<bool, KubernetesError> {
        if !matches!(self.state, State::Listed { just_now: true, .. }) {
            self.attempts.turn(resolve_now).await;
        }
        let result = match &self.state {
            State::Listed { version, .. } => self.watch(version.clone()).await,
            _ => self.list().await,
        };
        self.attempts.ended(result.as_ref().err());
        match result {
            Ok(()) => Ok(true),
            // What the API server says about a version it will say again; where it said nothing, the version may still be good.
            Err(error @ KubernetesError::Unreachable(_)) => {
                if let State::Listed { just_now, .. } = &mut self.state {
                    *just_now = false;
                }
                Err(error)
            }
            Err(error) => {
                self.state = State::Unknown;
                if matches!(error, KubernetesError::Expired) { Ok(false) } else { Err(error) }
            }
        }
    }

    async fn list(&mut self) -> Result<(), KubernetesError> {
        let api = match &self.api {
            Some(api) => api,
            None => self.api.insert(self.kubernetes.slices(&self.service).await?),
        };
        let mut slices = self.slices.successor();
        let (mut version, mut next_page) = (String::new(), None);
        loop {
            let page = self.kubernetes.outage().attempt(api.page(next_page.take())).await?;
            page.items.into_iter().try_for_each(|slice| slices.change(slice))?;
            version = page.metadata.resource_version.unwrap_or(version);
            next_page = page.metadata.continue_.filter(|token| !token.is_empty());
            if next_page.is_none() {
                break;
            }
        }
        self.slices = slices;
        self.state = State::Listed { version, just_now: true };
        Ok(())
    }

    async fn watch(&mut self, version: String) -> Result<(), KubernetesError> {
        let Some(api) = &self.api else { return Err(KubernetesError::Expired) };
        let events = self.kubernetes.outage().attempt(api.watch(&version)).await?;
        self.state = State::Watched { version, events, since: Instant::now() };
        Ok(())
    }

    /// Takes over what happens. Returns whether it matters.
    async fn follow(&mut self, resolve_now: &ResolveNow) -> Result<bool, KubernetesError> {
        let State::Watched { version, events, since } = &mut self.state else { return Ok(false) };
        let doubted_from = *since + TRUSTED_FOR;
        let first = tokio::select! {
            biased;
            event = events.next() => event,
            () = doubt(resolve_now, doubted_from) => Ok(None),
        };
        let mut result = take(first, version, &mut self.slices);
        for _ in 1..MOST_AT_ONCE {
            if !matches!(result, Ok(Took::Change | Took::Version)) {
                break;
            }
            let Some(more) = events.next().now_or_never() else { break };
            let before = matches!(result, Ok(Took::Change));
            result = match take(more, version, &mut self.slices) {
                Ok(Took::Version) if before => Ok(Took::Change),
                // The change is not lost: what comes next lists or goes on from the version after it, and what is found then is compared with what was told.
                other => other,
            };
        }
        match result {
            Ok(Took::Change) => Ok(true),
            Ok(Took::Version) => Ok(false),
            Ok(Took::End) => {
                let version = mem::take(version);
                self.state = State::Listed { version, just_now: false };
                Ok(true)
            }
            Err(error) => {
                self.state = State::Unknown;
                if matches!(error, KubernetesError::Expired) { Ok(false) } else { Err(error) }
            }
        }
    }

    fn found(&self) -> Result<Vec<Endpoint>, KubernetesError> {
        let namespace = self.api.as_ref().map(|api| api.namespace.clone()).unwrap_or_default();
        let service = self.service.service.clone();
        if self.slices.is_empty() {
            return Err(KubernetesError::NoService { namespace, service });
        }
        if let Some(known) = self.slices.other_ports() {
            let port = self.service.port.to_string();
            return Err(KubernetesError::NoPort { namespace, service, port, known });
        }
        Ok(self.slices.endpoints(&authority(&service, &namespace, &self.service.port)))
    }

    /// Whether somebody is to be told of a failure: not if there is a list, nor a second time.
    fn is_news(&mut self, error: &KubernetesError) -> bool {
        match &self.told {
            Told::Endpoints(kept) => {
                let now = Instant::now();
                if self.complained.is_none_or(|last| now >= last + COMPLAINTS) {
                    self.complained = Some(now);
                    let (service, kept) = (&self.service.service, kept.len());
                    tracing::warn!(%error, service, kept, "the last list of endpoints stays in use");
                }
                false
            }
            Told::Nothing | Told::Failure(..) => {
                let (kind, code) = (mem::discriminant(error), Status::from(error).code());
                let is_new = !matches!(self.told, Told::Failure(k, c) if (k, c) == (kind, code));
                self.told = Told::Failure(kind, code);
                is_new
            }
        }
    }

    fn recovered(&mut self) {
        if self.complained.take().is_some() {
            let service = &self.service.service;
            tracing::info!(service, "the list of endpoints is up to date again");
        }
    }
}

impl Resolver for KubernetesResolver {
    fn next<'a>(&'a mut self, resolve_now: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async {
            let found = self.endpoints(resolve_now).await;
            found.map(Into::into).map_err(|error| Status::from(&error))
        })
    }
}

enum Took {
    Change,
    Version,
    End,
}

fn take(
    event: Result<Option<WatchEvent<EndpointSlice>>, KubernetesError>,
    version: &mut String,
    slices: &mut Slices,
) -> Result<Took, KubernetesError> {
    let mut reached = |slice: &EndpointSlice| {
        if let Some(reached) = &slice.metadata.resource_version {
            version.clone_from(reached);
        }
    };
    match event? {
        Some(WatchEvent::Added(slice) | WatchEvent::Modified(slice)) => {
            reached(&slice);
            slices.change(slice)?;
            Ok(Took::Change)
        }
        Some(WatchEvent::Deleted(slice)) => {
            reached(&slice);
            slices.delete(&slice);
            Ok(Took::Change)
        }
        Some(WatchEvent::Bookmark(bookmark)) => {
            *version = bookmark.metadata.resource_version;
            Ok(Took::Version)
        }
        Some(WatchEvent::Error(status)) if status.code == StatusCode::GONE.as_u16() => {
            Err(KubernetesError::Expired)
        }
        Some(WatchEvent::Error(status)) => {
            Err(KubernetesError::Malformed(format!("error {}: {}", status.code, status.message)))
        }
        None => Ok(Took::End),
    }
}

/// Ends when the channel has lost a server, or could not connect to one, and the watch has had time to say so.
async fn doubt(resolve_now: &ResolveNow, from: Instant) {
    resolve_now.wanted().await;
    sleep_until(from.max(Instant::now() + PATIENCE)).await;
}

/// What the pods' certificate is for: the name that the service has for the pods of its cluster.
fn authority(service: &str, namespace: &str, port: &ServicePort) -> Authority {
    let host = format!("{service}.{namespace}.svc");
    let authority = match port {
        ServicePort::Number(number) => format!("{host}:{number}"),
        ServicePort::Name(_) => host,
    };
    // The names are DNS labels, but that of the namespace may come from a kubeconfig.
    authority.parse().unwrap_or(Authority::from_static("localhost"))
}

impl fmt::Debug for KubernetesResolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KubernetesResolver")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
