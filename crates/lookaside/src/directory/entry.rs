//! What the directory has of one service.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout};
use tokio_util::sync::DropGuard;

use super::view::View;
use crate::error::Error;

/// How long a call waits for the first answer of a source, where its deadline is not sooner.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long after a question a service counts as in use, so that name servers are asked for it.
const IN_USE: Duration = Duration::from_secs(10);

/// How one of several endpoints is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    InTurn,
    AtRandom,
}

/// A service that somebody has asked for.
#[derive(Debug)]
pub(crate) struct Entry {
    views: watch::Sender<View>,
    /// Whose turn it is. It only grows, so the turns go on where they were when the list has changed.
    turn: AtomicUsize,
    made: Instant,
    /// When it was asked for last, in milliseconds after `made`.
    asked: AtomicU64,
    _task: DropGuard,
}

impl Entry {
    pub(super) fn new(views: watch::Sender<View>, task: DropGuard) -> Self {
        let (turn, asked) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { views, turn, made: Instant::now(), asked, _task: task }
    }

    /// The address of one endpoint.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn pick(&self, choice: Choice) -> Result<String, Error> {
        match self.view().await? {
            View::List(list) => Ok(match choice {
                Choice::InTurn => list.in_turn(self.turn.fetch_add(1, Ordering::Relaxed)),
                Choice::AtRandom => list.at_random(),
            }
            .to_owned()),
            View::Nothing(nothing) if nothing.unknown => {
                Err(Error::Unknown(nothing.reason.clone()))
            }
            View::Nothing(nothing) => Err(Error::Empty(nothing.reason.clone())),
            View::Pending => Err(Error::NoAnswer),
        }
    }

    /// What is known, once anything is.
    async fn view(&self) -> Result<View, Error> {
        let view = self.views.borrow().clone();
        if !matches!(view, View::Pending) {
            return Ok(view);
        }
        let mut views = self.views.subscribe();
        let told = timeout(PATIENCE, views.wait_for(|view| !matches!(view, View::Pending))).await;
        match told {
            Ok(Ok(view)) => Ok(view.clone()),
            Ok(Err(_)) | Err(_) => Err(Error::NoAnswer),
        }
    }

    /// Every view from now on, the present one included.
    pub(crate) fn watch(&self) -> watch::Receiver<View> {
        let mut views = self.views.subscribe();
        views.mark_changed();
        views
    }

    pub(super) fn touch(&self) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.asked.store(now, Ordering::Relaxed);
    }

    /// Since when nobody has asked; zero while somebody watches.
    pub(super) fn idle(&self) -> Duration {
        if self.views.receiver_count() > 0 {
            return Duration::ZERO;
        }
        let asked = Duration::from_millis(self.asked.load(Ordering::Relaxed));
        self.made.elapsed().saturating_sub(asked)
    }

    pub(super) fn is_in_use(&self) -> bool {
        self.idle() < IN_USE
    }

    pub(super) fn is_known(&self) -> bool {
        !matches!(&*self.views.borrow(), View::Nothing(nothing) if nothing.unknown)
    }
}

/// So that a test can tell two entries apart.
#[cfg(test)]
pub(super) fn same(one: &std::sync::Arc<Entry>, other: &std::sync::Arc<Entry>) -> bool {
    std::sync::Arc::ptr_eq(one, other)
}
