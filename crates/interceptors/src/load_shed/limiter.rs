use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::adaptive::Adaptive;
use super::gradient::Gradient;
use super::{Limit, Load};
use crate::admission::Permit;
use crate::header_names::GRPC_STATUS;

/// The calls in flight, and how many there may be.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: AtomicU32,
    in_flight: AtomicU32,
    shed: AtomicU64,
    adaptive: Option<Adaptive>,
}

impl Limiter {
    pub(super) fn new(limit: Limit) -> Self {
        let (limit, adaptive) = match limit {
            Limit::Fixed(limit) => (limit, None),
            Limit::Adaptive { min, max, initial } => {
                let now = Instant::now();
                let gradient = Gradient::new(min, max, initial, now);
                (gradient.limit(), Some(Adaptive::new(gradient, now)))
            }
        };
        Self {
            limit: AtomicU32::new(limit),
            in_flight: AtomicU32::new(0),
            shed: AtomicU64::new(0),
            adaptive,
        }
    }

    /// Counts a call if there may be another one.
    pub(super) fn admit(self: &Arc<Self>) -> Option<InFlight> {
        let limit = self.limit.load(Ordering::Relaxed);
        let one_more = |count| (count < limit).then_some(count + 1);
        let Ok(before) =
            self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
        else {
            self.shed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let began = self.adaptive.as_ref().map(|adaptive| {
            adaptive.began(before + 1);
            Instant::now()
        });
        Some(InFlight { limiter: self.clone(), began })
    }

    pub(super) fn load(&self) -> Load {
        Load {
            limit: self.limit.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            shed: self.shed.load(Ordering::Relaxed),
        }
    }
}

/// One call in flight. It is over when this is dropped.
#[derive(Debug)]
pub struct InFlight {
    limiter: Arc<Limiter>,
    /// When it began, until it was measured.
    began: Option<Instant>,
}

impl InFlight {
    fn measure(&mut self, answered: bool) {
        let Some(adaptive) = &self.limiter.adaptive else { return };
        let Some(began) = self.began.take() else { return };
        let shed = self.limiter.shed.load(Ordering::Relaxed);
        let limit =
            if answered { adaptive.answered(began, shed) } else { adaptive.failed(began, shed) };
        if let Some(limit) = limit {
            self.limiter.limit.store(limit, Ordering::Relaxed);
        }
    }
}

impl Permit for InFlight {
    fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        if self.began.is_none() {
            return;
        }
        let failed = !status.is_success()
            || headers.get(&GRPC_STATUS).is_some_and(|code| code.as_bytes() != b"0");
        self.measure(!failed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.measure(false);
        self.limiter.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
