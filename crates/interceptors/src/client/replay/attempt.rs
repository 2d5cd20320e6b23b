use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::Shared;

/// The request body of one attempt: first what was kept, then what the source still has.
#[derive(Debug)]
pub(super) struct Attempt {
    shared: Arc<Shared>,
    number: usize,
    /// The source, once the call is committed to this attempt and everything kept was sent.
    own: Option<Body>,
}

impl Attempt {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self { shared, number, own: None }
    }

    /// Reads from the source together with the other attempts.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Registered first, so that the source cannot wake in between unheard.
        self.shared.wakers().wait(self.number, cx.waker());
        let waker = Waker::from(self.shared.clone());
        let mut kept = self.shared.kept();
        let Some(source) = &mut kept.source else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(source).poll_frame(&mut Context::from_waker(&waker)));
        let repeatable = match &frame {
            None => {
                kept.source = None;
                true
            }
            // Messages are data. What is not cannot be sent again, and neither can a failure of whoever writes the request.
            Some(Ok(frame)) => {
                frame.data_ref().is_some_and(|data| kept.keep(self.number, data.clone()))
            }
            Some(Err(_)) => false,
        };
        if !repeatable {
            kept.commit(self.number);
        }
        drop(kept);
        let mut wakers = self.shared.wakers();
        if repeatable {
            wakers.wake_others(self.number);
        } else {
            wakers.wake_all();
        }
        Poll::Ready(frame)
    }
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(own) = &mut self.own {
            return Pin::new(own).poll_frame(cx);
        }
        let shared = self.shared.clone();
        let mut kept = shared.kept();
        if kept.is_over(self.number) {
            return Poll::Ready(Some(Err(Status::cancelled(
                "the call goes on without this attempt",
            ))));
        }
        if let Some(data) = kept.next(self.number) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if kept.winner().is_some() {
            let mut own = kept.source.take().unwrap_or_default();
            drop(kept);
            let frame = Pin::new(&mut own).poll_frame(cx);
            self.own = Some(own);
            return frame;
        }
        drop(kept);
        self.poll_source(cx)
    }

    fn is_end_stream(&self) -> bool {
        match &self.own {
            Some(own) => own.is_end_stream(),
            None => self.shared.kept().is_end(self.number),
        }
    }

    fn size_hint(&self) -> SizeHint {
        // Unknown, because more may come; a length that does not fit would break the request.
        SizeHint::default()
    }
}
