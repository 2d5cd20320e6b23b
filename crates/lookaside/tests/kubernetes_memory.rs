//! What the resolver keeps, as the system sees it: nothing else runs in this process.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[expect(dead_code, unused_imports, reason = "the other tests of Kubernetes use the rest")]
mod fake_api;

use fake_api::{FakeApi, many};
use lookaside::kubernetes::Kubernetes;
use serde_json::Value;
use tokio::time::Duration;
use wayside_balance::ResolveNow;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a figure for whoever runs it with --nocapture")]
async fn memory_does_not_grow_with_changes() {
    let api = FakeApi::new();
    api.put_all(many(20));
    let port = api.listen().await;
    let mut resolver =
        Kubernetes::with_config(port.config()).resolver("shop/greet:grpc".parse().unwrap());
    let resolve_now = ResolveNow::default();
    let mut round = async |slices: &[Value]| {
        for slice in slices {
            api.put(slice.clone());
            let _ =
                tokio::time::timeout(Duration::from_millis(20), resolver.endpoints(&resolve_now))
                    .await;
        }
    };
    let (some, others) = (many(20), many(20).into_iter().map(emptied).collect::<Vec<_>>());
    for _ in 0..8 {
        round(&some).await;
        round(&others).await;
    }
    let before = resident();
    for _ in 0..15 {
        round(&some).await;
        round(&others).await;
    }
    let grown = resident().saturating_sub(before);
    println!("600 changes of a slice of 100 endpoints: {grown} KiB more");
    assert!(grown < 4096, "{grown} KiB more");
}

fn emptied(mut slice: Value) -> Value {
    slice["endpoints"].as_array_mut().unwrap().truncate(1);
    slice
}

/// Memory of this process in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
