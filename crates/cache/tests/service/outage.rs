//! A Redis that is killed, halted, full, late or that does not let the cache in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DeleteRequest, DumpRequest, GetRequest, StoreRequest};

use crate::support::{System, by, entry, eventually, prepared};

/// How long a call may take of which Redis knows nothing: well within its deadline.
const IN_TIME: Duration = Duration::from_secs(2);

/// A Redis of a test's own.
struct Redis {
    directory: TempDir,
    options: &'static [&'static str],
}

impl Redis {
    fn start(options: &'static [&'static str]) -> Self {
        let redis = Self { directory: tempfile::tempdir().unwrap(), options };
        redis.tell("start");
        redis
    }

    /// Starts, stops, kills, pauses or resumes it.
    fn tell(&self, action: &str) {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/redis");
        let options = if action == "start" { self.options } else { &[] };
        let mut command = Command::new(tool);
        command.arg(action).arg(self.directory.path()).args(options);
        assert!(command.status().unwrap().success(), "{action}");
    }

    fn password_file(&self) -> PathBuf {
        self.directory.path().join("password")
    }

    /// The options of a cache that uses it.
    fn store(&self) -> [String; 4] {
        let port = std::fs::read_to_string(self.directory.path().join("port")).unwrap();
        let url = format!("redis://127.0.0.1:{}", port.trim());
        let file = self.password_file().to_str().unwrap().to_owned();
        ["--cache-store".into(), url, "--cache-store-password-file".into(), file]
    }

    async fn system(&self) -> System {
        System::start(&self.store().each_ref().map(String::as_str)).await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.tell("kill");
    }
}

/// Checks what a call is told that Redis does not answer.
fn assert_unavailable(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "STORE_UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());
}

async fn get(system: &System, key: &str) -> Result<Vec<u8>, Status> {
    let message = GetRequest { key: key.into(), ..GetRequest::default() };
    Ok(system.client().get(by("ann", message)).await?.into_inner().val.to_vec())
}

/// Stores one key after the other until it is told to stop.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    stored: Mutex<BTreeMap<String, bool>>,
    successes: AtomicUsize,
    failures: AtomicUsize,
}

impl Load {
    async fn run(&self, system: &System, worker: usize) {
        let mut client = system.client();
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{worker} {number:06}");
            let message = StoreRequest {
                key: key.clone(),
                val: key.repeat(100).into_bytes().into(),
                ..StoreRequest::default()
            };
            let mut request = by("ann", message);
            request.set_timeout(Duration::from_secs(5));
            let start = Instant::now();
            let result = client.store(request).await;
            assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
            if let Err(status) = &result {
                assert_unavailable(status);
            }
            let counter = if result.is_ok() { &self.successes } else { &self.failures };
            counter.fetch_add(1, Ordering::Relaxed);
            self.stored.lock().unwrap().insert(key, result.is_ok());
        }
    }

    async fn until_there_are(&self, more: usize, counter: &AtomicUsize) {
        let target = counter.load(Ordering::Relaxed) + more;
        eventually("the load goes on", async || counter.load(Ordering::Relaxed) >= target).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_under_load_loses_nothing_and_leaves_nothing_in_part() {
    let redis = Redis::start(&[]);
    let system = Arc::new(redis.system().await);
    let load = Arc::new(Load::default());
    let mut workers = JoinSet::new();
    for worker in 0..4 {
        let (load, system) = (load.clone(), system.clone());
        workers.spawn(async move { load.run(&system, worker).await });
    }
    for _ in 0..3 {
        load.until_there_are(100, &load.successes).await;
        redis.tell("kill");
        load.until_there_are(4, &load.failures).await;
        redis.tell("start");
        load.until_there_are(1, &load.successes).await;
    }
    load.stop.store(true, Ordering::Relaxed);
    timeout(Duration::from_secs(10), workers.join_all()).await.unwrap();

    let dumped = system.dump("ann").await;
    let dumped: BTreeMap<_, _> = dumped.into_iter().map(|entry| (entry.key, entry.val)).collect();
    for (key, was_stored) in &*load.stored.lock().unwrap() {
        let val = get(&system, key).await.ok();
        assert!(val.is_some() || !was_stored, "{key} is lost");
        assert_eq!(dumped.contains_key(key), val.is_some(), "{key} is there in part");
        assert!(val.is_none_or(|val| val == key.repeat(100).as_bytes()), "{key} has another value");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_halted_is_unavailable_in_time_for_every_method_and_then_goes_on() {
    let redis = Redis::start(&[]);
    let system = redis.system().await;
    system.store("ann", "a", b"1").await.unwrap();
    redis.tell("pause");
    let start = Instant::now();
    let mut client = system.client();
    let delete = DeleteRequest { key: "b".into(), ..DeleteRequest::default() };
    let (stored, read, deleted, restored, mut dump) = tokio::join!(
        system.store("ann", "b", b"2"),
        get(&system, "a"),
        client.delete(by("ann", delete)),
        system.restore("ann", vec![entry("c", b"3")]),
        async {
            system.client().dump(by("ann", DumpRequest::default())).await.unwrap().into_inner()
        },
    );
    let restored = restored.unwrap_err();
    assert_eq!(restored.code(), Code::Unavailable);
    for status in [
        stored.unwrap_err(),
        read.unwrap_err(),
        deleted.map(drop).unwrap_err(),
        dump.message().await.unwrap_err(),
    ] {
        assert_unavailable(&status);
    }
    assert!(start.elapsed() < 2 * IN_TIME, "{:?}", start.elapsed());
    redis.tell("resume");
    eventually("it answers again", async || get(&system, "a").await.is_ok()).await;
    system.store("ann", "d", b"4").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_a_kill_breaks_goes_on_with_its_resume_token() {
    let redis = Redis::start(&[]);
    let system = redis.system().await;
    let entries = (0..200).map(|number| entry(format!("{number:03}"), &[1; 100_000])).collect();
    system.restore("ann", entries).await.unwrap();
    let (mut keys, mut resume_token, mut broken) = (Vec::new(), String::new(), 0);
    while keys.len() < 200 {
        let request = DumpRequest { resume_token: resume_token.clone(), ..DumpRequest::default() };
        let mut stream = system.client().dump(by("ann", request)).await.unwrap().into_inner();
        loop {
            match stream.message().await {
                Ok(Some(entry)) => {
                    (resume_token, keys) = (entry.resume_token, [keys, vec![entry.key]].concat());
                    // 20 MB do not fit the buffers on the way: the dump is in the middle.
                    if keys.len() == 50 && broken == 0 {
                        redis.tell("kill");
                    }
                }
                Ok(None) => break,
                Err(status) => {
                    assert_unavailable(&status);
                    broken += 1;
                    redis.tell("start");
                    break;
                }
            }
        }
    }
    assert!(broken > 0, "the kill broke the dump");
    assert_eq!(keys, (0..200).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_starts_before_its_redis_finds_it() {
    let redis = Redis::start(&[]);
    redis.tell("kill");
    let system = redis.system().await;
    assert_unavailable(&system.store("ann", "a", b"1").await.unwrap_err());
    redis.tell("start");
    eventually("it is found", async || system.store("ann", "a", b"1").await.is_ok()).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_at_the_start_and_shown_nowhere() {
    let redis = Redis::start(&[]);
    std::fs::write(redis.password_file(), "hunter2").unwrap();
    let store = redis.store();
    let error = prepared(&store.each_ref().map(String::as_str)).await.map(drop).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("cache cannot start") && !text.contains("hunter2"), "{text}");
    let missing = ["--cache-store", &store[1], "--cache-store-password-file", "/missing"];
    let error = prepared(&missing).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("--cache-store-password-file"), "{error}");
}

#[tokio::test]
async fn a_redis_without_memory_refuses_evicts_nothing_and_has_room_again_after_a_delete() {
    let redis = Redis::start(&["--maxmemory", "10mb"]);
    let system = redis.system().await;
    let mut stored = 0;
    let status = loop {
        assert!(stored < 20, "20 MB are in 10 MB");
        match system.store("ann", &format!("{stored:02}"), &[7; 1_000_000]).await {
            Ok(()) => stored += 1,
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("maxmemory"), "{status}");
    let quota = status.get_details_quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, "server:cache");
    assert_eq!(system.dump("ann").await.len(), stored);
    let delete = DeleteRequest { key: "00".into(), ..DeleteRequest::default() };
    system.client().delete(by("ann", delete)).await.unwrap();
    system.store("ann", "again", &[7; 100_000]).await.unwrap();
}
