//! How busy this server is, for whoever shares calls out. Source: gRFC A51, whose `OrcaLoadReport` has these numbers.

use tokio::time::{Duration, Instant};
use tonic::Code;
use wayside_interceptors::metrics::ServerCalls;

/// Over less time than this the numbers say little.
const SHORTEST: Duration = Duration::from_secs(1);
/// The methods that every server has: they say nothing of what it is for.
const OF_GRPC: &str = "grpc.";
/// The statuses that are the fault of the server. Source: OpenTelemetry, "Semantic conventions for gRPC", errors of server spans.
const FAULTS: [Code; 6] = [
    Code::Unknown,
    Code::DeadlineExceeded,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
];

/// `lookaside.v1.LoadReport`: how busy a server was for a while.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct LoadReport {
    /// The used share of the CPUs that the process has.
    #[prost(double, tag = "1")]
    pub(crate) utilization: f64,
    /// Calls a second that ended.
    #[prost(double, tag = "2")]
    pub(crate) rps_fractional: f64,
    /// Those of them that failed by a fault of the server.
    #[prost(double, tag = "3")]
    pub(crate) eps: f64,
}

/// Measures the load from one report to the next.
#[derive(Debug)]
pub(crate) struct LoadMeter {
    calls: ServerCalls,
    cpus: f64,
    last: Reading,
}

/// What was counted up to a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    /// The time that the process had on CPUs.
    cpu: Duration,
    ended: u64,
    failed: u64,
}

impl LoadMeter {
    /// Begins now. The calls are those that the server counts anyway: measuring costs a call nothing.
    pub(crate) fn new(calls: ServerCalls) -> Self {
        let last = Reading::now(&calls);
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self { calls, cpus: cpus as f64, last }
    }

    /// The load since the last report; `None` when that was less than a second ago.
    pub(crate) fn report(&mut self) -> Option<LoadReport> {
        if self.last.at.elapsed() < SHORTEST {
            return None;
        }
        let now = Reading::now(&self.calls);
        let load = now.since(&self.last, self.cpus);
        self.last = now;
        Some(load)
    }
}

impl Reading {
    fn now(calls: &ServerCalls) -> Self {
        let (ended, failed) = ended(calls);
        Self { at: Instant::now(), cpu: cpu_time(), ended, failed }
    }

    fn since(&self, earlier: &Self, cpus: f64) -> LoadReport {
        let seconds = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        let a_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        LoadReport {
            utilization: self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / seconds / cpus,
            rps_fractional: a_second(self.ended, earlier.ended),
            eps: a_second(self.failed, earlier.failed),
        }
    }
}

/// How many calls have ended, and how many of them have failed.
fn ended(calls: &ServerCalls) -> (u64, u64) {
    let theirs = calls.ended().filter(|(method, ..)| !method.starts_with(OF_GRPC));
    theirs.fold((0, 0), |(ended, failed), (_, code, count)| {
        (ended + count, failed + if FAULTS.contains(&code) { count } else { 0 })
    })
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // Neither is negative.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use wayside_interceptors::metrics::Totals;

    use super::*;

    const GREET: &str = "/greet.v1.GreetService/Greet";
    const CHECK: &str = "/grpc.health.v1.Health/Check";

    fn calls() -> ServerCalls {
        ServerCalls::new([GREET, CHECK])
    }

    fn make(calls: &ServerCalls, path: &str, code: Code, count: usize) {
        (0..count).for_each(|_| calls.start(path).end(code, &Totals::default()));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_have_ended_are_told_for_a_second_and_those_that_failed_apart() {
        let calls = calls();
        make(&calls, GREET, Code::Ok, 1000);
        let mut meter = LoadMeter::new(calls.clone());
        make(&calls, GREET, Code::Ok, 10);
        make(&calls, GREET, Code::NotFound, 6);
        make(&calls, GREET, Code::Internal, 3);
        make(&calls, "/greet.v1.GreetService/Gone", Code::Unimplemented, 1);
        make(&calls, CHECK, Code::Unknown, 50);
        let _goes_on = calls.start(GREET);
        tokio::time::advance(Duration::from_secs(2)).await;
        let report = meter.report().unwrap();
        assert_eq!((report.rps_fractional, report.eps), (10.0, 2.0));
        assert!((0.0..=1.0).contains(&report.utilization), "{report:?}");
        tokio::time::advance(Duration::from_secs(1)).await;
        let report = meter.report().unwrap();
        assert_eq!((report.rps_fractional, report.eps), (0.0, 0.0), "since the last report");
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_at_most_one_report_a_second() {
        let calls = calls();
        let mut meter = LoadMeter::new(calls.clone());
        make(&calls, GREET, Code::Ok, 5);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(meter.report(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(meter.report().unwrap().rps_fractional, 5.0, "nothing was lost");
        assert_eq!(meter.report(), None);
    }

    #[test]
    fn use_is_a_share_of_all_cpus() {
        let at = Instant::now();
        let seconds = Duration::from_secs;
        let then = Reading { at, cpu: seconds(100), ended: 0, failed: 0 };
        let now = Reading { at: at + seconds(10), cpu: seconds(110), ..then };
        assert!((now.since(&then, 4.0).utilization - 0.25).abs() < 1e-9);
    }

    #[test]
    fn the_time_on_cpus_grows_with_work() {
        let (before, mut work) = (cpu_time(), 0_u64);
        while cpu_time() < before + Duration::from_millis(1) {
            work = std::hint::black_box(work + 1);
        }
        assert!(work > 0);
    }
}
