//! Logs a thousand lines and ends in one of the ways that a process can end: `endings return|error|panic|thread|abort|flood`.
//!
//! `flood` logs twenty times as much as fits between it and its reader, says so on standard output, and waits for its standard input to end.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;

use wayside_telemetry::LogFormat;

fn main() -> ExitCode {
    let how = std::env::args().nth(1).unwrap_or_default();
    let Ok(_log) = wayside_telemetry::init(LogFormat::Json, "info") else { return 2.into() };
    let lines = if how == "flood" { 500_000 } else { 1000 };
    for number in 0..lines {
        tracing::info!(target: "access", number, method = "/greet.v1.GreetService/Greet", "invoke server");
    }
    match how.as_str() {
        "error" => return ExitCode::FAILURE,
        "panic" => panic!("on\npurpose"),
        "thread" => drop(thread::spawn(|| panic!("on\npurpose")).join()),
        "abort" => {
            // A panic while another one unwinds.
            let _twice = Bomb;
            panic!("on\npurpose");
        }
        "flood" => {
            tracing::error!("the last line");
            let said = writeln!(io::stdout(), "{lines} lines");
            let waited = io::stdin().read_to_end(&mut Vec::new());
            return ExitCode::from(u8::from(said.is_err() || waited.is_err()));
        }
        _ => {}
    }
    ExitCode::SUCCESS
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("again");
    }
}
