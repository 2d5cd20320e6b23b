//! One service, listed and then watched.

use std::fmt;
use std::mem::{self, Discriminant};

use http::uri::Authority;
use tokio::time::{Duration, Instant};
use tonic::Code;
use wayside_balance::{Endpoint, NextResolution, ResolveNow, Resolver};

use super::api::SliceApi;
use super::attempts::Attempts;
use super::slices::Slices;
use super::watch::{Progress, Watch};
use super::{Kubernetes, KubernetesError, KubernetesService, ServicePort};

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
    /// The slices are to be listed; at once, if that is the second half of an attempt.
    Unknown {
        at_once: bool,
    },
    /// All that happened up to a version is known; what happens after it is to be watched, at once after a list.
    Listed {
        version: String,
        just_now: bool,
    },
    Watched(Watch),
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
            state: State::Unknown { at_once: false },
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
                State::Watched(_) => self.follow(resolve_now).await?,
                State::Unknown { .. } | State::Listed { .. } => self.attempt(resolve_now).await?,
            };
            if changed {
                return Ok(());
            }
        }
    }

    async fn attempt(&mut self, resolve_now: &ResolveNow) -> Result<bool, KubernetesError> {
        // A watch after a list, and a list after a version that is gone, are the second half of one attempt; but only once, also if this is dropped.
        let (State::Unknown { at_once: half } | State::Listed { just_now: half, .. }) =
            &mut self.state
        else {
            return Ok(false);
        };
        let is_second_half = mem::take(half);
        if !is_second_half {
            self.attempts.turn(resolve_now).await;
        }
        let (result, just_listed) = match &self.state {
            State::Listed { version, .. } => (self.watch(version.clone()).await, is_second_half),
            _ => (self.list().await, true),
        };
        self.attempts.ended(result.as_ref().err());
        match (result, &mut self.state) {
            (Ok(()), _) => Ok(true),
            (Err(KubernetesError::Expired), state) => {
                *state = State::Unknown { at_once: !just_listed };
                Ok(false)
            }
            // Nothing was said about the version, so it may still be good.
            (Err(error @ KubernetesError::Unreachable(_)), State::Listed { .. }) => Err(error),
            (Err(error), state) => {
                *state = State::Unknown { at_once: false };
                Err(error)
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
        self.state = State::Watched(Watch::new(version, events));
        Ok(())
    }

    /// Takes over what happens. Returns whether it matters.
    async fn follow(&mut self, resolve_now: &ResolveNow) -> Result<bool, KubernetesError> {
        let State::Watched(watch) = &mut self.state else { return Ok(false) };
        match watch.follow(&mut self.slices, resolve_now).await {
            Ok(Progress::On { changed }) => Ok(changed),
            Ok(Progress::Ended { version }) => {
                self.state = State::Listed { version, just_now: false };
                Ok(true)
            }
            // Part of what happened may be lost. What was taken over is told with the list.
            Err(error) => {
                self.state = State::Unknown { at_once: false };
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
                let (kind, code) = (mem::discriminant(error), error.status().code());
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
            found.map(Into::into).map_err(|error| error.status())
        })
    }
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
