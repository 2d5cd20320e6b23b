//! What happens during a run.

use anyhow::Result;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::actor::Actor;
use super::clock::Clock;
use super::faults::Fault;
use super::figures::{Restart, Timeline};
use super::stage::Server;

/// How long nothing listens between a server and the next one on its port.
const DOWN: Duration = Duration::from_millis(500);
/// How long clients go on after the last restart: longer than their first backoff.
const AFTER_LAST_RESTART: Duration = Duration::from_secs(2);

/// What takes part in a run.
#[derive(Debug)]
pub(super) struct Stage {
    /// The servers that run, with their numbers. Where the victim is none, its number is missing.
    pub(super) servers: Vec<(usize, Server)>,
    pub(super) actors: Vec<Actor>,
    /// How many of the servers the clients know from the start.
    pub(super) known: usize,
}

/// Lets the clients call for `duration`, longer when restarts take longer, and does to the servers what the fault says.
pub(super) async fn play(
    stage: &mut Stage,
    fault: Fault,
    duration: Duration,
    restarts: u32,
) -> Result<Timeline> {
    let clock = Clock::start();
    let now = || clock.at(Instant::now());
    let mut timeline = Timeline { began_us: now(), ..Timeline::default() };
    for actor in &mut stage.actors {
        actor.client.go().await?;
    }
    match fault {
        Fault::None | Fault::Refused | Fault::Dead | Fault::Slow => {}
        Fault::Sigterm | Fault::Sigkill => {
            for round in 0..restarts {
                // The first one in the middle of its slot, so that connections are made by then.
                sleep_until(clock.began + duration * (2 * round + 1) / (2 * restarts)).await;
                let count = stage.servers.len();
                let (number, server) = &mut stage.servers[round as usize % count];
                let stop_us = now();
                replace(server, fault).await?;
                timeline.restarts.push(Restart { server: *number, stop_us, back_us: now() });
            }
            sleep(AFTER_LAST_RESTART).await;
        }
        Fault::Frozen => {
            sleep_until(clock.began + duration / 3).await;
            timeline.frozen_us = Some(now());
            stage.servers[Fault::VICTIM].1.freeze()?;
        }
        Fault::Scale => {
            sleep_until(clock.began + duration / 3).await;
            timeline.resolved = Some((now(), stage.known));
            let addresses: Vec<_> =
                stage.servers.iter().map(|(_, server)| server.address).collect();
            for actor in &mut stage.actors {
                actor.client.resolve(&addresses).await?;
            }
        }
    }
    sleep_until(clock.began + duration).await;
    timeline.ended_us = now();
    Ok(timeline)
}

/// Ends a server, and starts the next one on its port.
async fn replace(server: &mut Server, fault: Fault) -> Result<()> {
    match fault {
        Fault::Sigkill => server.kill().await?,
        _ => server.stop().await?,
    }
    sleep(DOWN).await;
    server.restart().await
}
