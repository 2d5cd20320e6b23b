//! What becomes known of a call while it is served.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request};
use tokio::time::Instant;

use crate::Peer;
use crate::auth::Identity;
use crate::metadata::{Propagated, REQUEST_ID};

/// A longer id is none that a request id would be.
const MOST_REQUEST_ID_BYTES: usize = 128;

/// The record of one call, in the extensions of its request: inner layers and handlers add what the log line should say. It is there when
/// calls are logged, and only then.
///
/// Cheap to clone: all clones are the same record.
#[derive(Clone, Debug)]
pub struct CallRecord(pub(super) Arc<Record>);

#[derive(Debug)]
pub(super) struct Record {
    pub(super) server: Arc<str>,
    pub(super) method: Method,
    path: Option<PathAndQuery>,
    pub(super) peer: Option<Peer>,
    pub(super) start: Instant,
    caller: OnceLock<Caller>,
    request_id: OnceLock<HeaderValue>,
    /// Atomic as two tasks may hold the record; only one of them reads the body.
    request_bytes: AtomicU64,
}

#[derive(Debug)]
enum Caller {
    Identity(Identity),
    Name(Arc<str>),
}

impl CallRecord {
    pub(super) fn new<B>(server: Arc<str>, request: &Request<B>) -> Self {
        let record = Record {
            server,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            peer: request.extensions().get::<Peer>().copied(),
            start: Instant::now(),
            caller: OnceLock::new(),
            request_id: OnceLock::new(),
            request_bytes: AtomicU64::new(0),
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

    pub(super) fn read(&self, bytes: usize) {
        self.0.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Record {
    pub(super) fn path(&self) -> &str {
        self.path.as_ref().map_or("", PathAndQuery::path)
    }

    pub(super) fn identity(&self) -> Option<&str> {
        Some(match self.caller.get()? {
            Caller::Identity(identity) => identity.subject(),
            Caller::Name(name) => name,
        })
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.get()?.to_str().ok()
    }

    pub(super) fn request_bytes(&self) -> u64 {
        self.request_bytes.load(Ordering::Relaxed)
    }
}
