//! The services that anybody asks for, each with what the sources say of it.
//!
//! A service is followed from the first question on, and until nobody has asked for some minutes. All who ask share one list, which is made when it changes.

mod entry;
mod follow;
mod health;
mod list;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use entry::{Choice, Entry};
use health::Checks;
pub(crate) use list::List;
use tokio::sync::watch;
use tokio::time::{Duration, interval};
use tokio_util::sync::CancellationToken;
pub(crate) use view::View;
use wayside_chassis::Setup;

use crate::Key;
use crate::error::Error;
use crate::source::Sources;

/// How long a service is followed that nobody asks for.
const KEEP: Duration = Duration::from_secs(5 * 60);
/// The same for one that no source knows: mostly a slip of the pen.
const KEEP_UNKNOWN: Duration = Duration::from_secs(10);
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Every service that is followed.
#[derive(Debug)]
pub(crate) struct Directory {
    entries: RwLock<HashMap<Key, Arc<Entry>>>,
    sources: Sources,
    setup: Setup,
    settings: Settings,
}

/// The bounds of a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How many services are followed at a time.
    pub(crate) max_services: usize,
    /// How often name servers are asked.
    pub(crate) refresh: Duration,
    /// Whether endpoints are asked for their health.
    pub(crate) health_checks: bool,
}

impl Directory {
    /// An empty directory, whose work ends with the server.
    pub(crate) fn start(sources: Sources, settings: Settings, setup: &Setup) -> Arc<Self> {
        let entries = RwLock::default();
        let directory = Arc::new(Self { entries, sources, setup: setup.clone(), settings });
        let swept = Arc::downgrade(&directory);
        setup.spawn(async move {
            let mut sweeps = interval(SWEEP_INTERVAL);
            loop {
                sweeps.tick().await;
                let Some(directory) = swept.upgrade() else { return };
                directory.sweep();
            }
        });
        directory
    }

    /// What there is of a service, followed from now on if it was not.
    ///
    /// # Errors
    /// When so many are watched that there is no place for another one.
    pub(crate) fn entry(&self, key: Key) -> Result<Arc<Entry>, Error> {
        // Entries are put in and taken out in one step, so a panic elsewhere cannot have left half of one.
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = match entries.get(&key) {
            Some(entry) => entry.clone(),
            None => {
                drop(entries);
                self.added(key)?
            }
        };
        entry.touch();
        Ok(entry)
    }

    fn added(&self, key: Key) -> Result<Arc<Entry>, Error> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&key) {
            return Ok(entry.clone());
        }
        if entries.len() >= self.settings.max_services {
            make_place(&mut entries)?;
        }
        let resolvers = self.sources.of(&key);
        let (views, stop) = (watch::Sender::new(View::Pending), CancellationToken::new());
        let entry = Arc::new(Entry::new(views.clone(), stop.clone().drop_guard()));
        let refresh = self.settings.refresh;
        let checks = self.settings.health_checks.then(|| Checks::new(self.setup.clone()));
        let entry_of = Arc::downgrade(&entry);
        let work = follow::follow(key.clone(), resolvers, refresh, entry_of, views, checks);
        self.setup.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
        entries.insert(key, entry.clone());
        Ok(entry)
    }

    fn sweep(&self) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries
            .retain(|_, entry| entry.idle() < if entry.is_known() { KEEP } else { KEEP_UNKNOWN });
    }

    #[cfg(test)]
    fn services(&self) -> usize {
        self.entries.read().unwrap().len()
    }
}

/// Lets the service go that nobody has asked for the longest, those that nobody knows first.
fn make_place(entries: &mut HashMap<Key, Arc<Entry>>) -> Result<(), Error> {
    let idle = entries.iter().filter(|(_, entry)| !entry.idle().is_zero());
    let longest = idle.max_by_key(|(_, entry)| (!entry.is_known(), entry.idle()));
    let key = longest.map(|(key, _)| key.clone()).ok_or(Error::TooManyServices)?;
    entries.remove(&key);
    Ok(())
}
