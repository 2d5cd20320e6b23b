//! A request body that can be sent a second time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// How much of a request is kept for a second attempt. A request that has sent more cannot be sent again.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// What the attempts of one call share.
#[derive(Debug)]
struct Kept {
    source: Body,
    frames: Vec<Bytes>,
    bytes: usize,
    /// More was sent than is kept, or something that is not data.
    lost: bool,
}

/// The body of a call, from which the bodies of its attempts are made.
#[derive(Clone, Debug)]
pub(crate) struct Replay(Arc<Mutex<Kept>>);

impl Replay {
    pub(crate) fn new(source: Body) -> Self {
        Self(Arc::new(Mutex::new(Kept { source, frames: Vec::new(), bytes: 0, lost: false })))
    }

    /// Whether another attempt would send what this one did.
    pub(crate) fn is_possible(&self) -> bool {
        !self.kept().lost
    }

    /// The body of one attempt. The attempt before it has to be over: both would read on from the same place.
    pub(crate) fn body(&self) -> Body {
        Body::new(Attempt { replay: self.clone(), sent: 0 })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt: first what was kept, then what the source still has.
struct Attempt {
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
        if let Some(frame) = kept.frames.get(self.sent) {
            self.sent += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        let frame = ready!(Pin::new(&mut kept.source).poll_frame(cx)).transpose()?;
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

    fn of(frames: &[&'static [u8]]) -> Replay {
        let frames: Vec<_> = frames
            .iter()
            .map(|bytes| Ok::<_, Infallible>(Frame::data(Bytes::from_static(bytes))))
            .collect();
        Replay::new(Body::new(StreamBody::new(tokio_stream::iter(frames))))
    }

    async fn read(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_second_attempt_sends_the_same() {
        let replay = of(&[b"one", b"two"]);
        for _ in 0..3 {
            assert_eq!(read(replay.body()).await, "onetwo");
        }
        assert!(replay.is_possible());
    }

    #[tokio::test]
    async fn a_second_attempt_goes_on_where_the_first_was_dropped() {
        let replay = of(&[b"one", b"two", b"three"]);
        let mut first = replay.body();
        first.frame().await.unwrap().unwrap();
        drop(first);
        assert_eq!(read(replay.body()).await, "onetwothree");
    }

    #[tokio::test]
    async fn more_than_is_kept_cannot_be_sent_again() {
        static LARGE: [u8; MAX_KEPT_BYTES] = [7; MAX_KEPT_BYTES];
        let replay = of(&[&LARGE, b"x", b"y"]);
        assert_eq!(read(replay.body()).await.len(), MAX_KEPT_BYTES + 2);
        assert!(!replay.is_possible());
    }
}
