//! A request body that can be sent a second time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

mod replay;
#[cfg(test)]
mod tests;

use replay::Replay;
pub(super) use replay::Rest;

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
            Self::Stream(replay) => Some(Rest::of(replay)),
        }
    }

    /// Whether another attempt would send what this one did.
    pub(super) fn can_be_sent_again(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(replay) => !replay.is_lost(),
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
