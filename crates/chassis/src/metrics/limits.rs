use wayside_interceptors::metrics::{Metric, Source, Within};

use crate::limit_args::Limits;

static REFUSED: Metric =
    Metric::counter("wayside_limiter_refused", "Calls that a limit has refused");
static LIMIT: Metric =
    Metric::gauge("wayside_limiter_limit", "Calls that may be in flight, as the limit is now");
static IN_FLIGHT: Metric =
    Metric::gauge("wayside_limiter_in_flight", "Calls in flight that the limit counts");

impl Source for Limits {
    fn collect(&self, samples: &mut Within<'_>) {
        let (rate, calls) = &self.caller.0;
        for (limiter, refused) in [
            ("rate", self.tap.refused()),
            ("caller_rate", rate.refused()),
            ("caller_calls", calls.refused()),
        ] {
            samples.add(&REFUSED, [("limiter", limiter)], refused);
        }
        // The limit of all methods that have none of their own.
        if let Some(load) = self.load_shed.load("") {
            let limiter = [("limiter", "load_shed")];
            samples.add(&REFUSED, limiter, load.shed);
            samples.add(&LIMIT, limiter, u64::from(load.limit));
            samples.add(&IN_FLIGHT, limiter, u64::from(load.in_flight));
        }
    }
}
