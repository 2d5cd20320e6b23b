use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use tracing::Level;

use super::LogQueue;
use crate::LineStyle;

/// A reader that takes so many bytes, and then waits until it is opened again.
#[derive(Clone, Default)]
struct Reader(Arc<(Mutex<Taken>, Condvar)>);

#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    writes: usize,
    room: usize,
    broken: bool,
}

impl Reader {
    fn with_room(room: usize) -> Self {
        let reader = Self::default();
        reader.open(room);
        reader
    }

    fn open(&self, room: usize) {
        self.0.0.lock().unwrap().room = room;
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().bytes.clone()).unwrap()
    }

    fn writes(&self) -> usize {
        self.0.0.lock().unwrap().writes
    }
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken =
            self.0.1.wait_while(self.0.0.lock().unwrap(), |taken| taken.room == 0).unwrap();
        if taken.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(taken.room);
        taken.room -= count;
        taken.bytes.extend_from_slice(&bytes[..count]);
        taken.writes += 1;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A time that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);

fn queue(reader: &Reader, gathering: Duration) -> Arc<LogQueue> {
    LogQueue::start(reader.clone(), LineStyle::Json, gathering).unwrap()
}

fn line(number: usize) -> Vec<u8> {
    format!("{{\"number\":{number},\"text\":\"{}\"}}\n", "x".repeat(1000)).into_bytes()
}

/// Waits for at most ten seconds.
fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_micros(500));
    }
    panic!("it has not happened");
}

/// The numbers of the lines, and how many the log says are missing.
fn read(text: &str) -> (Vec<u64>, u64) {
    let values: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let numbers = values.iter().filter_map(|value| value["number"].as_u64()).collect();
    (numbers, values.iter().filter_map(|value| value["dropped"].as_u64()).sum())
}

#[test]
fn lines_come_out_in_order_and_many_at_once() {
    let reader = Reader::with_room(usize::MAX);
    let queue = queue(&reader, NEVER);
    for number in 0..500 {
        queue.append(Level::INFO, &line(number));
    }
    queue.close();
    assert_eq!(read(&reader.text()), ((0..500).collect(), 0));
    assert!(reader.writes() <= 9, "500 lines in {} writes", reader.writes());
}

#[test]
fn lines_of_many_threads_are_whole() {
    let reader = Reader::with_room(usize::MAX);
    let queue = queue(&reader, Duration::ZERO);
    thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                (0..500).for_each(|n| queue.append(Level::INFO, &line(thread * 500 + n)))
            });
        }
    });
    queue.flush();
    let (mut numbers, dropped) = read(&reader.text());
    numbers.sort_unstable();
    assert_eq!((numbers, dropped), ((0..2000).collect(), 0));
}

#[test]
fn a_warning_does_not_wait_for_more_lines() {
    let reader = Reader::with_room(usize::MAX);
    let queue = queue(&reader, NEVER);
    queue.append(Level::INFO, &line(0));
    queue.append(Level::WARN, &line(1));
    // Nothing asks for the lines any more: they come by themselves, or never.
    until(|| reader.text().lines().count() == 2);
}

#[test]
fn a_line_alone_is_written_when_the_time_to_gather_is_over() {
    let reader = Reader::with_room(usize::MAX);
    let queue = queue(&reader, LogQueue::GATHERING);
    queue.append(Level::INFO, &line(0));
    until(|| !reader.text().is_empty());
}

#[test]
fn a_stopped_reader_blocks_nobody_and_is_told_what_it_missed() {
    let reader = Reader::with_room(5000);
    let queue = queue(&reader, Duration::ZERO);
    let offered = 20_000;
    for number in 0..offered {
        queue.append(Level::INFO, &line(number));
    }
    // There is room for warnings when there is none for other lines.
    for number in offered..offered + 100 {
        queue.append(Level::ERROR, &line(number));
    }
    reader.open(usize::MAX);
    queue.close();
    let (numbers, dropped) = read(&reader.text());
    assert!(numbers.is_sorted(), "in order");
    assert!(dropped > 10_000, "the queue has a bound: {dropped}");
    assert_eq!(
        numbers.len() as u64 + dropped,
        offered as u64 + 100,
        "each line is there or counted"
    );
    assert!(
        numbers.ends_with(&Vec::from_iter(offered as u64..offered as u64 + 100)),
        "no error is lost"
    );
}

#[test]
fn warnings_wait_for_a_slow_reader_and_are_all_there() {
    let reader = Reader::default();
    let queue = queue(&reader, Duration::ZERO);
    let offered = 12_000;
    thread::scope(|scope| {
        scope.spawn(|| (0..offered).for_each(|number| queue.append(Level::WARN, &line(number))));
        // So slow that the queue fills, while it gets on all the time.
        let bytes: usize = (0..offered).map(|number| line(number).len()).sum();
        until(|| {
            reader.open(32 * 1024);
            reader.0.0.lock().unwrap().bytes.len() == bytes
        });
    });
    assert_eq!(read(&reader.text()), ((0..offered as u64).collect(), 0));
}

#[test]
fn warnings_give_up_on_a_reader_that_has_stopped_and_are_counted() {
    let reader = Reader::with_room(5000);
    let queue = queue(&reader, Duration::ZERO);
    let offered = 20_000;
    // Comes to an end at all, which it would not if each of thousands waited.
    for number in 0..offered {
        queue.append(Level::WARN, &line(number));
    }
    queue.flush();
    reader.open(usize::MAX);
    queue.close();
    let (numbers, dropped) = read(&reader.text());
    assert!(dropped > 0);
    assert_eq!(numbers.len() as u64 + dropped, offered as u64);
}

#[test]
fn the_end_does_not_wait_for_a_reader_that_has_stopped() {
    let reader = Reader::default();
    let queue = queue(&reader, Duration::ZERO);
    queue.append(Level::ERROR, &line(0));
    queue.close();
    assert_eq!(reader.text(), "");
}

#[test]
fn nothing_is_taken_after_the_end() {
    let reader = Reader::default();
    let queue = queue(&reader, Duration::ZERO);
    queue.append(Level::ERROR, &line(0));
    // It gives up, but the thread still has the line.
    queue.close();
    queue.append(Level::ERROR, &line(1));
    reader.open(usize::MAX);
    // The thread ends, and then it is only here that the queue is known.
    until(|| Arc::strong_count(&queue) == 1);
    assert_eq!(read(&reader.text()), (vec![0], 0));
}

#[test]
fn lines_that_a_broken_pipe_has_taken_are_counted_when_there_is_a_reader_again() {
    let reader = Reader::with_room(usize::MAX);
    let queue = queue(&reader, Duration::ZERO);
    reader.0.0.lock().unwrap().broken = true;
    queue.append(Level::INFO, &line(0));
    queue.append(Level::INFO, &line(1));
    queue.flush();
    reader.0.0.lock().unwrap().broken = false;
    queue.append(Level::INFO, &line(2));
    queue.close();
    assert_eq!(read(&reader.text()), (vec![2], 2));
}
