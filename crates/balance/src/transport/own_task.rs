//! Streamed requests, each sent by a task of its own.
//!
//! What feeds a stream is the user's code: it may compute for long, block, or panic. The task that drives a connection must not wait for it, nor end with it, as every call of the
//! connection depends on that task.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// No stream.
const NONE: u64 = 0;

/// Tells the executor of a connection which of the tasks that hyper gives it sends a stream.
///
/// hyper has one type for all of them. It asks a body for its size when it takes the request up; what it executes next, unless the body is gone by then, is what sends it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnTask(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    last: AtomicU64,
    /// The stream that was taken up and has not got its task.
    taken_up: AtomicU64,
}

impl OwnTask {
    /// The body of a request that is sent by a task of its own.
    pub(crate) fn body(&self, body: Body) -> Body {
        let number = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        Body::new(OwnTaskBody { body, number, own_task: self.clone(), in_own_task: false })
    }

    /// Whether the task that hyper executes now sends such a body.
    pub(super) fn is_due(&self) -> bool {
        self.0.taken_up.load(Ordering::Relaxed) != NONE
            && self.0.taken_up.swap(NONE, Ordering::Relaxed) != NONE
    }
}

struct OwnTaskBody {
    body: Body,
    number: u64,
    own_task: OwnTask,
    in_own_task: bool,
}

impl HttpBody for OwnTaskBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.in_own_task {
            // hyper looks at the body once before it executes a task for it.
            self.in_own_task = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.own_task.0.taken_up.store(self.number, Ordering::Relaxed);
        self.body.size_hint()
    }
}

impl Drop for OwnTaskBody {
    fn drop(&mut self) {
        let taken_up = &self.own_task.0.taken_up;
        let (relaxed, number) = (Ordering::Relaxed, self.number);
        // When it is another's turn by now, it stays so.
        let _ = taken_up.compare_exchange(number, NONE, relaxed, relaxed);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[test]
    fn the_task_after_a_body_was_taken_up_is_its_own_unless_the_body_is_gone() {
        let own_task = OwnTask::default();
        assert!(!own_task.is_due(), "nothing was taken up");
        let body = || own_task.body(Body::new(Full::from("x")));
        let (first, second) = (body(), body());
        assert!(!own_task.is_due(), "a body that waits in the queue");
        first.size_hint();
        assert!(own_task.is_due());
        assert!(!own_task.is_due(), "the wait for its response, which comes next");
        second.size_hint();
        drop(first);
        assert!(own_task.is_due(), "the end of another stream changes nothing");
        second.size_hint();
        drop(second);
        assert!(!own_task.is_due(), "it had ended when it was looked at");
    }

    #[tokio::test]
    async fn what_feeds_a_stream_is_not_asked_before_its_task_is_there() {
        let mut body = OwnTask::default().body(Body::new(Full::from("x")));
        let first = std::future::poll_fn(|cx| {
            Poll::Ready(Pin::new(&mut body).poll_frame(cx).map(|frame| frame.is_some()))
        });
        assert_eq!(first.await, Poll::Pending);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
    }
}
