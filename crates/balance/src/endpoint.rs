//! What a resolver finds: endpoints and their addresses.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::uri::Authority;

/// Where one connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A name and a port that are looked up when connecting: what a static list may hold, and what a [connector](crate::Connect) of one's own may need.
    Name(String, u16),
    /// The path of a Unix domain socket, or a null byte and its name in the abstract namespace (Linux).
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(formatter),
            Self::Name(host, port) => write!(formatter, "{host}:{port}"),
            Self::Unix(path) => match path.to_string_lossy().strip_prefix('\0') {
                Some(name) => write!(formatter, "unix-abstract:{name}"),
                None => write!(formatter, "unix:{}", path.display()),
            },
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

/// A server as a resolver names it: the addresses under which it can be reached, one of which is used at a time. Source: gRFC A61.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// At least one; which one is used is up to `pick_first`, also below other policies.
    pub addresses: Vec<Address>,
    /// What the server is called: the `:authority` of calls, and the name that its certificate has to have.
    pub authority: Authority,
    /// How much of the calls it should get, relative to others, where a policy looks at it (`ring_hash`). Default 1.
    pub weight: u32,
    /// What places the endpoint on the ring instead of its first address (`ring_hash`). Source: gRFC A76.
    pub hash_key: Option<String>,
    /// The failure domain that the server is in, where a resolver knows it. No policy looks at it; it is shown, and handed on by balancers.
    pub zone: Option<String>,
}

impl Endpoint {
    /// An endpoint with one address, weight 1.
    pub fn new(address: impl Into<Address>, authority: Authority) -> Self {
        Self { addresses: vec![address.into()], authority, weight: 1, hash_key: None, zone: None }
    }
}
