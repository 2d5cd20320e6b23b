//! The channel's task: from the resolver's answers and the subchannels' states to the picker that calls see.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep_until};
use tonic::Status;

use super::Inner;
use super::subchannels::Subchannels;
use crate::policy::{Picture, Policy, PolicyConfig, Queueing, queue_or_fail};
use crate::resolver::{self, Resolution, ResolveNow, Resolver};
use crate::status::control_plane;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint, ServiceConfig, TargetError};

/// States that are told to the policy before it is asked for a new picker.
const BATCH: usize = 1024;
/// Answers of a resolver that may wait; each is a whole list, so the last is the one that counts.
const MAX_QUEUED_ANSWERS: usize = 1;

/// Makes the resolver of a channel, each time that it leaves IDLE.
pub(super) type MakeResolver = Box<dyn Fn() -> Result<Box<dyn Resolver>, TargetError> + Send>;

/// Everything that belongs to the task.
pub(super) struct Core {
    inner: Arc<Inner>,
    make_resolver: MakeResolver,
    resolve_now: Arc<ResolveNow>,
    /// What is in use when the resolver has no service config.
    default_config: Arc<ServiceConfig>,
    config: Arc<ServiceConfig>,
    idle_timeout: Option<Duration>,
    subchannels: Subchannels,
    states: mpsc::Receiver<(SubchannelId, SubchannelState)>,
    /// `None` while the channel is idle.
    resolving: Option<Resolving>,
    active: Option<Active>,
    /// A policy of another kind that takes over when it is READY, or the one before it no longer is.
    next: Option<Active>,
    /// When to look whether there were calls, and how many had been started by the last look.
    idle_check: (Option<Instant>, u64),
}

/// A resolver at work; dropping it ends it.
struct Resolving {
    answers: mpsc::Receiver<Result<Resolution, Status>>,
    task: tokio::task::AbortHandle,
}

impl Drop for Resolving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A policy with what it was made of.
struct Active {
    policy: Box<dyn Policy>,
    config: PolicyConfig,
    picture: Option<Picture>,
}

/// What happens next.
enum Event {
    Resolved(Box<Result<Resolution, Status>>),
    States(Vec<(SubchannelId, SubchannelState)>),
    Wanted,
    Wake,
}

impl Core {
    pub(super) fn new(
        inner: Arc<Inner>,
        make_resolver: MakeResolver,
        resolve_now: Arc<ResolveNow>,
        default_config: Arc<ServiceConfig>,
        idle_timeout: Option<Duration>,
        (subchannels, states): (Subchannels, mpsc::Receiver<(SubchannelId, SubchannelState)>),
    ) -> Self {
        Self {
            inner,
            make_resolver,
            resolve_now,
            config: default_config.clone(),
            default_config,
            idle_timeout,
            subchannels,
            states,
            resolving: None,
            active: None,
            next: None,
            idle_check: (None, 0),
        }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            match self.event().await {
                Event::Wanted => self.leave_idle(),
                Event::Resolved(answer) => self.resolved(*answer),
                Event::States(states) => self.changed(&states),
                Event::Wake => self.wake(Instant::now()),
            }
            self.show();
        }
    }

    async fn event(&mut self) -> Event {
        let policies = self.active.iter().chain(&self.next);
        let wake_at = policies.filter_map(|active| active.policy.wake_at());
        let wake_at = wake_at.chain(self.idle_check.0).min();
        let mut states = Vec::new();
        tokio::select! {
            answer = next_answer(&mut self.resolving) => Event::Resolved(Box::new(answer)),
            _ = self.states.recv_many(&mut states, BATCH) => Event::States(states),
            () = self.inner.wanted.notified() => Event::Wanted,
            () = async { sleep_until(wake_at.unwrap_or_else(Instant::now)).await }, if wake_at.is_some() => Event::Wake,
        }
    }

    /// A call came while the channel, or its policy, was IDLE.
    fn leave_idle(&mut self) {
        if self.resolving.is_none() {
            let resolver = match (self.make_resolver)() {
                Ok(resolver) => resolver,
                Err(error) => return self.unresolved(Status::unavailable(error.to_string())),
            };
            let (sender, answers) = mpsc::channel(MAX_QUEUED_ANSWERS);
            let driving = resolver::drive(resolver, self.resolve_now.clone(), sender);
            let task = tokio::spawn(driving).abort_handle();
            self.resolving = Some(Resolving { answers, task });
            self.idle_check = (self.idle_timeout.map(|after| Instant::now() + after), 0);
            let picture =
                Picture { state: ConnectivityState::Connecting, picker: Arc::new(Queueing) };
            self.inner.pictures.show(picture, self.config.clone());
        } else if let Some(active) = &mut self.active {
            active.policy.exit_idle(&mut self.subchannels);
        }
    }

    fn resolved(&mut self, answer: Result<Resolution, Status>) {
        let taken = answer.and_then(|resolution| {
            self.take_config(resolution.service_config)?;
            if resolution.endpoints.is_empty() {
                let target = &self.inner.target;
                return Err(Status::unavailable(format!("{target} has no endpoint")));
            }
            Ok(resolution.endpoints)
        });
        match taken {
            Ok(endpoints) => {
                self.update(&endpoints);
                // The one that these endpoints were given to, even if the one before it still has the calls.
                let newest = self.next.as_ref().or(self.active.as_ref());
                let policy = newest.map(|newest| newest.config.path());
                self.inner.board.resolved(endpoints, policy.unwrap_or_default());
            }
            Err(status) => self.unresolved(status),
        }
    }

    /// An answer that cannot be used leaves what is in use; without any, calls fail with the reason.
    fn unresolved(&mut self, status: Status) {
        let status = control_plane(status);
        self.inner.board.not_resolved(&status);
        if self.active.is_none() {
            let picture = queue_or_fail(ConnectivityState::TransientFailure, || status);
            self.inner.pictures.show(picture, self.config.clone());
        } else {
            let (target, reason) = (&self.inner.target, status.message());
            tracing::warn!(%target, reason, "resolving failed; the last endpoints stay in use");
        }
    }

    /// Source: gRFC A21: an invalid service config leaves the last one in use; when it is the first, the channel is in TRANSIENT_FAILURE.
    fn take_config(
        &mut self,
        found: Option<Result<ServiceConfig, crate::ServiceConfigError>>,
    ) -> Result<(), Status> {
        match found {
            None => self.config = self.default_config.clone(),
            Some(Ok(config)) if *self.config == config => {}
            Some(Ok(config)) => self.config = Arc::new(config),
            Some(Err(error)) if self.active.is_none() => {
                return Err(Status::unavailable(error.to_string()));
            }
            Some(Err(error)) => tracing::warn!(%error, "the last service config stays in use"),
        }
        Ok(())
    }

    fn update(&mut self, endpoints: &[Endpoint]) {
        let mut config = self.config.policy().cloned().unwrap_or_default();
        config.set_ring_size_cap(self.inner.ring_size_cap);
        self.subchannels.configure(&self.config);
        let newest = self.next.as_mut().or(self.active.as_mut());
        match newest {
            Some(newest) if newest.config.same_kind(&config) => {
                newest.policy.update(endpoints, &config, &mut self.subchannels);
                newest.config = config;
            }
            _ => {
                let mut policy = config.build();
                policy.update(endpoints, &config, &mut self.subchannels);
                policy.exit_idle(&mut self.subchannels);
                let made = Active { policy, config, picture: None };
                if let Some(mut replaced) = self.next.replace(made) {
                    replaced.policy.shut_down();
                }
            }
        }
    }

    fn changed(&mut self, states: &[(SubchannelId, SubchannelState)]) {
        for active in self.active.iter_mut().chain(&mut self.next) {
            for (id, state) in states {
                active.policy.subchannel_changed(*id, state, &mut self.subchannels);
            }
        }
    }

    fn wake(&mut self, now: Instant) {
        for active in self.active.iter_mut().chain(&mut self.next) {
            if active.policy.wake_at().is_some_and(|at| at <= now) {
                active.policy.wake(now, &mut self.subchannels);
            }
        }
        if self.idle_check.0.is_some_and(|at| at <= now) {
            self.check_idle(now);
        }
    }

    /// Goes IDLE if nobody has made a call since the last look.
    fn check_idle(&mut self, now: Instant) {
        let (started, in_flight) = self.subchannels.activity();
        let busy = in_flight > 0 || self.inner.pictures.waiting() > 0;
        if busy || started != self.idle_check.1 {
            self.idle_check = (self.idle_timeout.map(|after| now + after), started);
            return;
        }
        self.resolving = None;
        self.idle_check = (None, 0);
        for mut active in self.active.take().into_iter().chain(self.next.take()) {
            active.policy.shut_down();
        }
        self.inner.board.idle();
        let picture = Picture { state: ConnectivityState::Idle, picker: Arc::new(Queueing) };
        self.inner.pictures.show(picture, self.config.clone());
    }

    /// Shows calls what has changed.
    fn show(&mut self) {
        self.switch();
        if let Some(active) = &mut self.active {
            let changed = active.policy.picture().or_else(|| active.picture.take());
            if let Some(picture) = changed {
                self.inner.pictures.show(picture, self.config.clone());
            }
        }
        if let Some(all) = self.subchannels.take_changed() {
            self.inner.board.subchannels(all);
        }
    }

    /// Lets the next policy take over as soon as calls lose nothing by it.
    fn switch(&mut self) {
        let Some(next) = &mut self.next else { return };
        if let Some(picture) = next.policy.picture() {
            next.picture = Some(picture);
        }
        let state = next.picture.as_ref().map(|picture| picture.state);
        let settled = state.is_some_and(|state| state != ConnectivityState::Connecting);
        let serving = self.active.is_some()
            && self.inner.pictures.now().picture.state == ConnectivityState::Ready;
        if (settled || !serving)
            && let Some(mut replaced) = std::mem::replace(&mut self.active, self.next.take())
        {
            replaced.policy.shut_down();
        }
    }
}

async fn next_answer(resolving: &mut Option<Resolving>) -> Result<Resolution, Status> {
    let Some(at_work) = resolving else { return std::future::pending().await };
    if let Some(answer) = at_work.answers.recv().await {
        return answer;
    }
    // Only a panic ends a resolver before its channel. Another one is made when the channel was idle and is wanted again.
    *resolving = None;
    Err(Status::unavailable("the resolver has panicked"))
}
