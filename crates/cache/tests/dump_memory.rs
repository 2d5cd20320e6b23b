//! Dump keeps memory flat. In a file of its own, because what is measured is the whole process.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "service/support.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod support;

use bytes::Bytes;
use futures_util::stream;
use tokio::time::{Duration, sleep};
use wayside_proto::cache::v1::{DumpRequest, RestoreRequest};

use support::{System, by};

/// Where the cache of this test keeps its entries.
const ON_REDIS: bool = false;

const ENTRIES: usize = 3200;
const VALUE_BYTES: usize = 64 * 1024;
const MOST_GROWTH: usize = 8 * 1024 * 1024;

/// The memory that the process has in use, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_200_mib_to_a_reader_that_stops_takes_less_than_8_mib() {
    let system = System::start(&[]).await;
    let val = Bytes::from(vec![7; VALUE_BYTES]);
    let entries = (0..ENTRIES).map(move |number| RestoreRequest {
        key: format!("key {number:04}"),
        val: val.clone(),
        ..RestoreRequest::default()
    });
    let stored = system
        .client()
        .restore(by("ann", stream::iter(entries)))
        .await
        .unwrap()
        .into_inner()
        .stored;
    assert_eq!(stored, 3200);
    let before = resident();
    assert!(before > ENTRIES * VALUE_BYTES, "the values are not there: {before} bytes");

    let mut dump =
        system.client().dump(by("ann", DumpRequest::default())).await.unwrap().into_inner();
    let mut most = before;
    for read in 1..=ENTRIES {
        assert_eq!(dump.message().await.unwrap().unwrap().val.len(), VALUE_BYTES);
        if read == 1 || read == 1000 {
            // The reader stops: time in which a server that does not wait for it would fill memory.
            for _ in 0..50 {
                sleep(Duration::from_millis(10)).await;
                most = most.max(resident());
            }
        }
        if read % 100 == 0 {
            most = most.max(resident());
        }
    }
    assert!(dump.message().await.unwrap().is_none());
    let growth = most - before;
    assert!(growth < MOST_GROWTH, "memory grew by {growth} bytes");
}
