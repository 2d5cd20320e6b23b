use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Level;

use super::writer;
use crate::LineStyle;

/// So much is written at once, and no sooner than [`LogQueue::GATHERING`] after the first line. As much as a pipe of Linux takes.
const BATCH_BYTES: usize = 64 * 1024;
/// More lines that may be dropped than these are. At 100,000 lines a second, the reader may pause for a tenth of a second.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// More warnings and errors than these wait.
const MOST_BYTES_KEPT: usize = 8 * 1024 * 1024;
/// How long nothing at all may be taken by the reader before nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes lines and has them written by a thread of its own.
///
/// Lines are copied into one buffer behind a lock, which a thread of its own takes as a whole and writes. While it writes, or while it gathers
/// lines for a moment, the next buffer fills: a busy process makes one system call for hundreds of lines, and a line costs whoever logs it a
/// copy. The buffer has a bound, and what is past it depends on the line:
///
/// - one of level info or below is dropped. How many were is the next line once there is room;
/// - a warning or an error waits for room. It does not wait for a reader that has stopped reading: when the writer has got nowhere for
///   a second, it is dropped and counted too, and no other waits before the writer gets on.
#[derive(Debug)]
pub struct LogQueue {
    state: Mutex<State>,
    /// There is something to write, or it is to be written now.
    work: Condvar,
    /// The writer has got on.
    progress: Condvar,
}

#[derive(Debug)]
struct State {
    pending: Vec<u8>,
    dropped: u64,
    writer: Writer,
    /// Whether what is pending does not wait for more.
    urgent: bool,
    batches_begun: u64,
    batches_done: u64,
    /// Counts what shows that the reader reads.
    steps: u64,
    /// Somebody has waited in vain for the next step.
    stuck: bool,
    closed: bool,
}

/// What the writer's thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// Sleeps until there is a line.
    Idle,
    /// Sleeps for a moment, so that more lines come together.
    Gathering,
    /// Runs, or was woken.
    Busy,
}

impl LogQueue {
    /// How long lines may be kept back so that more of them are written at once: too short for people to notice.
    pub const GATHERING: Duration = Duration::from_millis(10);

    /// Starts the thread that writes to `out`. It writes once lines were gathered for this time, or a few hundred have come, or one is a warning or worse.
    /// The style is that of the lines that it adds itself, which say how many others were dropped.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(
        out: impl Write + Send + 'static,
        style: LineStyle,
        gathering: Duration,
    ) -> io::Result<Arc<Self>> {
        let state = State {
            pending: Vec::new(),
            dropped: 0,
            writer: Writer::Busy,
            urgent: false,
            batches_begun: 0,
            batches_done: 0,
            steps: 0,
            stuck: false,
            closed: false,
        };
        let queue = Arc::new(Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            progress: Condvar::new(),
        });
        let shared = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer::run(&shared, out, style, gathering))?;
        Ok(queue)
    }

    /// Takes a line, which ends with a newline. Waits only if it is a warning or an error and there is no room.
    pub fn append(&self, level: Level, line: &[u8]) {
        let keep = level <= Level::WARN;
        let mut state = self.lock();
        if state.pending.len() >= if keep { MOST_BYTES_KEPT } else { MOST_BYTES } {
            while keep && state.pending.len() >= MOST_BYTES_KEPT && !state.stuck && !state.closed {
                state = self.wait_for_progress(state);
            }
            if !keep || state.pending.len() >= MOST_BYTES_KEPT {
                state.dropped += 1;
                return;
            }
        }
        if state.closed {
            return;
        }
        state.pending.extend_from_slice(line);
        state.urgent |= keep;
        let wake = match state.writer {
            Writer::Idle => true,
            Writer::Gathering => state.urgent || state.pending.len() >= BATCH_BYTES,
            Writer::Busy => false,
        };
        if wake {
            state.writer = Writer::Busy;
            drop(state);
            self.work.notify_one();
        }
    }

    /// Waits until everything that was taken so far is written, or until the reader has taken nothing for a second.
    pub fn flush(&self) {
        self.drain(self.lock());
    }

    /// Takes no more lines, and waits as [`flush`](Self::flush) does. The thread ends when it has written everything.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        // These are the last lines, which are worth another wait.
        state.stuck = false;
        state.writer = Writer::Busy;
        self.work.notify_one();
        self.drain(state);
    }

    fn drain(&self, mut state: MutexGuard<'_, State>) {
        let mut goal = state.batches_begun;
        if !state.pending.is_empty() {
            goal += 1;
            state.urgent = true;
            state.writer = Writer::Busy;
            self.work.notify_one();
        }
        while state.batches_done < goal && !state.stuck {
            state = self.wait_for_progress(state);
        }
    }

    fn wait_for_progress<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let seen = state.steps;
        let (mut state, waited) = self
            .progress
            .wait_timeout_while(state, PATIENCE, |state| state.steps == seen)
            .unwrap_or_else(PoisonError::into_inner);
        state.stuck |= waited.timed_out();
        state
    }

    /// For the writer: waits until there is something to write and swaps it into the empty `batch`. Gives how many lines are missing at its end,
    /// or `None` when everything is written and nothing more will come.
    pub(super) fn next_batch(&self, batch: &mut Vec<u8>, gathering: Duration) -> Option<u64> {
        let mut state = self.lock();
        while state.pending.is_empty() {
            if state.closed {
                return None;
            }
            state.writer = Writer::Idle;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.urgent && !state.closed && state.pending.len() < BATCH_BYTES {
            state.writer = Writer::Gathering;
            let gathered = self
                .work
                .wait_timeout_while(state, gathering, |state| state.writer == Writer::Gathering);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.writer = Writer::Busy;
        state.urgent = false;
        state.batches_begun += 1;
        std::mem::swap(&mut state.pending, batch);
        self.got_on(&mut state);
        Some(std::mem::take(&mut state.dropped))
    }

    /// For the writer: the reader has taken something.
    pub(super) fn step(&self) {
        self.got_on(&mut self.lock());
    }

    /// For the writer: the batch is done with, and of its lines so many could not be written.
    pub(super) fn batch_done(&self, lost: u64) {
        let mut state = self.lock();
        state.batches_done += 1;
        state.dropped += lost;
        self.got_on(&mut state);
    }

    fn got_on(&self, state: &mut State) {
        state.steps += 1;
        state.stuck = false;
        self.progress.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic is done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
