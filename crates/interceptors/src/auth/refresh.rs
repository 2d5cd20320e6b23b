//! The keys in use, and the next ones.

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{FetchError, FetchJwks, KeySet};

/// How long a document may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How often tokens with an unknown key may cause a look at the document: whoever makes such tokens up must not be able to flood the issuer.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);
/// However often a source wants to be asked, it is not asked more often than this.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// The first wait after a failed attempt; it doubles up to the usual interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The keys that tokens are checked with, cheap to clone. Keys of a source are kept up to date by a task, which ends with the last clone.
///
/// When a document cannot be had or used, the last good keys stay in use.
#[derive(Clone, Debug)]
pub struct KeyStore(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    task: Option<AbortHandle>,
}

#[derive(Debug)]
struct Shared {
    current: ArcSwap<KeySet>,
    wake: Notify,
    progress: watch::Sender<Progress>,
    asked: Mutex<Option<Asked>>,
}

/// How many attempts have begun and ended.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    begun: u64,
    ended: u64,
}

/// The last time that an unknown key caused an attempt, and which one that is.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    attempt: u64,
}

impl KeyStore {
    /// Keys that never change.
    pub fn fixed(keys: KeySet) -> Self {
        Self(Arc::new(Handle { shared: Arc::new(Shared::new(keys)), task: None }))
    }

    /// Gets the keys from a source, and keeps them up to date. Needs a runtime.
    ///
    /// # Errors
    /// When there are no keys to start with: a server that could check no token should not say that it is ready.
    pub async fn load(source: impl FetchJwks) -> Result<Self, FetchError> {
        let shared = Arc::new(Shared::new(fetch(&source).await?));
        let task = tokio::spawn(keep_fresh(shared.clone(), source)).abort_handle();
        Ok(Self(Arc::new(Handle { shared, task: Some(task) })))
    }

    /// The keys in use.
    pub(super) fn current(&self) -> Guard<Arc<KeySet>> {
        self.0.shared.current.load()
    }

    /// Has the document looked at, because a token names a key that is not known. Gives what to wait for, or `None` when there is
    /// nothing to be had: the keys never change, or it was looked at less than a minute ago for the same reason.
    pub(super) fn refresh(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        self.0.task.as_ref()?;
        let shared = &self.0.shared;
        let mut progress = shared.progress.subscribe();
        let attempt = shared.ask()?;
        Some(async move {
            // An error means that the store is gone, and with it whoever waits.
            let _ = progress.wait_for(|progress| progress.ended >= attempt).await;
        })
    }
}

impl Shared {
    fn new(keys: KeySet) -> Self {
        Self {
            current: ArcSwap::from_pointee(keys),
            wake: Notify::new(),
            progress: watch::Sender::default(),
            asked: Mutex::default(),
        }
    }

    /// The attempt to wait for. All who ask while it runs share it.
    fn ask(&self) -> Option<u64> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = *self.progress.borrow();
        match *asked {
            Some(last) if last.at.elapsed() < UNKNOWN_KEY_INTERVAL => {
                (progress.ended < last.attempt).then_some(last.attempt)
            }
            _ => {
                // Not one that has begun: it may have read the document before the key was in it.
                let attempt = progress.begun + 1;
                *asked = Some(Asked { at: Instant::now(), attempt });
                self.wake.notify_one();
                Some(attempt)
            }
        }
    }

    fn install(&self, keys: KeySet) {
        let old = self.current.load();
        let keys = keys.replacing(&old);
        if !keys.is_same(&old) {
            tracing::info!(keys = keys.count(), "the keys for tokens have changed");
            self.current.store(Arc::new(keys));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn fetch(source: &impl FetchJwks) -> Result<KeySet, FetchError> {
    let document =
        timeout(FETCH_TIMEOUT, source.fetch()).await.map_err(|_| FetchError::TimedOut)??;
    Ok(KeySet::parse(&document)?)
}

/// Looks at the document for ever. What goes wrong is logged when it starts to, or changes.
async fn keep_fresh(shared: Arc<Shared>, source: impl FetchJwks) {
    let interval = source.refresh_every().max(SHORTEST_INTERVAL);
    let mut wait = interval;
    let mut retry = FIRST_RETRY;
    let mut complaint = None;
    loop {
        tokio::select! {
            () = sleep(jittered(wait)) => {}
            () = shared.wake.notified() => {}
        }
        shared.progress.send_modify(|progress| progress.begun += 1);
        match fetch(&source).await {
            Ok(keys) => {
                shared.install(keys);
                (wait, retry, complaint) = (interval, FIRST_RETRY, None);
            }
            Err(error) => {
                let error = chain(&error);
                if complaint.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "keys for tokens not refreshed; the last good ones stay in use"
                    );
                }
                wait = retry.min(interval);
                retry = wait * 2;
                complaint = Some(error);
            }
        }
        shared.progress.send_modify(|progress| progress.ended = progress.begun);
    }
}

/// Up to a tenth more or less, so that servers which started together do not ask together for ever.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.9 + 0.2 * fastrand::f64())
}

fn chain(error: &dyn Error) -> String {
    let causes =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}
