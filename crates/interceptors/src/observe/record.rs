//! What becomes known of a call while it is served.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Buf;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request};
use tokio::time::Instant;

use super::{MessageCounter, Traffic};
use crate::Peer;
use crate::auth::Identity;
use crate::grpc_only::is_grpc;
use crate::metadata::{Propagated, REQUEST_ID};
use crate::trace::{Event, EventKind, Events, TraceContext};

/// A longer id is none that a request id would be.
const MOST_REQUEST_ID_BYTES: usize = 128;

/// The record of one call, in the extensions of its request: inner layers and handlers add what observers should know. It is there when
/// calls are observed, and only then.
///
/// Cheap to clone: all clones are the same record.
#[derive(Clone, Debug)]
pub struct CallRecord(Arc<Record>);

#[derive(Debug)]
struct Record {
    server: Arc<str>,
    method: Method,
    path: Option<PathAndQuery>,
    grpc: bool,
    peer: Option<Peer>,
    start: Instant,
    caller: OnceLock<Caller>,
    request_id: OnceLock<HeaderValue>,
    route: OnceLock<Arc<str>>,
    trace: OnceLock<TraceContext>,
    events: Events,
    /// Atomic as two tasks may hold the record; only one of them reads the body.
    received_bytes: AtomicU64,
    received_messages: AtomicU64,
}

#[derive(Debug)]
enum Caller {
    Identity(Identity),
    Name(Arc<str>),
}

impl CallRecord {
    pub(crate) fn new<B>(server: Arc<str>, request: &Request<B>) -> Self {
        let record = Record {
            server,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            grpc: is_grpc(request.headers()),
            peer: request.extensions().get::<Peer>().copied(),
            start: Instant::now(),
            caller: OnceLock::new(),
            request_id: OnceLock::new(),
            route: OnceLock::new(),
            trace: OnceLock::new(),
            events: Events::default(),
            received_bytes: AtomicU64::new(0),
            received_messages: AtomicU64::new(0),
        };
        let record = Self(Arc::new(record));
        let known = request.extensions().get::<Propagated>().map(Propagated::request_id);
        if let Some(id) = known.or_else(|| request.headers().get(REQUEST_ID)) {
            record.set_request_id(id);
        }
        record
    }

    /// Says who calls, for an application that knows. It must not be something that could be used to call again, such as a token. The first
    /// who says it is believed, so that nobody is called otherwise than by the name that was verified.
    pub fn set_caller(&self, name: impl Into<Arc<str>>) {
        self.name_caller(|| Caller::Name(name.into()));
    }

    /// Says who calls, by the token that was verified.
    pub(crate) fn set_identity(&self, identity: &Identity) {
        self.name_caller(|| Caller::Identity(identity.clone()));
    }

    fn name_caller(&self, caller: impl FnOnce() -> Caller) {
        self.0.caller.get_or_init(caller);
    }

    /// Gives the call an id, for a layer that makes one for calls that come without. Left out if the call has one already, or if
    /// this is not of 1 to 128 visible ASCII characters.
    pub fn set_request_id(&self, id: &HeaderValue) {
        let bytes = id.as_bytes();
        if (1..=MOST_REQUEST_ID_BYTES).contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_graphic)
        {
            self.0.request_id.get_or_init(|| id.clone());
        }
    }

    /// Says which route of an HTTP server the call has taken, as a template such as `/v1/movies/{id}`: what calls are told apart by where paths hold what
    /// callers choose. The first who says it is believed.
    pub fn set_route(&self, route: impl Into<Arc<str>>) {
        self.0.route.get_or_init(|| route.into());
    }

    /// Says where in a trace the call is.
    pub(crate) fn set_trace(&self, context: TraceContext) {
        self.0.trace.get_or_init(|| context);
    }

    /// Adds an event to the span of the call, if it has one that will be exported.
    pub fn note(&self, what: &'static str) {
        self.event(EventKind::Note(what));
    }

    pub(super) fn read(&self, data: &impl Buf, counter: &mut MessageCounter) {
        if self.0.grpc {
            counter.count(data, |bytes| self.event(EventKind::Received { bytes }));
        } else {
            counter.count_bytes(data);
        }
        let Traffic { bytes, messages } = counter.traffic();
        self.0.received_bytes.store(bytes, Ordering::Relaxed);
        self.0.received_messages.store(messages, Ordering::Relaxed);
    }

    fn event(&self, kind: EventKind) {
        if self.trace().is_some_and(TraceContext::is_sampled) {
            self.0.events.add(Event::now(kind));
        }
    }

    /// The server that is called.
    pub fn server(&self) -> &Arc<str> {
        &self.0.server
    }

    /// The HTTP method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The path that was called, without its query string, which may hold a token.
    pub fn path(&self) -> &str {
        self.0.path.as_ref().map_or("", PathAndQuery::path)
    }

    /// Whether the request is one of gRPC.
    pub fn is_grpc(&self) -> bool {
        self.0.grpc
    }

    /// The route of an HTTP server, if it has [said](Self::set_route) which.
    pub fn route(&self) -> Option<&str> {
        self.0.route.get().map(|route| &**route)
    }

    /// The address of the other end.
    pub fn peer(&self) -> Option<Peer> {
        self.0.peer
    }

    /// When the head of the request came.
    pub fn start(&self) -> Instant {
        self.0.start
    }

    /// Who calls, as far as it is known yet.
    pub fn identity(&self) -> Option<&str> {
        Some(match self.0.caller.get()? {
            Caller::Identity(identity) => identity.subject(),
            Caller::Name(name) => name,
        })
    }

    /// The id of the call.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.get()?.to_str().ok()
    }

    /// Where in a trace the call is, if there are traces.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.trace.get()
    }

    /// What the handler has read of the request until now.
    pub fn received(&self) -> Traffic {
        Traffic {
            bytes: self.0.received_bytes.load(Ordering::Relaxed),
            messages: self.0.received_messages.load(Ordering::Relaxed),
        }
    }

    /// The events noted until now; none are left.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.0.events.take()
    }
}
