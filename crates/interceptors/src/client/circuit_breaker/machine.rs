//! The states of a breaker, without a clock or a lock.

use tokio::time::{Duration, Instant};

use super::CircuitBreakerConfig;
use super::window::Window;

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They pass.
    Closed,
    /// They are refused. It stays so, even after the delay, until a call comes that can be the probe.
    Open,
    /// They are refused, but for the one that is on probation.
    HalfOpen,
}

/// What a call is that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Which of the machine's phases it belongs to.
    phase: u64,
    probe: bool,
}

/// A call is refused; the next probe may be sent after this time, unless another takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) Duration);

#[derive(Debug)]
pub(super) struct Machine {
    config: CircuitBreakerConfig,
    phase: Phase,
    /// Counts phases: what is told of a call of an earlier one is out of date.
    number: u64,
    /// How many times in a row the breaker has opened.
    opened: u32,
}

#[derive(Debug)]
enum Phase {
    Closed { consecutive: u32, window: Option<Window> },
    Open { until: Instant },
    // None: the probe was abandoned.
    HalfOpen { since: Option<Instant> },
}

impl Machine {
    pub(super) fn new(config: CircuitBreakerConfig, now: Instant) -> Self {
        let phase = closed(&config, now);
        Self { config, phase, number: 0, opened: 0 }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    pub(super) fn config(&self) -> &CircuitBreakerConfig {
        &self.config
    }

    /// A call wants to be sent. Closed => Closed, Open => (Open | HalfOpen), HalfOpen => HalfOpen.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Ticket, Refused> {
        let free = match self.phase {
            Phase::Closed { .. } => return Ok(Ticket { phase: self.number, probe: false }),
            Phase::Open { until } => until,
            Phase::HalfOpen { since: None } => now,
            Phase::HalfOpen { since: Some(since) } => since + self.config.max_delay,
        };
        if now < free {
            return Err(Refused(free - now));
        }
        self.enter(Phase::HalfOpen { since: Some(now) });
        Ok(Ticket { phase: self.number, probe: true })
    }

    /// A call has a head that is no failure. HalfOpen => Closed. What becomes of the call later counts for the state after that.
    pub(super) fn answered(&mut self, ticket: Ticket, now: Instant) -> Ticket {
        if !ticket.probe || ticket.phase != self.number {
            return ticket;
        }
        self.opened = 0;
        self.enter(closed(&self.config, now));
        Ticket { phase: self.number, probe: false }
    }

    /// A call was successful. Closed => Closed, HalfOpen => Closed.
    pub(super) fn succeeded(&mut self, ticket: Ticket, now: Instant) {
        let ticket = self.answered(ticket, now);
        if let Phase::Closed { consecutive, window } = &mut self.phase
            && ticket.phase == self.number
        {
            *consecutive = 0;
            if let Some(window) = window {
                window.record(false, now);
            }
        }
    }

    /// A call has failed. Closed => (Closed | Open), HalfOpen => Open.
    pub(super) fn failed(&mut self, ticket: Ticket, now: Instant) {
        if ticket.phase != self.number {
            return;
        }
        if let Phase::Closed { consecutive, window } = &mut self.phase {
            *consecutive = consecutive.saturating_add(1);
            let in_a_row = self.config.consecutive > 0 && *consecutive >= self.config.consecutive;
            let counts = window.as_mut().map(|window| window.record(true, now));
            let share = counts.zip(self.config.ratio).is_some_and(|(counts, ratio)| {
                let limit = ratio.limit * f64::from(counts.calls);
                counts.calls >= ratio.min_calls && f64::from(counts.failures) >= limit
            });
            if !in_a_row && !share {
                return;
            }
        }
        self.opened = self.opened.saturating_add(1);
        self.enter(Phase::Open { until: now + self.config.delay(self.opened) });
    }

    /// Nobody waits for a call any more. HalfOpen => HalfOpen, with room for a probe.
    pub(super) fn abandoned(&mut self, ticket: Ticket) {
        if let Phase::HalfOpen { since } = &mut self.phase
            && ticket.phase == self.number
        {
            *since = None;
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.number += 1;
    }
}

fn closed(config: &CircuitBreakerConfig, now: Instant) -> Phase {
    let window = config.ratio.map(|ratio| Window::new(ratio.window, now));
    Phase::Closed { consecutive: 0, window }
}
