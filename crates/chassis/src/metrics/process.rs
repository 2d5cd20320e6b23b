//! What the process uses, as the kernel tells it, under the names that every Prometheus client has for it.

use std::fs;
use std::path::Path;

use wayside_interceptors::metrics::{Labels, Metric, Source, Value, Within};

static CPU: Metric =
    Metric::counter("process_cpu_seconds", "User and system time of the process, in seconds");
static RESIDENT: Metric = Metric::gauge("process_resident_memory_bytes", "Memory that is in use");
static VIRTUAL: Metric = Metric::gauge("process_virtual_memory_bytes", "Addresses that are in use");
static FILES: Metric = Metric::gauge("process_open_fds", "File descriptors that are open");
static MOST_FILES: Metric = Metric::gauge("process_max_fds", "File descriptors that may be open");
static THREADS: Metric = Metric::gauge("process_threads", "Threads of the process");
static START: Metric =
    Metric::gauge("process_start_time_seconds", "When the process began, in seconds since 1970");

/// The unit of times in `/proc`: USER_HZ is 100 on every Linux that Rust runs on. Source: proc_pid_stat(5).
const TICKS_PER_SECOND: f64 = 100.0;

/// Tells what this process uses. Where there is no `/proc`, nothing.
#[derive(Debug)]
pub(crate) struct Process;

impl Source for Process {
    fn collect(&self, samples: &mut Within<'_>) {
        let proc = Path::new("/proc");
        let read = |name: &str| fs::read_to_string(proc.join(name)).unwrap_or_default();
        let files = fs::read_dir(proc.join("self/fd")).map(Iterator::count);
        let (stat, status) = (Stat::parse(&read("self/stat")), read("self/status"));
        let kib = |name: &str| field(&status, name).map(|kib| kib * 1024.0);
        let booted = field(&read("stat"), "btime");
        let start = booted.zip(stat.as_ref()).map(|(at, stat)| at + stat.start);
        for (metric, value) in [
            (&CPU, stat.as_ref().map(|stat| stat.cpu)),
            (&RESIDENT, kib("VmRSS:")),
            (&VIRTUAL, kib("VmSize:")),
            // The one that lists them is among them.
            (&FILES, files.ok().map(|count| count.saturating_sub(1) as f64)),
            (&MOST_FILES, field(&read("self/limits"), "Max open files")),
            (&THREADS, field(&status, "Threads:")),
            (&START, start),
        ] {
            if let Some(value) = value {
                samples.add(metric, Labels::default(), Value::from(value));
            }
        }
    }
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Times in seconds.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu: f64,
    /// Since the machine was started.
    start: f64,
}

impl Stat {
    /// Source: proc_pid_stat(5). The name of the program is in parentheses and may hold any character, so fields are counted from the last of them.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        // The first of them is the third of the manual.
        let field = |number: usize| -> Option<f64> {
            after_name.split_whitespace().nth(number - 3)?.parse().ok()
        };
        let (user, system, start) = (field(14)?, field(15)?, field(22)?);
        Some(Self { cpu: (user + system) / TICKS_PER_SECOND, start: start / TICKS_PER_SECOND })
    }
}

#[cfg(test)]
mod tests {
    use wayside_interceptors::metrics::{Format, Samples};

    use super::*;

    #[test]
    fn times_are_found_behind_a_hostile_program_name() {
        let stat = "42 (a) R 1 (b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 1234 0 0";
        assert_eq!(Stat::parse(stat), Some(Stat { cpu: 2.0, start: 12.34 }));
        assert_eq!(Stat::parse("42 (a"), None);
        assert_eq!(Stat::parse("42 (a) S 1"), None);
    }

    #[test]
    fn this_process_is_told_of_with_plausible_numbers() {
        let mut samples = Samples::default();
        Process.collect(&mut samples.within(Labels::default()));
        let text = samples.text(Format::Plain);
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name} is missing in\n{text}")).parse::<f64>().unwrap()
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - number("process_start_time_seconds");
        assert!((-2.0..86_400.0).contains(&age), "{age}");
        assert!(number("process_resident_memory_bytes") > 1e5);
        assert!(number("process_open_fds") >= 3.0);
        assert!(number("process_max_fds") >= number("process_open_fds"));
        assert!(number("process_threads") >= 1.0);
        assert!(number("process_cpu_seconds_total") >= 0.0);
    }
}
