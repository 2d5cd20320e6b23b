//! What is in the log of a server when it has ended.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{Duration, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the server, sends it the signals, each once there is a line with the text before it, and gives its exit code and the rest of its log.
async fn ended_by(options: &[&str], signals: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_greet"))
        .args(["--listen=127.0.0.1:0", "--admin-listen=off", "--log-format=json"])
        .args(options)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let ending = async {
        for (text, signal) in signals {
            let mut line = String::new();
            while !line.contains(text) {
                line.clear();
                assert_ne!(log.read_line(&mut line).await.unwrap(), 0, "no line with {text}");
            }
            let Output { status, .. } = Command::new("kill")
                .args([signal, &*server.id().unwrap().to_string()])
                .output()
                .await
                .unwrap();
            assert!(status.success());
        }
        let mut rest = String::new();
        log.read_to_string(&mut rest).await.unwrap();
        (server.wait().await.unwrap().code(), rest)
    };
    timeout(PATIENCE, ending).await.expect("it did not end")
}

#[tokio::test]
async fn the_last_line_of_a_server_that_was_stopped_is_that_it_has() {
    let (code, rest) = ended_by(&["--lame-duck=0s"], &[("serving", "-TERM")]).await;
    assert_eq!(code, Some(0));
    assert!(
        rest.trim_end().lines().last().is_some_and(|last| last.contains(r#""stopped""#)),
        "{rest}"
    );
}

#[tokio::test]
async fn the_last_words_after_a_second_signal_come_after_the_log() {
    let signals = [("serving", "-TERM"), ("Stopping...", "-INT")];
    let (code, rest) = ended_by(&["--lame-duck=10m"], &signals).await;
    assert_eq!((code, &*rest), (Some(130), "stopped at once by a second signal\n"));
}
