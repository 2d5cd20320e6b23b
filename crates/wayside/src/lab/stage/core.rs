//! Cores that processes are kept on, so that who calls and who answers do not take each other's time.

use std::fmt;

use anyhow::{Context, Result, bail};

/// One core of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Core(usize);

/// A core for the server and another one for its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: Core,
    pub(crate) client: Core,
}

impl Cores {
    /// The first two cores that this process may use.
    ///
    /// # Errors
    /// Why there are no such cores.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let allowed = affinity::get()?;
        let (Some(&server), Some(&client)) = (allowed.first(), allowed.get(1)) else {
            bail!("there is one core only");
        };
        let cores = Self { server: Core(server), client: Core(client) };
        // What is not allowed is found out here and not in the middle.
        drop(cores.server.pin_this_thread()?);
        Ok(cores)
    }
}

impl Core {
    /// Keeps this thread, and the processes that it starts, on the core until what is returned is dropped.
    pub(super) fn pin_this_thread(self) -> Result<Pinned> {
        let pinned = Pinned { before: affinity::get()? };
        affinity::set(&[self.0])?;
        Ok(pinned)
    }
}

/// Gives a thread its cores back.
#[derive(Debug)]
pub(super) struct Pinned {
    before: Vec<usize>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It was on these cores a moment ago. Should they be gone, it stays where it is and is no less right.
        let _ = affinity::set(&self.before);
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "server on core {}, client on core {}", self.server.0, self.client.0)
    }
}

#[cfg(target_os = "linux")]
mod affinity {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::*;

    pub(super) fn get() -> Result<Vec<usize>> {
        let set = sched_getaffinity(None).context("cannot tell on which cores this runs")?;
        Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    pub(super) fn set(cores: &[usize]) -> Result<()> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).context("cores cannot be chosen")
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    use super::*;

    const NO_WAY: &str = "this system has no way to choose cores";

    pub(super) fn get() -> Result<Vec<usize>> {
        bail!(NO_WAY)
    }

    pub(super) fn set(_: &[usize]) -> Result<()> {
        bail!(NO_WAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_kept_on_a_core_and_let_go() {
        let before = affinity::get().unwrap();
        let core = *before.last().unwrap();
        let pinned = Core(core).pin_this_thread().unwrap();
        assert_eq!(affinity::get().unwrap(), [core]);
        drop(pinned);
        assert_eq!(affinity::get().unwrap(), before);
    }
}
