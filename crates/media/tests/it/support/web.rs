use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Duration, interval, timeout};

/// A web server on 127.0.0.1 that does to each request what a script says.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    sent: usize,
    ended: usize,
}

/// One request and the connection that it came on.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) head: String,
    stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
}

impl Web {
    /// Starts with a script that has the connection to itself; it is closed when the script ends.
    pub(crate) async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(Exchange) -> Fut + Send + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let connections = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = connections.clone();
                let Some((head, stream)) = read_head(stream).await else { continue };
                seen.lock().unwrap().requests.push(head.clone());
                let ending = script(Exchange { head, stream, seen: seen.clone() });
                tokio::spawn(async move {
                    // The other side hanging up is what most scripts wait for.
                    let _ = ending.await;
                    seen.lock().unwrap().ended += 1;
                });
            }
        });
        Self { address, seen, task }
    }

    /// Answers every request with the same bytes.
    pub(crate) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        Self::start(move |mut exchange| {
            let bytes = bytes.clone();
            async move { exchange.send(&bytes).await }
        })
        .await
    }

    /// The option that lets the media server fetch from here.
    pub(crate) fn allowed(&self) -> String {
        format!("--media-allow-cidr=127.0.0.1/32:{}", self.address.port())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// How many bytes the system has taken to send.
    pub(crate) fn sent(&self) -> usize {
        self.seen.lock().unwrap().sent
    }

    /// Waits until every script has ended, for most of them because the other side has hung up.
    pub(crate) async fn all_ended(&self) {
        eventually("the connections to the web server are closed", || {
            let seen = self.seen.lock().unwrap();
            seen.ended == seen.requests.len()
        })
        .await;
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Exchange {
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(16 * 1024) {
            self.stream.write_all(piece).await?;
            self.seen.lock().unwrap().sent += piece.len();
        }
        self.stream.flush().await
    }

    /// Waits until the other side hangs up.
    pub(crate) async fn hung_up(&mut self) -> io::Result<()> {
        let mut byte = [0];
        while self.stream.read(&mut byte).await? > 0 {}
        Ok(())
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

async fn read_head(mut stream: TcpStream) -> Option<(String, TcpStream)> {
    stream.set_nodelay(true).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some((String::from_utf8(head).unwrap(), stream))
}

/// The bytes of a response that is closed by the end of the connection, unless `headers` says otherwise.
pub(crate) fn response(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status} Answer\r\nconnection: close\r\n{headers}\r\n").as_bytes(), body]
        .concat()
}

/// Waits until something is so, for ten seconds at most.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut tick = interval(Duration::from_millis(5));
    let polling = async {
        while !is_so() {
            tick.tick().await;
        }
    };
    timeout(Duration::from_secs(10), polling).await.expect(what);
}
