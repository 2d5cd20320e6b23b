//! What a line of the access log costs in CPU time, all threads of the process together: `tracing_subscriber`'s own formatter against ours.
//!
//! `cargo bench --profile quick -p wayside-telemetry --bench line`
//!
//! With arguments, `STYLE LINES`, it logs so many lines for valgrind to count: see `instructions.sh`.

#![expect(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, registry};
use wayside_telemetry::{LineStyle, LogLayer, LogQueue};

/// Lines between two looks at whether all are written: a busy server logs about as many while lines are gathered.
const LINES_PER_ROUND: u64 = 1000;
const LINES: u64 = 300_000;
const RUNS: usize = 7;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [style, lines] => {
            let logger = Logger::ours(style_of(style), null());
            logger.log(lines.parse().expect("a number of lines"));
        }
        // `cargo bench` gives `--bench`.
        _ => compare(),
    }
}

fn style_of(name: &str) -> LineStyle {
    match name {
        "json" => LineStyle::Json,
        "text" => LineStyle::Text { colours: false },
        _ => panic!("a style is json or text"),
    }
}

fn compare() {
    println!("ns of CPU a line (median of {RUNS} runs in turn), and the lines that were written");
    let text = LineStyle::Text { colours: false };
    let makers: [(&str, &dyn Fn() -> Logger); 8] = [
        ("filter and registry alone", &Logger::none),
        ("ours, json, formatted and not written", &Logger::formatting),
        ("ours, json, /dev/null", &|| Logger::ours(LineStyle::Json, null())),
        ("ours, text, /dev/null", &|| Logger::ours(text, null())),
        ("tracing_subscriber, json, /dev/null", &|| Logger::theirs(true, null())),
        ("tracing_subscriber, text, /dev/null", &|| Logger::theirs(false, null())),
        ("ours, json, pipe", &|| Logger::ours(LineStyle::Json, pipe())),
        ("tracing_subscriber, json, pipe", &|| Logger::theirs(true, pipe())),
    ];
    let mut times = vec![Vec::new(); makers.len()];
    let mut bytes = vec![0; makers.len()];
    for run in 0..RUNS {
        let mut order: Vec<_> = (0..makers.len()).collect();
        if run % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let logger = makers[index].1();
            let began = cpu_time();
            logger.log(LINES);
            times[index].push(cpu_time() - began);
            bytes[index] = logger.written.load(Ordering::Relaxed);
        }
    }
    for (((name, _), times), bytes) in makers.iter().zip(&mut times).zip(bytes) {
        times.sort_unstable();
        let [least, median, most] =
            [0, RUNS / 2, RUNS - 1].map(|at| times[at].as_nanos() as f64 / LINES as f64);
        println!("{median:6.0} ({least:.0} to {most:.0})  {name}, {} bytes a line", bytes / LINES);
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn null() -> File {
    File::options().write(true).open("/dev/null").expect("/dev/null")
}

/// The input of a process that reads as fast as it can.
fn pipe() -> File {
    let mut reader = Command::new("sh");
    let reader = reader.args(["-c", "exec cat >/dev/null"]).stdin(Stdio::piped()).spawn();
    File::from(OwnedFd::from(reader.expect("sh").stdin.expect("a pipe")))
}

struct Logger {
    dispatch: Dispatch,
    queue: Option<Arc<LogQueue>>,
    written: Arc<AtomicU64>,
}

impl Logger {
    fn none() -> Self {
        let dispatch = registry().with(filter()).into();
        Self { dispatch, queue: None, written: Arc::default() }
    }

    fn formatting() -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let count = written.clone();
        let layer = LogLayer::new(LineStyle::Json, move |_, line: &[u8]| {
            count.fetch_add(line.len() as u64, Ordering::Relaxed);
        });
        Self { dispatch: registry().with(filter()).with(layer).into(), queue: None, written }
    }

    fn ours(style: LineStyle, file: File) -> Self {
        let counted = Counted::new(file);
        let written = counted.bytes.clone();
        let queue = LogQueue::start(counted, style, LogQueue::GATHERING).expect("a thread");
        let lines = queue.clone();
        let layer = LogLayer::new(style, move |level, line: &[u8]| lines.append(level, line));
        let dispatch = registry().with(filter()).with(layer).into();
        Self { dispatch, queue: Some(queue), written }
    }

    /// As every process of ours logged before: a system call a line.
    fn theirs(json: bool, file: File) -> Self {
        let counted = Counted::new(file);
        let written = counted.bytes.clone();
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter())
            .with_writer(move || counted.clone())
            .with_ansi(false);
        let dispatch = if json {
            let builder = builder.json().flatten_event(true);
            builder.with_current_span(false).with_span_list(false).into()
        } else {
            builder.into()
        };
        Self { dispatch, queue: None, written }
    }

    fn log(&self, lines: u64) {
        tracing::dispatcher::with_default(&self.dispatch, || {
            for _ in 0..lines / LINES_PER_ROUND {
                for number in 0..LINES_PER_ROUND {
                    line(number);
                }
                if let Some(queue) = &self.queue {
                    queue.flush();
                }
            }
        });
    }
}

impl Drop for Logger {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.close();
        }
    }
}

fn filter() -> EnvFilter {
    EnvFilter::new("info,h2=warn")
}

/// The line of a call, with the fields of the access log (which writes an address in less than its `Display` takes).
fn line(number: u64) {
    let peer = SocketAddr::from(([127, 0, 0, 1], 40_000 + (number % 1000) as u16));
    tracing::info!(
        target: "access",
        server = "greet-1",
        method = "/greet.v1.GreetService/Greet",
        peer = %peer,
        identity = "gopher@example.com",
        code = "OK",
        duration_ms = number as f64 / 1000.0,
        request_bytes = 12_u64,
        response_bytes = 34_u64,
        request_id = "01958f2c-7a3b-7c4d-8e5f-001122334455",
        "invoke server"
    );
}

/// A file that is written to without a lock, and counts.
#[derive(Clone)]
struct Counted {
    file: Arc<File>,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    fn new(file: File) -> Self {
        Self { file: Arc::new(file), bytes: Arc::default() }
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = (&*self.file).write(bytes)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
