//! A process that runs out of file descriptors refuses connections for a while, and serves again.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Duration, Instant, timeout};

/// Whether the server answers a new connection; an HTTP/1.1 request gets an answer too.
async fn answers(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.ok()?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.ok()?;
        (&answer == b"HTTP/1.1 505").then_some(())
    };
    timeout(Duration::from_millis(500), ask).await.is_ok_and(|answered| answered.is_some())
}

#[tokio::test]
async fn without_a_free_descriptor_the_server_waits_and_goes_on() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let script = format!(
        "ulimit -n 40; exec '{}' --listen {address} --admin-listen off",
        env!("CARGO_BIN_EXE_greet")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut process = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !answers(address).await {
        assert!(Instant::now() < deadline, "the server did not start");
    }
    // The kernel takes these for the server, which has no descriptor for most of them.
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(!answers(address).await, "the server has more descriptors than it was given");
    drop(held);
    while !answers(address).await {
        assert!(Instant::now() < deadline, "the server did not recover");
        assert!(process.try_wait().unwrap().is_none(), "the server has ended");
    }
}
