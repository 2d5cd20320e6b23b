//! A name server that knows one name. Source: RFC 1035, section 4.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const A: u16 = 1;
const IN: u16 = 1;
const TTL: u32 = 1;

/// Answers every question for addresses with the same ones, until it is dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    records: Arc<Mutex<Vec<Ipv4Addr>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start(records: &[Ipv4Addr]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let records = Arc::new(Mutex::new(records.to_vec()));
        let served = records.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let reply = reply(&buffer[..length], &served.lock().unwrap());
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { address, records, task }
    }

    pub(crate) fn change(&self, records: &[Ipv4Addr]) {
        *self.records.lock().unwrap() = records.to_vec();
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Questions for IPv6 addresses are answered as well: there is none.
fn reply(question: &[u8], records: &[Ipv4Addr]) -> Vec<u8> {
    const HEADER: usize = 12;
    let name = question[HEADER..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let end = HEADER + name + 4;
    let kind = u16::from_be_bytes([question[HEADER + name], question[HEADER + name + 1]]);
    let records = if kind == A { records } else { &[] };
    let mut reply = question[..2].to_vec();
    // A response, authoritative, recursion wanted and available; one question, the answers, nothing else.
    reply.extend([0x85, 0x80, 0, 1]);
    reply.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    reply.extend([0; 4]);
    reply.extend(&question[HEADER..end]);
    for record in records {
        // The name is that of the question, at offset 12.
        reply.extend([0xc0, 12]);
        reply.extend([A.to_be_bytes(), IN.to_be_bytes()].concat());
        reply.extend(TTL.to_be_bytes());
        reply.extend(4_u16.to_be_bytes());
        reply.extend(record.octets());
    }
    reply
}
