//! A request body that can be sent a second time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// How much of a stream is kept for a second attempt. One that has sent more cannot be sent again.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// The body of a call, from which the bodies of its attempts are made.
#[derive(Debug)]
pub(super) enum RequestBody {
    /// All of it, as a unary call has it: at hand without a lock, and sent with the end of the stream in the same frame.
    Whole(Bytes),
    Stream(Replay),
}

impl RequestBody {
    /// Takes what the body has at once: if that is one frame and the end, it is the whole.
    ///
    /// # Errors
    /// When the body fails at once.
    pub(super) async fn read(mut source: Body) -> Result<Self, Status> {
        let Some(first) = at_once(&mut source).await? else {
            return Ok(Self::Stream(Replay::new(source, Vec::new())));
        };
        let Some(first) = first else { return Ok(Self::Whole(Bytes::new())) };
        Ok(match at_once(&mut source).await? {
            Some(None) => Self::Whole(first),
            Some(Some(second)) => Self::Stream(Replay::new(source, vec![first, second])),
            None => Self::Stream(Replay::new(source, vec![first])),
        })
    }

    /// The body of one attempt, which is the end of the one before: both would read on from the same place.
    pub(super) fn attempt(&self) -> Body {
        match self {
            Self::Whole(data) => Body::new(Once(Some(data.clone()))),
            Self::Stream(replay) => Body::new(replay.attempt()),
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// What may still be sent once the answer has begun. `None` when there is nothing more.
    pub(super) fn into_rest(self) -> Option<Rest> {
        match self {
            Self::Whole(_) => None,
            Self::Stream(replay) => Some(Rest(replay)),
        }
    }

    /// Whether another attempt would send what this one did.
    pub(super) fn can_be_sent_again(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(replay) => !replay.kept().lost,
        }
    }
}

/// The next frame, or the end, if it is there without waiting.
async fn at_once(source: &mut Body) -> Result<Option<Option<Bytes>>, Status> {
    match poll_fn(|cx| Poll::Ready(Pin::new(&mut *source).poll_frame(cx))).await {
        Poll::Pending => Ok(None),
        Poll::Ready(None) => Ok(Some(None)),
        Poll::Ready(Some(frame)) => match frame?.into_data() {
            Ok(data) => Ok(Some(Some(data))),
            Err(_) => Err(Status::internal("a request cannot have trailers")),
        },
    }
}

/// One frame and the end.
struct Once(Option<Bytes>);

impl HttpBody for Once {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.take().map(Frame::data).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    /// Not told: gRPC has no `content-length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

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
pub(super) struct Replay(Arc<Mutex<Kept>>);

impl Replay {
    fn new(source: Body, frames: Vec<Bytes>) -> Self {
        let bytes = frames.iter().map(Bytes::len).sum();
        let kept =
            Kept { source, frames, bytes, lost: false, attempts: 0, reader: None, over: false };
        Self(Arc::new(Mutex::new(kept)))
    }

    fn attempt(&self) -> Attempt {
        let mut kept = self.kept();
        kept.attempts += 1;
        Attempt { number: kept.attempts, replay: self.clone(), sent: 0 }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rest of a streamed request whose answer has begun. Dropping it ends the request as well, so that the stream is reset with CANCEL and the server gets to know:
/// as long as one side of a stream is held, HTTP/2 resets nothing. What is held back by flow control is reset when the server reads on.
#[derive(Debug)]
pub(super) struct Rest(Replay);

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
struct Attempt {
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn of(frames: &[&'static [u8]]) -> RequestBody {
        let frames: Vec<_> = frames
            .iter()
            .map(|bytes| Ok::<_, Infallible>(Frame::data(Bytes::from_static(bytes))))
            .collect();
        RequestBody::read(Body::new(StreamBody::new(tokio_stream::iter(frames)))).await.unwrap()
    }

    async fn read(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_second_attempt_sends_the_same() {
        let replay = of(&[b"one", b"two"]).await;
        for _ in 0..3 {
            assert_eq!(read(replay.attempt()).await, "onetwo");
        }
        assert!(replay.can_be_sent_again());
    }

    #[tokio::test]
    async fn a_second_attempt_goes_on_where_the_first_was_dropped() {
        let replay = of(&[b"one", b"two", b"three"]).await;
        let mut first = replay.attempt();
        first.frame().await.unwrap().unwrap();
        drop(first);
        assert_eq!(read(replay.attempt()).await, "onetwothree");
    }

    #[tokio::test]
    async fn more_than_is_kept_cannot_be_sent_again() {
        static LARGE: [u8; MAX_KEPT_BYTES] = [7; MAX_KEPT_BYTES];
        let replay = of(&[&LARGE, b"x", b"y", b"z"]).await;
        assert_eq!(read(replay.attempt()).await.len(), MAX_KEPT_BYTES + 3);
        assert!(!replay.can_be_sent_again());
    }

    #[tokio::test]
    async fn one_frame_is_the_whole() {
        for (frames, expected) in [(&[][..], ""), (&[&b"one"[..]], "one")] {
            let body = of(frames).await;
            assert!(matches!(&body, RequestBody::Whole(data) if data == expected));
            assert_eq!(read(body.attempt()).await, expected);
        }
    }

    #[tokio::test]
    async fn an_attempt_reads_nothing_more_when_there_is_another() {
        let replay = of(&[b"one", b"two", b"three"]).await;
        let mut first = replay.attempt();
        first.frame().await.unwrap().unwrap();
        let second = replay.attempt();
        assert!(first.frame().await.unwrap().is_err());
        assert_eq!(read(second).await, "onetwothree");
    }
}
