//! The token in use, and its renewal.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout};
use tonic::{Code, Status};

use super::{Token, TokenSource};
use crate::client::Codes;

/// How long a source is left alone after it has been asked.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a source may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Codes that only the server that was called may give. Source: gRFC A54.
const RESERVED: Codes = Codes::NONE
    .with(Code::Ok)
    .with(Code::InvalidArgument)
    .with(Code::NotFound)
    .with(Code::AlreadyExists)
    .with(Code::FailedPrecondition)
    .with(Code::Aborted)
    .with(Code::OutOfRange)
    .with(Code::DataLoss);

/// The tokens of one source.
pub(super) struct Tokens {
    fetch: Box<dyn Fn() -> Fetch + Send + Sync>,
    /// How long before a token expires it is renewed.
    ahead: Duration,
    state: Mutex<State>,
    /// A fetch has ended.
    fetched: Notify,
}

type Fetch = Pin<Box<dyn Future<Output = Result<Token, Status>> + Send>>;

#[derive(Default)]
struct State {
    current: Option<Numbered>,
    fetching: bool,
    /// How the last fetch ended, and when.
    last: Option<(Instant, Result<(), Status>)>,
}

/// A token and which one it is, so that a refused token can be told from the one that has replaced it.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) token: Token,
    pub(super) number: u64,
}

impl Tokens {
    pub(super) fn new(source: impl TokenSource, ahead: Duration) -> Self {
        let source = Arc::new(source);
        let fetch = move || -> Fetch {
            let source = source.clone();
            Box::pin(async move { source.fetch().await })
        };
        let (state, fetched) = (Mutex::default(), Notify::new());
        Self { fetch: Box::new(fetch), ahead, state, fetched }
    }

    /// The token in use, if there is one that is good; renews it when that is due.
    pub(super) fn current(self: &Arc<Self>) -> Option<Numbered> {
        let now = Instant::now();
        let mut state = self.state();
        let current = state.current.clone().filter(|current| current.token.is_good(now))?;
        if current.token.is_old(now, self.ahead) && !state.was_asked(now) {
            self.start(&mut state);
        }
        Some(current)
    }

    /// A token that is good, and newer than number `refused`, which a server did not take.
    pub(super) async fn get(self: Arc<Self>, refused: u64) -> Result<Numbered, Status> {
        loop {
            // Made before the state is looked at, so that the end of a fetch in between is not missed.
            let fetched = self.fetched.notified();
            {
                let now = Instant::now();
                let mut state = self.state();
                let current = state.current.as_ref().filter(|current| current.token.is_good(now));
                if let Some(current) = current.filter(|current| current.number > refused) {
                    return Ok(current.clone());
                }
                // One that was good for less than the pause has to be replaced within it.
                let expired = current.is_none() && state.current.is_some() && !state.has_failed();
                if !state.fetching && state.was_asked(now) && !expired {
                    return Err(state.failure());
                }
                self.start(&mut state);
            }
            fetched.await;
        }
    }

    /// Fetches a token, unless that is under way. In a task of its own: whoever asked first may go away, and others wait for the same.
    fn start(self: &Arc<Self>, state: &mut State) {
        if !state.fetching {
            state.fetching = true;
            let flight = Flight(self.clone());
            tokio::spawn(async move {
                let result = timeout(FETCH_TIMEOUT, (flight.0.fetch)()).await;
                let late = || Err(Status::unavailable("the source of tokens does not answer"));
                flight.0.state().fetched(result.unwrap_or_else(|_| late()));
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the source was asked so short a time ago that it is left alone now.
    fn was_asked(&self, now: Instant) -> bool {
        self.last.as_ref().is_some_and(|(at, _)| now < *at + PAUSE)
    }

    fn has_failed(&self) -> bool {
        matches!(self.last, Some((_, Err(_))))
    }

    fn failure(&self) -> Status {
        match &self.last {
            Some((_, Err(status))) => status.clone(),
            _ => Status::unauthenticated("there is no newer token"),
        }
    }

    fn fetched(&mut self, result: Result<Token, Status>) {
        self.fetching = false;
        let outcome = match result {
            Ok(token) => {
                let number = self.current.as_ref().map_or(0, |current| current.number) + 1;
                self.current = Some(Numbered { token, number });
                Ok(())
            }
            Err(status) => {
                // Without its text, in which a careless source may quote what it got.
                tracing::warn!(target: "auth", code = ?status.code(), "no new token");
                Err(for_callers(&status))
            }
        };
        self.last = Some((Instant::now(), outcome));
    }
}

/// The status of calls that have no token because of `status`.
fn for_callers(status: &Status) -> Status {
    let code = if RESERVED.contains(status.code()) { Code::Internal } else { status.code() };
    Status::new(code, format!("no token for the call: {}", status.message()))
}

/// A fetch that is under way; whichever way it ends, those who wait are told.
struct Flight(Arc<Tokens>);

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.fetching {
            state.fetched(Err(Status::internal("the source of tokens has failed")));
        }
        drop(state);
        self.0.fetched.notify_waiters();
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").field("ahead", &self.ahead).finish_non_exhaustive()
    }
}
