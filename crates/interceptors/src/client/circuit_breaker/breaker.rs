use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::response::Parts;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};
use tonic::{Code, Status};

use super::CircuitBreakerConfig;
use super::machine::{Machine, Refused, State, Ticket};
use crate::client::observe::{Ending, Watcher, head_code};

/// The breaker of one target. A clone is the same breaker.
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    machine: Mutex<Machine>,
    state: watch::Sender<State>,
}

impl CircuitBreaker {
    /// A closed breaker; `name`, that of the target, is in the status of each call that it refuses, and in the log.
    pub fn new(name: impl Into<Arc<str>>, config: CircuitBreakerConfig) -> Self {
        let machine = Mutex::new(Machine::new(config, Instant::now()));
        let state = watch::Sender::new(State::Closed);
        Self(Arc::new(Inner { name: name.into(), machine, state }))
    }

    /// What the breaker does with calls now.
    pub fn state(&self) -> State {
        *self.0.state.borrow()
    }

    /// Follows the state.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Lets a call pass that has to be over by its deadline, or says why not.
    pub(super) fn admit(&self, deadline: Option<Instant>) -> Result<Passage, Status> {
        match self.change(|machine| machine.admit(Instant::now())) {
            Ok(ticket) => Ok(Passage { breaker: self.clone(), ticket, deadline }),
            Err(Refused(wait)) => Err(self.refusal(wait)),
        }
    }

    fn refusal(&self, wait: Duration) -> Status {
        let open = CircuitOpen { name: self.0.name.clone() };
        let mut status = Status::unavailable(format!("{open}, for another {wait:.1?}"));
        status.set_source(Arc::new(open));
        status
    }

    /// Has the machine do something, and tells of its new state.
    fn change<T>(&self, event: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.machine();
        let before = machine.state();
        let result = event(&mut machine);
        let now = machine.state();
        let changed = before != now;
        if changed {
            // Told under the lock, so that states are told in the order in which they come.
            self.0.state.send_replace(now);
        }
        drop(machine);
        if changed {
            let name = &*self.0.name;
            match now {
                State::Open => tracing::warn!(target: "breaker", name, "circuit breaker opened"),
                State::HalfOpen => {
                    tracing::info!(target: "breaker", name, "circuit breaker sends a probe")
                }
                State::Closed => tracing::info!(target: "breaker", name, "circuit breaker closed"),
            }
        }
        result
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.0.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut breaker = formatter.debug_struct("CircuitBreaker");
        breaker.field("name", &self.0.name).field("state", &self.state()).finish_non_exhaustive()
    }
}

/// The source of the status of a call that a breaker has refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("circuit breaker {name} is open")]
pub struct CircuitOpen {
    name: Arc<str>,
}

impl CircuitOpen {
    /// The name of the breaker.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A call that a breaker has let through; it tells the breaker how the call ended.
#[derive(Debug)]
pub struct Passage {
    breaker: CircuitBreaker,
    ticket: Ticket,
    deadline: Option<Instant>,
}

impl Watcher for Passage {
    fn head(&mut self, head: &Parts) {
        if head_code(head.status, &head.headers).is_none() {
            let ticket = self.ticket;
            self.ticket = self.breaker.change(|machine| machine.answered(ticket, Instant::now()));
        }
    }

    fn ended(self, ending: Ending<'_>) {
        let now = Instant::now();
        let code = match ending {
            // Whoever watches over the deadline above has dropped the call, and the server has not answered in time.
            Ending::Dropped if self.deadline.is_some_and(|deadline| deadline <= now) => {
                Some(Code::DeadlineExceeded)
            }
            Ending::Dropped => None,
            ending => Some(ending.code()),
        };
        self.breaker.change(|machine| match code {
            None => machine.abandoned(self.ticket),
            Some(code) if machine.config().failures.contains(code) => {
                machine.failed(self.ticket, now);
            }
            Some(_) => machine.succeeded(self.ticket, now),
        });
    }
}
