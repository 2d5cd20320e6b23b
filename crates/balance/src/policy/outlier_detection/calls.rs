//! Counts calls.

use std::sync::atomic::{AtomicU64, Ordering};

use tonic::Code;

use super::algorithms::Sample;
use crate::policy::{CallEnd, CallTracker};

/// The calls of an endpoint that have ended since it was last judged.
///
/// A50 has two buckets that are swapped: this is the active one, and what [`take`](Self::take) returns is the other. No call is lost between them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    successes: AtomicU64,
    failures: AtomicU64,
}

impl Calls {
    pub(super) fn take(&self) -> Sample {
        Sample {
            successes: self.successes.swap(0, Ordering::Relaxed),
            failures: self.failures.swap(0, Ordering::Relaxed),
        }
    }
}

impl CallTracker for Calls {
    fn ended(&self, end: &CallEnd<'_>) {
        let counter = if end.code == Code::Ok { &self.successes } else { &self.failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
