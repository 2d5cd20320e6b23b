//! What media counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wayside_chassis::{Metric, Source, Within};

use crate::error::{DownloadError, Refusal};

static FETCHES: Metric = Metric::counter(
    "wayside_media_fetches",
    "Downloads that were asked for, by what became of them",
);
static REFUSALS: Metric = Metric::counter(
    "wayside_media_refusals",
    "Downloads that the policy has refused, by the reason",
);

const OUTCOMES: [&str; 7] =
    ["ok", "bad_url", "refused", "not_an_image", "upstream", "busy", "client"];
const REASONS: [&str; 6] =
    ["name", "address", "no_address", "redirect", "downgrade", "too_many_redirects"];

/// Counts downloads. A clone is the same count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetches(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    outcomes: [AtomicU64; OUTCOMES.len()],
    reasons: [AtomicU64; REASONS.len()],
}

impl Fetches {
    pub(crate) fn succeeded(&self) {
        self.0.outcomes[0].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &DownloadError) {
        self.0.outcomes[outcome(error)].fetch_add(1, Ordering::Relaxed);
        if let DownloadError::Refused(refusal) = error {
            self.0.reasons[reason(refusal)].fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn outcome(error: &DownloadError) -> usize {
    match error {
        DownloadError::BadUrl(_) => 1,
        DownloadError::Refused(_) => 2,
        DownloadError::NotAnImage(_) => 3,
        DownloadError::Upstream(_) => 4,
        DownloadError::Busy { .. } => 5,
        DownloadError::Client(_) => 6,
    }
}

fn reason(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::Name => 0,
        Refusal::Address(_) => 1,
        Refusal::NoAddress => 2,
        Refusal::Redirect(_) => 3,
        Refusal::Downgrade => 4,
        Refusal::TooManyRedirects => 5,
    }
}

impl Source for Fetches {
    fn collect(&self, samples: &mut Within<'_>) {
        for (outcome, count) in OUTCOMES.into_iter().zip(&self.0.outcomes) {
            samples.add(&FETCHES, [("outcome", outcome)], count.load(Ordering::Relaxed));
        }
        for (reason, count) in REASONS.into_iter().zip(&self.0.reasons) {
            samples.add(&REFUSALS, [("reason", reason)], count.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NotAnImage;

    #[test]
    fn a_refusal_is_counted_with_its_reason_and_other_failures_without() {
        let fetches = Fetches::default();
        fetches.succeeded();
        for error in [
            Refusal::Downgrade.into(),
            Refusal::TooManyRedirects.into(),
            NotAnImage::Format.into(),
            DownloadError::Busy { limit: 1 },
        ] {
            fetches.failed(&error);
        }
        let counted = |counts: &[AtomicU64]| {
            counts.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>()
        };
        assert_eq!(counted(&fetches.0.outcomes), [1, 0, 2, 1, 0, 1, 0]);
        assert_eq!(counted(&fetches.0.reasons), [0, 0, 0, 0, 1, 1]);
    }
}
