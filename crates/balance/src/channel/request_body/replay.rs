//! A streamed request, which keeps what it has sent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// How much of a stream is kept for a second attempt. One that has sent more cannot be sent again.
pub(super) const MAX_KEPT_BYTES: usize = 256 * 1024;

/// What the attempts of one streamed request share.
#[derive(Debug)]
struct Kept {
    source: Body,
    frames: Vec<Bytes>,
    bytes: usize,
    /// More was sent than is kept, or something that is not data.
    lost: bool,
    /// Attempts so far; only the last may read.
    attempts: u32,
    /// Whoever waits for more of the source.
    reader: Option<Waker>,
    /// Nobody waits for an answer any more.
    over: bool,
}

/// A stream and what was read of it.
#[derive(Clone, Debug)]
pub(in crate::channel) struct Replay(Arc<Mutex<Kept>>);

impl Replay {
    pub(super) fn new(source: Body, frames: Vec<Bytes>) -> Self {
        let bytes = frames.iter().map(Bytes::len).sum();
        let kept =
            Kept { source, frames, bytes, lost: false, attempts: 0, reader: None, over: false };
        Self(Arc::new(Mutex::new(kept)))
    }

    pub(super) fn attempt(&self) -> Attempt {
        let mut kept = self.kept();
        kept.attempts += 1;
        Attempt { number: kept.attempts, replay: self.clone(), sent: 0 }
    }

    /// Whether it cannot be sent again.
    pub(super) fn is_lost(&self) -> bool {
        self.kept().lost
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rest of a streamed request whose answer has begun. Dropping it ends the request as well, so that the stream is reset with CANCEL and the server gets to know:
/// as long as one side of a stream is held, HTTP/2 resets nothing. What is held back by flow control is reset when the server reads on.
#[derive(Debug)]
pub(in crate::channel) struct Rest(Replay);

impl Rest {
    pub(super) fn of(replay: Replay) -> Self {
        Self(replay)
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        let reader = {
            let mut kept = self.0.kept();
            kept.over = true;
            kept.reader.take()
        };
        // Not under the lock, which the reader takes.
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// An error that hyper resets the stream with CANCEL for: it looks for a reason among the causes.
fn cancelled() -> Status {
    let mut status = Status::cancelled("the call is over");
    status.set_source(Arc::new(h2::Error::from(h2::Reason::CANCEL)));
    status
}

/// One attempt: first what was kept, then what the source still has.
pub(super) struct Attempt {
    number: u32,
    replay: Replay,
    sent: usize,
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let replay = self.replay.clone();
        let mut kept = replay.kept();
        if self.number != kept.attempts {
            // A connection that has given the call back may look at it once more.
            return Poll::Ready(Some(Err(Status::cancelled("another attempt was made"))));
        }
        if kept.over {
            return Poll::Ready(Some(Err(cancelled())));
        }
        if let Some(frame) = kept.frames.get(self.sent) {
            self.sent += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        let Poll::Ready(frame) = Pin::new(&mut kept.source).poll_frame(cx) else {
            match &mut kept.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                reader => *reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        };
        let frame = frame.transpose()?;
        if let Some(frame) = &frame {
            let data =
                frame.data_ref().filter(|data| kept.bytes + data.len() <= MAX_KEPT_BYTES).cloned();
            match data {
                Some(data) if !kept.lost => {
                    kept.bytes += data.len();
                    kept.frames.push(data);
                    self.sent += 1;
                }
                _ => {
                    kept.lost = true;
                    kept.frames = Vec::new();
                    self.sent = 0;
                }
            }
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        let kept = self.replay.kept();
        self.sent == kept.frames.len() && kept.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
