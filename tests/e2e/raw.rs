//! HTTP/2 as raw frames, for what no well-behaved client would send. Source: RFC 9113.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 0xb;

/// A frame that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Last stream, error code and debug data of a GOAWAY.
    pub(crate) fn goaway(&self) -> (u32, u32, String) {
        let number = |at: usize| u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap());
        (number(0), number(4), String::from_utf8(self.payload[8..].to_vec()).unwrap())
    }

    /// The value of one of the SETTINGS.
    pub(crate) fn setting(&self, id: u16) -> Option<u32> {
        let entry = self.payload.chunks(6).find(|entry| entry[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(entry[2..].try_into().unwrap()))
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[1, 2, 3, 4, 5, 6, 7, 8])
}

/// The header block of a gRPC call, without compression.
pub(crate) fn call(path: &str) -> Vec<u8> {
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// One header, literal and not indexed. Source: RFC 7541, section 6.2.2.
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let short = |text: &str| u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap();
    [&[0, short(name)], name.as_bytes(), &[short(value)], value.as_bytes()].concat()
}

/// A client that sends what it is told to.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Connects and says nothing.
    pub(crate) async fn silent(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Connects, sends preface and SETTINGS, and takes those of the server; gives the server's.
    pub(crate) async fn connect(address: SocketAddr) -> (Self, Frame) {
        let mut raw = Self::silent(address).await;
        raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        let settings = raw.next_of(SETTINGS, Duration::from_secs(5)).await.unwrap();
        raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
        (raw, settings)
    }

    /// Sends bytes; a peer that has closed is not an error.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next frame; `None` when the server has closed or says nothing for the given time.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<Frame> {
        timeout(patience, self.read()).await.ok()?
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, l1, l2, l3]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes([s1 & 0x7f, s2, s3, s4]), payload })
    }

    /// The next frame of a kind, skipping others.
    pub(crate) async fn next_of(&mut self, kind: u8, patience: Duration) -> Option<Frame> {
        let found = async {
            loop {
                let frame = self.read().await?;
                if frame.kind == kind {
                    return Some(frame);
                }
            }
        };
        timeout(patience, found).await.ok()?
    }

    /// Whether the server closes the connection within the given time; what it still sends is read.
    pub(crate) async fn closed_within(&mut self, patience: Duration) -> bool {
        let drained =
            async { while self.stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {} };
        timeout(patience, drained).await.is_ok()
    }
}
