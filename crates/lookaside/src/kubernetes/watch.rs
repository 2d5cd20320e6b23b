//! A watch that is open, and how far it has come.

use futures_util::FutureExt;
use http::StatusCode;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::WatchEvent;
use tokio::time::{Duration, Instant, sleep_until};
use wayside_balance::ResolveNow;

use super::KubernetesError;
use super::events::Events;
use super::slices::Slices;

/// How long a watch may say nothing after the channel has lost a server. Most such losses are told by the watch as well, at about the same time.
const PATIENCE: Duration = Duration::from_secs(2);
/// A watch that is younger is not doubted: a server that hangs, and is in its slice all the same, is lost again and again.
const TRUSTED_FOR: Duration = Duration::from_secs(10);
/// Changes that are taken over before anybody is told of them: a rollout changes many slices at once.
const MOST_AT_ONCE: usize = 1000;

/// What is told from a version on.
#[derive(Debug)]
pub(super) struct Watch {
    version: String,
    events: Events,
    since: Instant,
    /// When it is taken for dead if nothing comes, because the channel has lost a server or could not connect to one.
    doubted: Option<Instant>,
}

/// What became of a watch while it was followed.
#[derive(Debug)]
pub(super) enum Progress {
    /// It goes on, and whether there was a change.
    On { changed: bool },
    /// It has ended, perhaps after a change. The next one begins with this version.
    Ended { version: String },
}

impl Watch {
    pub(super) fn new(version: String, events: Events) -> Self {
        Self { version, events, since: Instant::now(), doubted: None }
    }

    /// Waits until something happens, and takes over all that has. What was begun when the future is dropped is not lost.
    pub(super) async fn follow(
        &mut self,
        slices: &mut Slices,
        resolve_now: &ResolveNow,
    ) -> Result<Progress, KubernetesError> {
        let mut event = self.event(resolve_now).await?;
        let mut changed = false;
        for _ in 0..MOST_AT_ONCE {
            let Some(happened) = event else {
                return Ok(Progress::Ended { version: self.version.clone() });
            };
            changed |= self.take(happened, slices)?;
            event = match self.events.next().now_or_never() {
                Some(more) => more?,
                None => break,
            };
        }
        Ok(Progress::On { changed })
    }

    /// The next event; `None` when there will be none, or when the watch seems to be dead.
    async fn event(
        &mut self,
        resolve_now: &ResolveNow,
    ) -> Result<Option<WatchEvent<EndpointSlice>>, KubernetesError> {
        let Self { events, since, doubted, .. } = self;
        let doubt = async {
            let until = match doubted {
                Some(until) => *until,
                None => {
                    resolve_now.wanted().await;
                    let now = Instant::now();
                    *doubted.insert((*since + TRUSTED_FOR).max(now + PATIENCE))
                }
            };
            sleep_until(until).await;
        };
        tokio::select! {
            biased;
            event = events.next() => {
                self.doubted = None;
                event
            }
            () = doubt => Ok(None),
        }
    }

    /// Takes an event over. Returns whether it is a change.
    fn take(
        &mut self,
        event: WatchEvent<EndpointSlice>,
        slices: &mut Slices,
    ) -> Result<bool, KubernetesError> {
        let (slice, is_there) = match event {
            WatchEvent::Added(slice) | WatchEvent::Modified(slice) => (slice, true),
            WatchEvent::Deleted(slice) => (slice, false),
            WatchEvent::Bookmark(bookmark) => {
                self.version = bookmark.metadata.resource_version;
                return Ok(false);
            }
            WatchEvent::Error(status) if status.code == StatusCode::GONE.as_u16() => {
                return Err(KubernetesError::Expired);
            }
            WatchEvent::Error(status) => {
                let error = format!("error {}: {}", status.code, status.message);
                return Err(KubernetesError::Malformed(error));
            }
        };
        if let Some(version) = &slice.metadata.resource_version {
            self.version.clone_from(version);
        }
        if is_there {
            slices.change(slice)?
        } else {
            slices.delete(&slice)
        }
        Ok(true)
    }
}
