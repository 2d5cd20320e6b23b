//! `POST /greet`, as people call it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::process::PATIENCE;

/// How many answers each pod gave.
pub(crate) type Counts = BTreeMap<String, usize>;

/// A client of a gateway.
#[derive(Clone)]
pub(crate) struct Edge {
    client: reqwest::Client,
    url: String,
}

impl Edge {
    pub(crate) fn new(gateway: SocketAddr) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { client, url: format!("http://{gateway}/greet") }
    }

    /// One POST: the pod that answered, or what was answered instead.
    pub(crate) async fn post(&self) -> Result<String, String> {
        let person = r#"{"first_name": "Ada", "last_name": "Lovelace"}"#;
        let response = self.client.post(&self.url).body(person).send().await;
        let response = response.map_err(|error| format!("{error:?}"))?;
        let (status, text) = (response.status(), response.text().await.unwrap());
        let hello = text.strip_prefix("reponse from Greet rpc: Hello, Ada Lovelace");
        match hello.and_then(|rest| rest.split_once("name(")?.1.split_once(')')) {
            Some((pod, _)) if status.is_success() => Ok(pod.to_owned()),
            _ => Err(format!("{status}: {text}")),
        }
    }

    /// So many, one after the other; none may fail.
    pub(crate) async fn posts(&self, count: usize) -> Counts {
        let mut counts = Counts::new();
        for _ in 0..count {
            *counts.entry(self.post().await.unwrap()).or_default() += 1;
        }
        counts
    }

    /// Posts until these pods answer in turn: until then their connections are made.
    pub(crate) async fn warm(&self, pods: usize) {
        let start = Instant::now();
        loop {
            let mut seen = Counts::new();
            for _ in 0..pods * 2 {
                if let Ok(pod) = self.post().await {
                    *seen.entry(pod).or_default() += 1;
                }
            }
            if seen.len() == pods && seen.values().all(|count| *count == 2) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{seen:?} and not {pods} pods");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Posts all the time, by several at once.
    pub(crate) fn load(&self) -> Load {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (edge, seen) = (self.clone(), seen.clone());
            tasks.spawn(async move {
                loop {
                    let answer = edge.post().await;
                    seen.lock().unwrap().take(answer);
                    // A pause, so that the machine has time for the servers.
                    sleep(Duration::from_millis(5)).await;
                }
            });
        }
        Load { seen, _tasks: tasks }
    }
}

/// What a load has seen.
#[derive(Default)]
struct Seen {
    last: BTreeMap<String, Instant>,
    answers: usize,
    failures: Vec<String>,
}

impl Seen {
    fn take(&mut self, answer: Result<String, String>) {
        self.answers += 1;
        match answer {
            Ok(pod) => {
                self.last.insert(pod, Instant::now());
            }
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// A load that goes on until it is dropped.
pub(crate) struct Load {
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

impl Load {
    /// Waits until a pod answers that has not before, or has not for long, and tells how long that took.
    pub(crate) async fn reaches(&self, pod: &str) -> Duration {
        let start = Instant::now();
        while self.seen.lock().unwrap().last.get(pod).is_none_or(|last| *last < start) {
            assert!(start.elapsed() < PATIENCE, "{pod} gets no call");
            sleep(Duration::from_millis(2)).await;
        }
        start.elapsed()
    }

    /// Goes on for a while.
    pub(crate) async fn goes_on(&self, time: Duration) {
        sleep(time).await;
    }

    /// Ends the load, none of whose calls may have failed, and tells how many there were.
    pub(crate) fn all_answered(self) -> usize {
        let seen = self.seen.lock().unwrap();
        let failed = seen.failures.len();
        assert!(failed == 0, "{failed} of {} failed: {:?}", seen.answers, seen.failures.first());
        seen.answers
    }
}
