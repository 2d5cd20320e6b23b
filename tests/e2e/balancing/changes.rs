//! A5 and A11: servers come, go and are replaced while calls are made, and no call fails.

use tokio::time::Duration;

use super::edge::Edge;
use super::process::{Process, SERVICE};

/// A call that was on its way to a server that is killed is safe to send again only where the caller says so: greetings change nothing.
const RETRIES: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{"service": "greet.v1.GreetService"}], "retryPolicy": {
        "maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]
    }}]
}"#;
/// How soon a new server has to get calls.
const SOON: Duration = Duration::from_secs(1);

/// A balancer, and a gateway that asks it.
struct System {
    balancer: String,
    _processes: [Process; 2],
    edge: Edge,
}

impl System {
    async fn start() -> Self {
        let lookaside = Process::lookaside(&[]).await;
        let balancer = lookaside.address.to_string();
        let target = format!("lookaside:///{SERVICE}");
        let options = ["--greet-target", &target, "--lookaside-address", &balancer];
        let retries = ["--greet-service-config", RETRIES];
        let gateway = Process::gateway(&[&options[..], &retries].concat()).await;
        let edge = Edge::new(gateway.address);
        Self { balancer, _processes: [lookaside, gateway], edge }
    }

    async fn pod(&self, name: &str, options: &[&str]) -> Process {
        Process::registered(name, &self.balancer, options).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_one_is_killed_and_two_are_added_under_load_and_no_post_fails() {
    let system = System::start().await;
    let mut pods = Vec::new();
    for name in ["greet-1", "greet-2", "greet-3"] {
        pods.push(system.pod(name, &[]).await);
    }
    system.edge.warm(3).await;
    let load = system.edge.load();
    load.goes_on(Duration::from_millis(300)).await;
    pods[0].kill().await;
    load.goes_on(Duration::from_millis(500)).await;
    // 3 -> 5: the one that was lost, and two more.
    for name in ["greet-4", "greet-5", "greet-6"] {
        pods.push(system.pod(name, &[]).await);
        let took = load.reaches(name).await;
        eprintln!("{name} got its first call {took:?} after it served");
        assert!(took < SOON, "{name}: {took:?}");
    }
    let answers = load.all_answered();
    eprintln!("{answers} POSTs, 0 failed");
    assert!(answers > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_a11_the_first_release_is_rolled_to_the_second_under_load_and_no_post_fails() {
    let system = System::start().await;
    let mut pods = Vec::new();
    for name in ["old-1", "old-2", "old-3"] {
        pods.push(system.pod(name, &["--greet-release", "1"]).await);
    }
    system.edge.warm(3).await;
    let load = system.edge.load();
    for number in 1..=3 {
        let name = format!("new-{number}");
        pods.push(system.pod(&name, &["--greet-release", "2"]).await);
        let took = load.reaches(&name).await;
        eprintln!("{name} got its first call {took:?} after it served");
        assert!(took < SOON, "{name}: {took:?}");
        let mut old = pods.remove(0);
        old.terminate();
        assert!(old.ended().await.success(), "exit code 0");
    }
    let answers = load.all_answered();
    eprintln!("{answers} POSTs, 0 failed");
    let pods = system.edge.posts(30).await;
    assert!(pods.keys().all(|pod| pod.starts_with("new-")), "{pods:?}");
}
