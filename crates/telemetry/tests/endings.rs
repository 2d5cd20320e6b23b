//! What is in the log of a process that has ended, in whichever way.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The example of this package. It is built when all of its tests are, not for this one alone.
fn endings(how: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let mut command = Command::new(folder.join("examples/endings"));
    command.arg(how).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The lines, each of which is JSON.
fn lines(stderr: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stderr).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole: {text}");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn numbers(lines: &[Value]) -> Vec<u64> {
    lines.iter().filter_map(|line| line["number"].as_u64()).collect()
}

#[test]
fn everything_is_written_however_the_process_ends() {
    for (how, code, panics) in [
        ("return", Some(0), &[][..]),
        ("error", Some(1), &[]),
        ("panic", Some(101), &["on\npurpose"]),
        ("thread", Some(0), &["on\npurpose"]),
        // Aborted: by a signal.
        ("abort", None, &["on\npurpose", "again", "panic in a destructor during cleanup"]),
    ] {
        let Output { status, stderr, .. } = endings(how).output().unwrap();
        assert_eq!(status.code(), code, "{how}");
        // What the runtime says of an abort is not ours, and not JSON.
        let end = stderr
            .windows(7)
            .position(|part| part == b"\nthread")
            .map_or(stderr.len(), |at| at + 1);
        let lines = lines(&stderr[..end]);
        assert_eq!(numbers(&lines), Vec::from_iter(0..1000), "{how}");
        let panicked: Vec<_> =
            lines[1000..].iter().map(|line| line["panic"].as_str().unwrap()).collect();
        assert_eq!(panicked, panics, "{how}");
    }
}

#[test]
fn a_reader_that_stops_holds_up_nobody_and_learns_what_it_missed() {
    let mut process = endings("flood").spawn().unwrap();
    // It comes to its last line although nobody reads.
    let mut said = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "500000 lines\n");
    drop(process.stdin.take());
    let mut stderr = Vec::new();
    process.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    assert!(process.wait().unwrap().success());
    let lines = lines(&stderr);
    let dropped: u64 = lines.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    let numbers = numbers(&lines);
    assert!(numbers.is_sorted() && dropped > 100_000, "{dropped}");
    assert_eq!(numbers.len() as u64 + dropped, 500_000, "each line is there or counted");
    assert!(lines.iter().any(|line| line["message"] == "the last line"), "an error is not dropped");
}

#[test]
fn a_process_ends_although_its_reader_has_stopped() {
    let mut process = endings("flood").spawn().unwrap();
    drop(process.stdin.take());
    // Nothing of standard error is read.
    assert!(process.wait().unwrap().success());
}
