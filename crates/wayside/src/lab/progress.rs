//! How far the lab is: a bar on a terminal, lines elsewhere, both on standard error.

use std::future::Future;
use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Duration, Instant, interval};

const TICK: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{bar:30} {elapsed_precise} of about {len_time}  {msg}";

/// The progress of all runs.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// The expected time of the runs that are over, in milliseconds.
    done: u64,
}

impl Progress {
    /// For runs that are expected to take so long together.
    pub(crate) fn new(expected: Duration) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let total = millis(expected);
            let bar = ProgressBar::new(total);
            let text = format!("{:.0} s", expected.as_secs_f64());
            // The template is ours; with a wrong one the bar looks as indicatif's own.
            if let Ok(style) = ProgressStyle::with_template(&TEMPLATE.replace("{len_time}", &text))
            {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, done: 0 }
    }

    /// Shows how far a run is that is expected to take so long.
    pub(crate) async fn during<T>(
        &mut self,
        what: &str,
        expected: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let Some(bar) = &self.bar else {
            // A reader that has gone is no reason to stop measuring.
            let _ = writeln!(stderr(), "{what}");
            return work.await;
        };
        bar.set_message(what.to_owned());
        let (began, mut ticks) = (Instant::now(), interval(TICK));
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                output = &mut work => {
                    self.done += millis(expected);
                    bar.set_position(self.done);
                    return output;
                }
                _ = ticks.tick() => bar.set_position(self.done + millis(began.elapsed().min(expected))),
            }
        }
    }

    /// Prints to standard output without tearing the bar.
    pub(crate) fn print(&self, text: &str) -> std::io::Result<()> {
        let print = || std::io::stdout().lock().write_all(text.as_bytes());
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
