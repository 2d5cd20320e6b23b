//! What the limit should be, by what was measured: arithmetic, without a clock or a lock.

use tokio::time::{Duration, Instant};

/// How much longer than ideal calls may take without a change of the limit. Source: `min_rtt_calc_params.buffer` of Envoy, 25 %.
const BUFFER: f64 = 1.25;
/// How far one window may change the limit. Source: Envoy's gradient controller.
const GRADIENT: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// Times that are this much shorter show that calls had waited.
const FASTER: f64 = 0.9;
/// How often the ideal time is measured while that costs nothing, and while it costs calls. Source of the latter: `min_rtt_calc_params.interval` of Envoy.
const MEASURE_IDLE: Duration = Duration::from_secs(10);
const MEASURE_BUSY: Duration = Duration::from_secs(60);
/// After so many windows at the lowest limit the ideal time is in doubt. Source: Envoy's gradient controller.
const DOUBTFUL: u32 = 5;

/// What was seen in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// How long calls took.
    pub(super) time: Duration,
    /// The most calls that were in flight.
    pub(super) peak: u32,
    /// Whether calls were refused.
    pub(super) shed: bool,
}

/// The limit, and how it came about.
#[derive(Debug)]
pub(super) struct Gradient {
    min: f64,
    max: f64,
    limit: f64,
    phase: Phase,
    ideal: f64,
    /// Whether the ideal time was measured with a limit that was low enough to tell.
    is_certain: bool,
    next_measure: Instant,
    windows_at_min: u32,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Compares each window to the ideal time.
    Following,
    /// Measures the ideal time. `before` is how long calls took with a limit twice as high.
    Measuring { limit: f64, before: Option<f64>, shed: bool },
}

impl Gradient {
    pub(super) fn new(min: u32, max: u32, initial: u32, now: Instant) -> Self {
        let min = min.max(1);
        let max = max.max(min);
        let limit = f64::from(initial.clamp(min, max));
        Self {
            min: min.into(),
            max: max.into(),
            limit,
            phase: Phase::Measuring { limit, before: None, shed: false },
            ideal: 0.0,
            is_certain: false,
            next_measure: now,
            windows_at_min: 0,
        }
    }

    /// How many calls may be in flight now.
    pub(super) fn limit(&self) -> u32 {
        match self.phase {
            Phase::Following => self.limit as u32,
            Phase::Measuring { limit, .. } => limit as u32,
        }
    }

    /// Whether the next window measures the ideal time.
    pub(super) fn is_measuring(&self) -> bool {
        matches!(self.phase, Phase::Measuring { .. })
    }

    /// What calls take when none of them waits, once it is known.
    pub(super) fn ideal(&self) -> Duration {
        Duration::from_secs_f64(self.ideal)
    }

    /// Learns from a window. `jitter`, from 0 to 1, keeps servers that were started together from measuring together.
    pub(super) fn close(&mut self, window: Window, now: Instant, jitter: f64) {
        let time = window.time.as_secs_f64();
        match self.phase {
            // Measuring => (Measuring | Following)
            Phase::Measuring { limit, before, shed } => {
                let shed = shed || window.shed;
                let faster = before.is_none_or(|before| time < FASTER * before);
                if window.shed && faster && limit > self.min {
                    let limit = self.half(limit);
                    self.phase = Phase::Measuring { limit, before: Some(time), shed };
                    return;
                }
                self.ideal = before.map_or(time, |before| before.min(time));
                self.is_certain = shed;
                let interval = if shed { MEASURE_BUSY } else { MEASURE_IDLE };
                self.next_measure = now + interval.mul_f64(1.0 + 0.15 * jitter);
                self.windows_at_min = 0;
                self.phase = Phase::Following;
            }
            // Following => (Following | Measuring)
            Phase::Following => self.follow(window, time, now),
        }
    }

    fn follow(&mut self, window: Window, time: f64, now: Instant) {
        // Nothing is faster than ideal, so what was measured no longer holds. Less of a difference may be chance.
        self.is_certain &= time >= self.ideal / 2.0;
        let is_idle = f64::from(window.peak) <= self.limit / 2.0;
        let is_due = now >= self.next_measure;
        let is_doubtful = self.windows_at_min >= DOUBTFUL || !self.is_certain;
        if window.shed && (is_due || is_doubtful) {
            let limit = self.half(self.limit);
            self.phase = Phase::Measuring { limit, before: Some(time), shed: true };
            return;
        }
        if is_idle && is_due {
            self.phase = Phase::Measuring { limit: self.limit, before: None, shed: false };
            return;
        }
        if is_idle {
            return;
        }
        let gradient = (BUFFER * self.ideal / time).clamp(*GRADIENT.start(), *GRADIENT.end());
        let limit = gradient * self.limit;
        self.limit = (limit + limit.sqrt()).clamp(self.min, self.max);
        self.windows_at_min = if self.limit > self.min { 0 } else { self.windows_at_min + 1 };
    }

    fn half(&self, limit: f64) -> f64 {
        (limit / 2.0).max(self.min)
    }
}
