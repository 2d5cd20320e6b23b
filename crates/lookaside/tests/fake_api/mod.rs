//! An API server that knows EndpointSlices only, and can be told to behave badly: lists in pages, watches with bookmarks, versions that are forgotten.
//!
//! The same state is served in the test's own process, where a paused clock can be used ([`FakeApi::client`]), and on a port ([`FakeApi::listen`]).

mod objects;
mod port;
mod service;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Duration;

pub(crate) use objects::{endpoint, many, not_ready, of_pod, on_port, pods, slice, terminating};

/// How many changes a watch can begin before.
const REMEMBERED: usize = 256;

/// A clone is the same server.
#[derive(Clone)]
pub(crate) struct FakeApi {
    state: Arc<Mutex<State>>,
    /// Rings whenever the state has changed.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// By namespace and name.
    slices: BTreeMap<(String, String), Value>,
    version: u64,
    /// What has happened: the version after it, the service that it belongs to, and the line that tells it.
    happened: Vec<(u64, String, Value)>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
    /// What is sent on every open watch as it is.
    raw: Vec<String>,
    /// Counts how often every watch was cut.
    cut: u64,
    /// Counts how often every watch was made to say nothing any more.
    deafened: u64,
    behaviour: Behaviour,
    requests: Vec<Request>,
    open_watches: usize,
}

/// How the server behaves until it is told otherwise.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// Nobody listens (in this process only; a [`Port`] is closed instead).
    pub(crate) down: bool,
    /// Every request is answered with this.
    pub(crate) refuse: Option<StatusCode>,
    /// Answers to requests come this late.
    pub(crate) slow: Duration,
    /// The list is this text.
    pub(crate) list: Option<&'static str>,
    /// Watches are open, but nothing comes.
    pub(crate) mute: bool,
    /// The only token that is accepted.
    pub(crate) token: Option<String>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) is_watch: bool,
    /// From which version a watch begins.
    pub(crate) from: String,
}

impl FakeApi {
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), news: watch::Sender::new(()) }
    }

    /// Creates a slice of namespace `shop`, or changes it.
    pub(crate) fn put(&self, slice: Value) {
        self.change(|state| state.put(slice));
    }

    /// Creates or changes many of them, so that a watch is told of all of them at once.
    pub(crate) fn put_all(&self, slices: Vec<Value>) {
        self.change(|state| slices.into_iter().for_each(|slice| state.put(slice)));
    }

    pub(crate) fn delete(&self, name: &str) {
        self.change(|state| {
            let slice = state.slices.remove(&("shop".to_owned(), name.to_owned()));
            state.happens("DELETED", slice.unwrap());
        });
    }

    /// Makes every version but the newest too old to watch from.
    pub(crate) fn forget(&self) {
        self.change(|state| {
            state.happened.clear();
            state.forgotten = state.version;
        });
    }

    /// Cuts every watch, as a lost connection does.
    pub(crate) fn cut(&self) {
        self.change(|state| state.cut += 1);
    }

    /// Has every watch that is open now say nothing any more, as a connection does that is dead. New ones are not concerned.
    pub(crate) fn deafen(&self) {
        self.change(|state| state.deafened += 1);
    }

    /// Sends a line on every open watch.
    pub(crate) fn send(&self, line: impl Into<String>) {
        self.send_part(line.into() + "\n");
    }

    /// Sends a part of a line on every open watch.
    pub(crate) fn send_part(&self, part: String) {
        self.change(|state| state.raw.push(part));
    }

    /// Raises the version without anything that a watch of a service would see, and tells it by a bookmark. Returns the new version.
    pub(crate) fn bookmark(&self) -> String {
        self.change(|state| {
            state.version += 10;
            let metadata = json!({"resourceVersion": state.version.to_string(), "creationTimestamp": null});
            let object = json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata,
                "endpoints": null, "addressType": "", "ports": null});
            state.raw.push(json!({"type": "BOOKMARK", "object": object}).to_string() + "\n");
            state.version.to_string()
        })
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.change(|state| {
            change(&mut state.behaviour);
            if state.behaviour.down {
                state.cut += 1;
            }
        });
    }

    /// What was asked since the last time.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().requests)
    }

    pub(crate) fn open_watches(&self) -> usize {
        self.state().open_watches
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.news.send_replace(());
        result
    }
}

impl State {
    fn put(&mut self, mut slice: Value) {
        slice["metadata"]["namespace"] = "shop".into();
        let name = slice["metadata"]["name"].as_str().unwrap().to_owned();
        let known = self.slices.insert(("shop".to_owned(), name.clone()), slice);
        let kind = if known.is_some() { "MODIFIED" } else { "ADDED" };
        self.version += 1;
        let slice = self.slices.get_mut(&("shop".to_owned(), name)).unwrap();
        slice["metadata"]["resourceVersion"] = self.version.to_string().into();
        let slice = slice.clone();
        self.version -= 1;
        self.happens(kind, slice);
    }

    fn happens(&mut self, kind: &str, mut slice: Value) {
        self.version += 1;
        slice["metadata"]["resourceVersion"] = self.version.to_string().into();
        let line = json!({"type": kind, "object": slice});
        self.happened.push((self.version, service_of(&slice).to_owned(), line));
        if self.happened.len() > REMEMBERED {
            self.forgotten = self.happened.remove(0).0;
        }
    }
}

fn service_of(slice: &Value) -> &str {
    slice["metadata"]["labels"]["kubernetes.io/service-name"].as_str().unwrap_or_default()
}
