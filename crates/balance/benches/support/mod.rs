//! What both benchmarks measure.

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use wayside_balance::bench;
use wayside_balance::policy::{PickArgs, Picker};

/// Every policy that chooses, with its settings. Reports count at once, and calls are hashed by a header.
pub(crate) const POLICIES: [(&str, &str); 6] = [
    ("pick_first", r#"{"pick_first": {}}"#),
    ("random", r#"{"random": {}}"#),
    ("round_robin", r#"{"round_robin": {}}"#),
    ("least_request", r#"{"least_request": {}}"#),
    ("weighted_round_robin", r#"{"weighted_round_robin": {"blackoutPeriod": "0s"}}"#),
    ("ring_hash", r#"{"ring_hash": {"requestHashHeader": "user"}}"#),
];

/// The current picker as a channel keeps it: replaced by the policy, loaded by each call.
pub(crate) struct Current(ArcSwap<Arc<dyn Picker>>);

impl Current {
    pub(crate) fn new(policy: &str, endpoints: u32) -> Self {
        fastrand::seed(7);
        Self(ArcSwap::from_pointee(bench::picker(policy, endpoints).expect("a valid policy")))
    }

    /// So many picks, one after the other.
    pub(crate) fn pick(&self, picks: u64) {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer 0123456789".parse().expect("a valid value"));
        headers.insert("user", "0123456789abcdef".parse().expect("a valid value"));
        for _ in 0..picks {
            let call =
                PickArgs { path: "/library.v1.Library/GetBook", headers: black_box(&headers) };
            black_box(self.0.load().pick(&call));
        }
    }
}
