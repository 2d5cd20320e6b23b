//! Taking a port that somebody else has.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Duration, Instant, sleep};
use wayside_chassis::bind;

/// A client's socket that holds a port, as outgoing connections do.
fn held_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_port_that_a_client_socket_holds_for_a_moment_is_waited_for() {
    let (socket, address) = held_port();
    assert!(
        TcpListener::bind(address).await.is_err(),
        "the port is not held, so this test would show nothing"
    );
    tokio::spawn(async move {
        // Time is the subject: the port comes free while the bind is being tried.
        sleep(Duration::from_millis(120)).await;
        drop(socket);
    });
    assert_eq!(bind("greet", address).await.unwrap().local_addr().unwrap(), address);
}

#[tokio::test]
async fn a_port_that_stays_taken_is_an_error_with_port_and_name_within_a_second() {
    let (_socket, address) = held_port();
    let start = Instant::now();
    let error = bind("greet-2", address).await.unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(
        error.contains(&address.to_string()) && error.contains("greet-2") && !error.contains('\n'),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_of_another_machine_is_an_error_at_once() {
    let start = Instant::now();
    let error = bind("greet", "203.0.113.1:5".parse().unwrap()).await.unwrap_err().to_string();
    assert!(
        start.elapsed() < Duration::from_millis(200)
            && error.contains("does not have that address"),
        "{error}"
    );
}
