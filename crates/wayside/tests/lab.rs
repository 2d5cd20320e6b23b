//! `wayside lab` as a process, with the processes that it starts.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

fn lab(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command.arg("lab").args(options).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(options: &[&str]) -> Output {
    let output = timeout(PATIENCE, lab(options).output()).await.expect("the lab does not end");
    let output = output.unwrap();
    e2e::assert_none("wayside lab", &[output.stdout.as_slice(), &output.stderr].concat());
    output
}

/// The processes that a process has started and that still run.
fn children(parent: u32) -> Vec<u32> {
    let stat = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let numbers = fs::read_dir("/proc").unwrap();
    let pids = numbers.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        // "7 (name) S 1 …": the state and the parent stand behind the name, which may hold anything.
        let Some(stat) = stat(*pid) else { return false };
        let mut fields = stat.rsplit(") ").next().unwrap().split(' ');
        fields.next() != Some("Z") && fields.next() == Some(&parent.to_string())
    })
    .collect()
}

fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|fields| !fields.is_empty() && !fields.starts_with('Z'))
}

/// Waits until something is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A lab that has frozen one of its servers, and its children.
async fn frozen() -> (Child, Vec<u32>) {
    let options = ["--fault", "frozen", "--strategy", "tonic-balance", "--duration", "6s"];
    let lab = lab(&options).arg("--workers=2").spawn().unwrap();
    let pid = lab.id().unwrap();
    let is_stopped = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|fields| fields.starts_with('T'))
    };
    eventually("a server is frozen", || children(pid).iter().any(is_stopped)).await;
    let children = children(pid);
    assert_eq!(children.len(), 4, "three servers and a client");
    (lab, children)
}

async fn send(signal: &str, pid: u32) {
    let mut kill = Command::new("kill");
    assert!(kill.args(["-s", signal, &pid.to_string()]).status().await.unwrap().success());
}

#[tokio::test]
async fn a_restart_is_survived_and_the_document_says_so() {
    let options = ["--fault", "sigterm", "--restarts", "1", "--duration", "2s", "--json"];
    let strategies = ["--strategy", "round_robin,tonic-one"];
    let output = output(&[&options[..], &strategies].concat()).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).expect(&stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}\n{document:#}");
    assert_eq!(document["conditions"]["server"], "wayside");
    assert_eq!(document["missed"], Value::Array(Vec::new()));
    let rows = document["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["strategy"].as_str().unwrap()).collect();
    assert_eq!(names, ["tonic-one", "round_robin"]);
    let figures = &rows[1]["figures"];
    assert_eq!(figures["lost"], 0);
    assert!(figures["calls"].as_u64() > Some(100), "{figures:#}");
    assert_eq!(figures["restarts"]["count"], 1);
    assert_eq!(figures["restarts"]["back"], 1, "the restarted server is used again");
    let shares = figures["share"].as_array().unwrap();
    assert_eq!(shares.len(), 3);
    assert!(shares.iter().all(|share| share.as_f64() > Some(0.1)), "{figures:#}");
}

/// The rows of our strategies under a fault.
async fn rows(fault: &str, duration: &str) -> Vec<Value> {
    let strategies = "round_robin,round_robin-retry,pool";
    let options = ["--fault", fault, "--strategy", strategies, "--duration", duration];
    let output = output(&[&options[..], &["--restarts", "2", "--json"]].concat()).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).expect(&stderr);
    document["rows"].as_array().unwrap().clone()
}

/// Asserts that a strategy with a retry policy has lost nothing, and others calls in flight at most, as UNAVAILABLE. How soon is for quiet machines: the bars of the lab.
fn assert_only_calls_in_flight_were_lost(rows: &[Value], faults: u64) {
    const WORKERS: u64 = 20;
    assert_eq!(rows.len(), 3);
    for row in rows {
        let figures = &row["figures"];
        let lost = figures["lost"].as_u64().unwrap();
        assert!(figures["calls"].as_u64() > Some(100), "{row:#}");
        match row["strategy"].as_str() {
            Some("round_robin-retry") => assert_eq!(lost, 0, "{row:#}"),
            // Each connection notices by itself: a worker that one has freed may be lost on another.
            Some("pool") => assert!(lost <= 2 * WORKERS * faults, "{row:#}"),
            _ => assert!(lost <= WORKERS * faults, "{row:#}"),
        }
        let codes = figures["lost_as"].as_object().unwrap();
        assert!(codes.keys().all(|code| code == "UNAVAILABLE"), "{row:#}");
    }
}

#[tokio::test]
async fn kill_9_loses_calls_in_flight_only_and_none_with_a_retry_policy() {
    assert_only_calls_in_flight_were_lost(&rows("sigkill", "3s").await, 2);
}

#[tokio::test]
async fn a_frozen_server_loses_calls_in_flight_only_and_none_with_a_retry_policy() {
    assert_only_calls_in_flight_were_lost(&rows("frozen", "6s").await, 1);
}

#[tokio::test]
async fn servers_take_turns_and_are_compared_with_the_bare_one() {
    let options = ["--rounds", "2", "--duration", "500ms", "--connections", "2", "--streams", "3"];
    let output = output(&[&["stack", "--json"][..], &options].concat()).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).expect(&stderr);
    let servers = document["servers"].as_array().unwrap();
    let names: Vec<_> = servers.iter().map(|row| row["server"].as_str().unwrap()).collect();
    assert_eq!(names, ["stock", "bare", "quiet", "full", "traces 1 %", "traces 100 %"]);
    for row in servers {
        assert!(row["cpu_us"].as_f64() > Some(1.0), "{row:#}");
        assert!(row["calls_per_second"].as_f64() > Some(10.0), "{row:#}");
    }
    assert_eq!(servers[1]["cpu_kept"]["median"], 1.0);
    // How much a debug build keeps means nothing, only that the exit code tells.
    let missed = servers.iter().any(|row| row["check"]["met"] == false);
    assert_eq!(output.status.code(), Some(missed.into()), "{document:#}");
}

#[tokio::test]
async fn a_strategy_that_cannot_run_says_why_and_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python");
    fs::write(&python, "#!/bin/sh\nread spec\necho '{\"unable\":\"no grpcio here\"}'\n").unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let options = ["--fault", "none", "--strategy", "grpcio", "--json", "--python"];
    let output = output(&[&options[..], &[python.to_str().unwrap()]].concat()).await;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    assert_eq!(document["rows"][0]["unable"], "no grpcio here");
}

#[tokio::test]
async fn a_client_that_ends_early_is_named_with_its_last_words() {
    let options = ["--fault", "none", "--strategy", "grpcio", "--python", "/bin/cat"];
    let output = output(&options).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("grpcio ended, exit status: 1"), "{stderr}");
    assert!(stderr.contains("cat: invalid option"), "{stderr}");
}

#[tokio::test]
async fn an_unknown_strategy_is_wrong_usage_that_lists_the_known_ones() {
    let output = output(&["--strategy", "hope"]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("hope") && stderr.contains("round_robin"), "{stderr}");
}

#[tokio::test]
async fn a_signal_ends_the_lab_and_all_that_it_started() {
    let (mut lab, children) = frozen().await;
    send("INT", lab.id().unwrap()).await;
    let status = timeout(PATIENCE, lab.wait()).await.expect("the lab does not end").unwrap();
    assert_eq!(status.code(), Some(1));
    eventually("the children are gone", || !children.iter().any(|pid| is_running(*pid))).await;
}

#[tokio::test]
async fn a_lab_that_is_killed_leaves_nothing_behind() {
    let (mut lab, children) = frozen().await;
    lab.kill().await.unwrap();
    eventually("the children are gone", || !children.iter().any(|pid| is_running(*pid))).await;
}
