//! One connection, shared by as many calls as the server takes at a time.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::SendRequest;
use tonic::body::Body;

use crate::transport::OwnTask;

/// What became of a call that was sent: a response, or an error with the call if it has not left.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<Body>>>;

/// A connection that takes calls.
pub(crate) struct Connection {
    pub(super) number: u64,
    /// Locked for as long as it takes to queue a call: a clone for each would count references that every thread writes.
    sender: Mutex<SendRequest<Body>>,
    own_task: OwnTask,
    in_flight: AtomicUsize,
    max_streams: Arc<AtomicUsize>,
    /// Calls it was given so far.
    started: AtomicU64,
    /// Whether the server has ever answered on it.
    answered: AtomicBool,
    /// It has handed a call back: the server, or we, want no more on it.
    closing: AtomicBool,
}

impl Connection {
    pub(super) fn new(
        number: u64,
        sender: SendRequest<Body>,
        own_task: OwnTask,
        max_streams: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            number,
            sender: Mutex::new(sender),
            own_task,
            in_flight: AtomicUsize::new(0),
            max_streams,
            started: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    /// Sends a call; the connection takes it at once, or hands it back.
    pub(crate) fn send(&self, request: Request<Body>) -> impl Future<Output = Sent> + use<> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.try_send_request(request)
    }

    /// The body of a streamed request that will be sent on it.
    pub(crate) fn streamed(&self, body: Body) -> Body {
        self.own_task.body(body)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closing.load(Ordering::Relaxed)
    }

    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether another call would have to wait for one of those under way.
    pub(super) fn is_full(&self) -> bool {
        self.in_flight() >= self.max_streams.load(Ordering::Relaxed)
    }

    /// Takes one of the calls that the server takes at a time; `false` when there is none left.
    pub(super) fn acquire(&self) -> bool {
        let max = self.max_streams.load(Ordering::Relaxed);
        if self.in_flight.fetch_add(1, Ordering::AcqRel) >= max {
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
            return false;
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// A call on it is over.
    pub(super) fn release(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// The server has answered a call.
    pub(super) fn mark_answered(&self) {
        if !self.has_answered() {
            self.answered.store(true, Ordering::Relaxed);
        }
    }

    /// Nobody should be given it again.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("number", &self.number)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
