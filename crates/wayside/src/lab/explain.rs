//! The faults and strategies in words, for `--help` and `--list`.

use std::fmt::Write;

use super::faults::Fault;
use super::stack::ROWS;
use super::strategies::STRATEGIES;

const HOW: &str = "\
A fault is something that happens to servers: one is killed, one hangs. A strategy is a way for a client to use several servers. The lab starts \
three greet servers and, for each strategy, a client, all of them real processes on this machine; lets the clients call while it does to the \
servers what the fault says; and prints a line for each client. Every client meets the same servers and the same fault at the same moment, unless \
--alone is given. Calls take 20 ms on the server, and a worker starts at most one call in 20 ms, so that a client whose calls fail at once does not \
make more of them; where the fault is slow, calls take no time, workers do not wait, and clients run one after the other, since they would slow each other down. A call is lost when it ends with anything but OK; NO_STATUS is one that had not ended a second after \
its deadline. Latencies and calls per second are those of calls that were answered.

Strategies named tonic-… and grpcio… are what one has without Wayside, for comparison. The others are ours, and each fault has a bar for them: \
when one is missed the lab says so and ends with exit code 1.";

const THROUGHPUT: &str = "\
Measures calls per second and the client's CPU time for each, ours beside tonic's.

Workers call servers that answer at once, as fast as they can. Two clients of a pair take turns, in reverse order every other round, each in a \
process of its own, so that other programs on the machine disturb both alike; the middle of the rounds is printed, and in brackets the least and the \
most that a round gave. \"turns\" compares our round_robin over three servers with the simplest correct thing, a counter over three plain tonic \
channels; \"one\" compares the channels alone, to one server over one connection. The bar: at least 0.97 of tonic's calls and at most 1.03 times its \
CPU time, which is as equal as a shared machine can tell. Numbers of a debug build mean nothing.";

const STACK: &str = "\
Measures what the interceptors cost a server: CPU time of the server's process for a call, and calls per second.

Servers answer at once, and clients make unary greet calls with a deadline as fast as they can, over several connections with several calls in \
flight on each. Servers are kept on one core and clients on another. Each round starts a server and a client for every row of the table, which then take \
turns of a quarter of a second, in reverse order every other time, so that other programs on the machine disturb all alike. What a server keeps of the \
bare one is the bare server's CPU time for a call over its own, in the same round: the middle of the rounds is printed, and in brackets the least and the \
most. The client is often busier than the server, so calls per second have no bar. Numbers of a debug build mean nothing. With --instructions \
valgrind counts instead what a call takes in the server's process, without the system's part: a finer measure, and the same on a busy machine.

Servers:";

/// What `wayside lab stack` does.
pub(crate) fn stack() -> String {
    let mut text = wrapped(STACK, "");
    for row in &ROWS {
        let bar = row.bar.map(|bar| format!("Bar: keeps at least {bar:.2} of {}.", row.of));
        let paragraphs: Vec<_> = [Some(row.about), bar.as_deref()].into_iter().flatten().collect();
        let _ = write!(text, "\n{}", entry(row.name, &paragraphs).trim_end());
    }
    text
}

/// What `wayside lab throughput` does.
pub(crate) fn throughput() -> String {
    wrapped(THROUGHPUT, "")
}

/// The text below the options of `wayside lab --help`, which `--list` prints too.
pub(crate) fn everything() -> String {
    let mut text = format!("{}\n\nStrategies:\n", wrapped(HOW, ""));
    for strategy in &STRATEGIES {
        let _ = write!(text, "{}", entry(strategy.name, &[strategy.about]));
    }
    text.push_str("\nFaults:\n");
    for fault in Fault::all() {
        let said = fault.text();
        let counted = format!("Counted: {}.", said.counted);
        let bar = format!("Bar: {}.", said.bar);
        let _ = write!(text, "{}", entry(fault.name(), &[said.done, &counted, &bar]));
    }
    text
}

const INDENT: usize = 21;
const WIDTH: usize = 120;

/// A name in one column and paragraphs in the next.
fn entry(name: &str, paragraphs: &[&str]) -> String {
    let indent = " ".repeat(INDENT);
    let body: Vec<_> = paragraphs.iter().map(|text| wrapped(text, &indent)).collect();
    let body = body.join("\n");
    format!("  {name:<width$}{}\n", body.trim_start(), width = INDENT - 2)
}

/// Breaks lines between words.
pub(crate) fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = indent.to_owned();
        for word in paragraph.split_whitespace() {
            if line.chars().count() + word.chars().count() >= WIDTH {
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
            }
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_and_strategy_is_explained_within_120_columns() {
        let text = everything();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let names = Fault::all().iter().map(|fault| fault.name());
        for name in names.chain(STRATEGIES.iter().map(|strategy| strategy.name)) {
            assert!(text.contains(&format!("\n  {name} ")), "{name}");
        }
    }
}
