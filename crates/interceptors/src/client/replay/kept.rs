use std::collections::VecDeque;

use bytes::Bytes;
use tonic::body::Body;

use super::Limits;

/// What a kept message costs beside its bytes: its place in the list. Otherwise empty messages would be kept without limit.
const PLACE: usize = size_of::<Bytes>();

/// What was read from the source, and where each attempt stands.
#[derive(Debug)]
pub(super) struct Kept {
    /// None: it has ended, or the chosen attempt has taken it.
    pub(super) source: Option<Body>,
    frames: VecDeque<Bytes>,
    /// How many of `frames` each attempt has read, by number. None: its call does without it.
    positions: Vec<Option<usize>>,
    winner: Option<usize>,
    bytes: usize,
    limits: Limits,
}

impl Kept {
    pub(super) fn new(source: Body, limits: Limits) -> Self {
        let (frames, positions) = (VecDeque::new(), Vec::new());
        Self { source: Some(source), frames, positions, winner: None, bytes: 0, limits }
    }

    /// The number of a further attempt.
    pub(super) fn join(&mut self) -> usize {
        self.positions.push(Some(0));
        self.positions.len() - 1
    }

    pub(super) fn winner(&self) -> Option<usize> {
        self.winner
    }

    /// Whether the call has given up an attempt or goes on with another.
    pub(super) fn is_over(&self, attempt: usize) -> bool {
        match self.winner {
            Some(winner) => winner != attempt,
            None => self.positions[attempt].is_none(),
        }
    }

    pub(super) fn retire(&mut self, attempt: usize) {
        self.positions[attempt] = None;
    }

    /// The next of the kept messages that an attempt has not read.
    pub(super) fn next(&mut self, attempt: usize) -> Option<Bytes> {
        if self.winner == Some(attempt) {
            let frame = self.frames.pop_front()?;
            self.release(frame.len() + PLACE);
            return Some(frame);
        }
        let position = self.positions[attempt].as_mut()?;
        let frame = self.frames.get(*position).cloned()?;
        *position += 1;
        Some(frame)
    }

    /// Whether an attempt has read all that was kept and the source has no more.
    pub(super) fn is_end(&self, attempt: usize) -> bool {
        let read = if self.winner.is_some() { 0 } else { self.positions[attempt].unwrap_or(0) };
        let source_ended = self.source.as_ref().is_none_or(http_body::Body::is_end_stream);
        read == self.frames.len() && source_ended
    }

    /// Keeps what an attempt has just read from the source. False: there is no room, and the call is committed to this attempt.
    pub(super) fn keep(&mut self, attempt: usize, data: Bytes) -> bool {
        let cost = data.len() + PLACE;
        if !self.limits.take(self.bytes, cost) {
            self.commit(attempt);
            return false;
        }
        self.bytes += cost;
        self.frames.push_back(data);
        if let Some(position) = &mut self.positions[attempt] {
            *position += 1;
        }
        true
    }

    pub(super) fn commit(&mut self, attempt: usize) {
        if self.winner.is_some() {
            return;
        }
        self.winner = Some(attempt);
        let position = self.positions[attempt].unwrap_or(0);
        let read = self.frames.drain(..position).map(|frame| frame.len() + PLACE).sum();
        self.release(read);
    }

    fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.limits.give_back(bytes);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.limits.give_back(self.bytes);
    }
}
