//! A channel of a server, and what is counted around it.

use std::sync::{Arc, PoisonError};

use wayside_balance::{Channel, ConnectivityState, Snapshot, WEIGHT_BOUNDS, WeightsSnapshot};
use wayside_interceptors::client::circuit_breaker::{CircuitBreaker, State};
use wayside_interceptors::client::metrics::ClientCalls;
use wayside_interceptors::client::retry::RetryStats;
use wayside_interceptors::metrics::{Bounds, Counted, Labels, Metric, Source, Within};

use crate::outgoing::ThrottleInUse;

// Source: gRFC A94.
static DISCONNECTIONS: Metric =
    Metric::counter("grpc_subchannel_disconnections", "Connections that have ended");
static CONNECTED: Metric =
    Metric::counter("grpc_subchannel_connection_attempts_succeeded", "Connections that were made");
static NOT_CONNECTED: Metric = Metric::counter(
    "grpc_subchannel_connection_attempts_failed",
    "Attempts to connect that failed",
);
static OPEN: Metric =
    Metric::gauge("grpc_subchannel_open_connections", "Connections that are open");
// Source: gRFC A91.
static EJECTIONS: Metric = Metric::counter(
    "grpc_lb_outlier_detection_ejections_enforced",
    "Endpoints that were ejected as outliers",
);
// Source: gRFC A78.
static RR_FALLBACK: Metric = Metric::counter(
    "grpc_lb_wrr_rr_fallback",
    "Looks at weights that found too few of them, so that every endpoint gets the same",
);
static NOT_YET_USABLE: Metric = Metric::counter(
    "grpc_lb_wrr_endpoint_weight_not_yet_usable",
    "Endpoints, at each look, that have not reported for long enough",
);
static STALE: Metric = Metric::counter(
    "grpc_lb_wrr_endpoint_weight_stale",
    "Endpoints, at each look, whose last report is too old",
);
static WEIGHTS: Metric = Metric::histogram(
    "grpc_lb_wrr_endpoint_weights",
    "Weights of endpoints, at each look; 0 is none that can be used",
);
static WEIGHT_BUCKETS: Bounds = Bounds::new(&WEIGHT_BOUNDS, 1000);

static STATES: Metric = Metric::gauge("wayside_subchannels", "Subchannels in each state");
static EJECTED: Metric =
    Metric::gauge("wayside_subchannels_ejected", "Subchannels that are ejected as outliers now");
static ENDPOINTS: Metric =
    Metric::gauge("wayside_resolver_endpoints", "Endpoints that the resolver has named last");
static WAITING: Metric =
    Metric::gauge("wayside_channel_waiting_calls", "Calls that wait for a connection");
static PICKS: Metric =
    Metric::counter("wayside_endpoint_picks", "Calls that an endpoint was picked for");
static IN_FLIGHT: Metric =
    Metric::gauge("wayside_endpoint_in_flight", "Calls under way at an endpoint");
static BREAKER: Metric =
    Metric::gauge("wayside_circuit_breaker", "1 for the state that a circuit breaker is in");
static NOT_RETRIED: Metric = Metric::counter(
    "wayside_retry_refused",
    "Calls that were not retried although their policy allowed it",
);

static TOKENS: Metric = Metric::gauge(
    "wayside_retry_throttle_tokens",
    "Tokens that are left; below half nothing is retried",
);
static MAX_TOKENS: Metric =
    Metric::gauge("wayside_retry_throttle_max_tokens", "Tokens that there are when nothing fails");

/// A channel that is made for a server.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) channel: Channel,
    pub(crate) calls: ClientCalls,
    pub(crate) breaker: CircuitBreaker,
    pub(crate) retries: Arc<RetryStats>,
    pub(crate) throttle: ThrottleInUse,
}

impl Watched {
    /// Why calls were not sent again, and how often.
    pub(crate) fn not_retried(&self) -> [(&'static str, u64); 5] {
        let stats = &self.retries;
        [
            ("exhausted", stats.exhausted()),
            ("throttled", stats.throttled()),
            ("over_budget", stats.over_budget()),
            ("pushed_back", stats.pushed_back()),
            ("overflowed", stats.overflowed()),
        ]
    }

    /// The tokens that are left for retries, and how many there can be. `None` where the service config has no throttling, or nothing was called yet.
    pub(crate) fn tokens(&self) -> Option<(f64, f64)> {
        let throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let (made_of, throttle) = throttle.as_ref()?;
        Some((throttle.tokens(), made_of.max_tokens.into()))
    }

    /// What the breaker does with calls now.
    pub(crate) fn breaker_state(&self) -> &'static str {
        BREAKER_STATES
            .iter()
            .find(|(state, _)| *state == self.breaker.state())
            .map_or("", |it| it.1)
    }
}

const BREAKER_STATES: [(State, &str); 3] =
    [(State::Closed, "closed"), (State::HalfOpen, "half_open"), (State::Open, "open")];

impl Source for Watched {
    fn collect(&self, samples: &mut Within<'_>) {
        self.calls.collect(samples);
        let snapshot = self.channel.snapshot();
        let mut samples = samples.within([("grpc_target", &*snapshot.target)]);
        connections(&snapshot, &mut samples);
        endpoints(&snapshot, &mut samples);
        if let Some(found) = &snapshot.totals.weights {
            weights(found, &mut samples);
        }
        for (state, name) in BREAKER_STATES {
            let is_it = u64::from(self.breaker.state() == state);
            samples.add(&BREAKER, [("state", name)], is_it);
        }
        for (reason, count) in self.not_retried() {
            samples.add(&NOT_RETRIED, [("reason", reason)], count);
        }
        if let Some((tokens, max_tokens)) = self.tokens() {
            samples.add(&TOKENS, Labels::default(), tokens);
            samples.add(&MAX_TOKENS, Labels::default(), max_tokens);
        }
    }
}

fn connections(snapshot: &Snapshot, samples: &mut Within<'_>) {
    let totals = &snapshot.totals;
    for (reason, count) in &totals.disconnected {
        samples.add(&DISCONNECTIONS, [("grpc_disconnect_error", *reason)], *count);
    }
    samples.add(&CONNECTED, Labels::default(), totals.connected);
    samples.add(&NOT_CONNECTED, Labels::default(), totals.connections_failed);
    let open: usize = snapshot.subchannels.iter().map(|one| one.connections).sum();
    samples.add(&OPEN, Labels::default(), open);
    for (method, count) in &totals.ejected {
        let labels = [("grpc_lb_outlier_detection_detection_method", *method)];
        samples.add(&EJECTIONS, labels, *count);
    }
}

fn weights(found: &WeightsSnapshot, samples: &mut Within<'_>) {
    samples.add(&RR_FALLBACK, Labels::default(), found.fallbacks);
    samples.add(&NOT_YET_USABLE, Labels::default(), found.not_yet_usable);
    samples.add(&STALE, Labels::default(), found.stale);
    let counted = Counted::of(&WEIGHT_BUCKETS, found.buckets.to_vec(), found.sum);
    samples.add(&WEIGHTS, Labels::default(), counted);
}

/// What there is of subchannels is told of those that there are now: a series of one that is gone ends, and begins at 0 if its address comes back.
fn endpoints(snapshot: &Snapshot, samples: &mut Within<'_>) {
    use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
    for state in [Idle, Connecting, Ready, TransientFailure] {
        let count = snapshot.subchannels.iter().filter(|one| one.state == state).count();
        samples.add(&STATES, [("state", state.to_string())], count);
    }
    let ejected = snapshot.subchannels.iter().filter(|one| one.ejected.is_some()).count();
    samples.add(&EJECTED, Labels::default(), ejected);
    samples.add(&ENDPOINTS, Labels::default(), snapshot.resolver.endpoints);
    samples.add(&WAITING, Labels::default(), snapshot.waiting);
    for subchannel in &snapshot.subchannels {
        let labels = || [("endpoint", subchannel.address.to_string())];
        samples.add(&PICKS, labels(), subchannel.calls);
        samples.add(&IN_FLIGHT, labels(), subchannel.in_flight);
    }
}

#[cfg(test)]
mod tests {
    use wayside_interceptors::metrics::{Format, Samples};

    use super::*;

    #[test]
    fn weights_have_the_names_of_the_grfc_and_buckets_in_whole_weights() {
        let mut found = WeightsSnapshot::default();
        (found.fallbacks, found.not_yet_usable, found.stale) = (1, 2, 3);
        (found.buckets[0], found.buckets[1], found.sum) = (5, 1, 4_500);
        let mut samples = Samples::default();
        weights(&found, &mut samples.within(Labels::default()));
        let text = samples.text(Format::Plain);
        for expected in [
            "grpc_lb_wrr_rr_fallback_total 1",
            "grpc_lb_wrr_endpoint_weight_not_yet_usable_total 2",
            "grpc_lb_wrr_endpoint_weight_stale_total 3",
            "grpc_lb_wrr_endpoint_weights_bucket{le=\"0\"} 5",
            "grpc_lb_wrr_endpoint_weights_bucket{le=\"5\"} 6",
            "grpc_lb_wrr_endpoint_weights_bucket{le=\"10000\"} 6",
            "grpc_lb_wrr_endpoint_weights_sum 4.5",
            "grpc_lb_wrr_endpoint_weights_count 6",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} is missing in\n{text}");
        }
    }
}
