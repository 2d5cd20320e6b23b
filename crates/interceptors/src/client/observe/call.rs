//! What is known of a call that is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Buf;
use http::Uri;
use http::uri::PathAndQuery;
use tokio::time::{Duration, Instant};

use crate::observe::{MessageCounter, Traffic};
use crate::trace::{Event, EventKind, Events, TraceContext};

/// A call that is made, or one attempt of it.
#[derive(Debug)]
pub struct OutgoingCall {
    path: Option<PathAndQuery>,
    start: Instant,
    trace: Option<TraceContext>,
    received: MessageCounter,
    keeps_events: bool,
    sent: Option<Arc<Sent>>,
}

/// What is sent; shared with the request body, which the connection reads.
#[derive(Debug, Default)]
pub(super) struct Sent {
    bytes: AtomicU64,
    messages: AtomicU64,
    keeps_events: bool,
    events: Events,
}

impl OutgoingCall {
    pub(super) fn new(uri: &Uri) -> Self {
        Self {
            path: uri.path_and_query().cloned(),
            start: Instant::now(),
            trace: None,
            received: MessageCounter::default(),
            keeps_events: false,
            sent: None,
        }
    }

    /// The path of the method, as `/greet.v1.GreetService/Greet`.
    pub fn path(&self) -> &str {
        self.path.as_ref().map_or("", PathAndQuery::path)
    }

    /// The path of the method, to be kept.
    pub(crate) fn path_and_query(&self) -> Option<&PathAndQuery> {
        self.path.as_ref()
    }

    /// When the call began.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// How long ago the call began.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// What was sent until now. Nothing unless an observer [counts](super::ObservedCall::COUNTS).
    pub fn sent(&self) -> Traffic {
        self.sent.as_deref().map_or(Traffic::default(), |sent| Traffic {
            bytes: sent.bytes.load(Ordering::Relaxed),
            messages: sent.messages.load(Ordering::Relaxed),
        })
    }

    /// What was received until now. Nothing unless an observer [counts](super::ObservedCall::COUNTS).
    pub fn received(&self) -> Traffic {
        self.received.traffic()
    }

    /// Where in a trace the call is, if there are traces.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    pub(crate) fn set_trace(&mut self, context: TraceContext) {
        self.trace = Some(context);
    }

    /// Keeps the events of messages that are sent, if told before any is.
    pub(crate) fn keep_events(&mut self) {
        self.keeps_events = true;
    }

    /// The events that were kept; none are left.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.sent.as_deref().map(|sent| sent.events.take()).unwrap_or_default()
    }

    /// Counts what is sent, from now on.
    pub(super) fn count_sent(&mut self) -> Arc<Sent> {
        let sent = Sent { keeps_events: self.keeps_events, ..Sent::default() };
        self.sent.insert(Arc::new(sent)).clone()
    }

    /// Counts a part of the response, and tells of the messages that begin in it.
    pub(super) fn receive(&mut self, data: &impl Buf, mut message: impl FnMut(&Self, u32)) {
        let mut received = std::mem::take(&mut self.received);
        received.count(data, |bytes| message(self, bytes));
        self.received = received;
    }
}

impl Sent {
    pub(super) fn send(&self, data: &impl Buf, counter: &mut MessageCounter) {
        counter.count(data, |bytes| {
            if self.keeps_events {
                self.events.add(Event::now(EventKind::Sent { bytes }));
            }
        });
        let Traffic { bytes, messages } = counter.traffic();
        self.bytes.store(bytes, Ordering::Relaxed);
        self.messages.store(messages, Ordering::Relaxed);
    }
}
