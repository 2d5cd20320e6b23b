use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use media::{Resolve, ResolveError};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A resolver that answers from a list: each name with its answers in turn, the last of them for ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    answers: Arc<Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    others: Vec<IpAddr>,
}

impl Names {
    /// Answers `addresses` for every name that is not given another answer.
    pub(crate) fn all_at(addresses: impl Into<Vec<IpAddr>>) -> Self {
        Self { others: addresses.into(), ..Self::default() }
    }

    pub(crate) fn answer(self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().entry(name.to_owned()).or_default().push_back(addresses);
        self
    }

    /// The names that were asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let Some(answers) = answers.get_mut(name) else { return Ok(self.others.clone()) };
        let last = answers.len() == 1;
        Ok(if last { answers[0].clone() } else { answers.pop_front().unwrap() })
    }
}

/// A name server on a port of its own. Every name begins with what is answered: `a127-0-0-1.` an address, `nx.` no such name,
/// `empty.` a name without addresses, `fail.` SERVFAIL, `silent.` nothing at all.
#[derive(Debug)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut packet).await {
                if let Some(answer) = answer(&packet[..length]) {
                    socket.send_to(&answer, client).await.unwrap();
                }
            }
        });
        Self { address, task }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The response to a query (RFC 1035, section 4): its header and question again, and an A record if one is asked for.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let first = &query[13..13 + usize::from(query[12])];
    let end = 12 + query[12..].iter().position(|&byte| byte == 0)? + 5;
    let is_a = query[end - 4..end - 2] == [0, 1];
    let (code, address) = match std::str::from_utf8(first).unwrap() {
        "nx" => (3, None),
        "empty" => (0, None),
        "fail" => (2, None),
        "silent" => return None,
        name => (0, name.strip_prefix('a').filter(|_| is_a)),
    };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(&query[12..end]);
    if let Some(address) = address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.split('-').map(|part| part.parse::<u8>().unwrap()));
    }
    Some(answer)
}
