//! The target itself: what its parts mean, by its scheme.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use http::uri::Authority;

use super::host_port::DEFAULT_PORT;
use super::uri::Uri;
use super::{Host, HostPort, TargetError, socket};
use crate::Address;

/// The port of a name server. Source: RFC 1035, section 4.2.
const DNS_PORT: u16 = 53;

/// The name of a service and the way to find its servers.
///
/// | form | servers |
/// |---|---|
/// | `host`, `host:port` | as `dns:` |
/// | `dns:host:port`, `dns:///host:port` | every address that the host has in DNS |
/// | `dns://10.0.0.53/host:port`, `dns://10.0.0.53:5353/host:port` | the same, as this name server knows it |
/// | `ipv4:10.0.0.1:1,10.0.0.2:2` | these addresses |
/// | `ipv6:[::1]:1,[::2]:2` | these addresses |
/// | `static:a:1,10.0.0.2:2` | these addresses and names; a name is looked up when connecting. Not of gRPC but ours |
/// | `unix:path`, `unix:///absolute/path` | a Unix domain socket |
/// | `unix-abstract:name` | a Unix domain socket in the abstract namespace (Linux) |
/// | `scheme:path`, `scheme:///path`, `scheme://authority/path` | whatever the [resolver registered](crate::resolver::Registry) for the scheme finds |
///
/// A port that is left out is 443. An IPv6 address is written in brackets. What follows a scheme is percent-decoded. A text as `name:123` is a host
/// and its port, as `name:text` is a scheme and its path.
///
/// Source: grpc/grpc `doc/naming.md`. One thing differs: there, a scheme that is not known is taken for a host name; here, it is an error when the
/// channel is made, since a name in DNS with a colon in it can only be a scheme with a slip of the pen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    scheme: String,
    uri_authority: String,
    path: String,
    place: Place,
}

/// What the schemes that gRPC defines have behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Dns { server: Option<SocketAddr>, host: HostPort },
    List(Vec<HostPort>),
    Socket(Address),
    Other,
}

impl Target {
    /// What chooses the resolver, in lower case; `dns` when the text has none.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What is between `//` and the next slash, percent-decoded: for `dns`, the name server to ask. Mostly empty.
    pub fn uri_authority(&self) -> &str {
        &self.uri_authority
    }

    /// What is to be resolved, percent-decoded, without the slash that ends [`uri_authority`](Self::uri_authority), unless it is part of the path of
    /// a Unix domain socket.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What calls name as the server if nobody says otherwise: the host as written in the target, with its port if it has one; of a list the first.
    /// It is `localhost` for a Unix domain socket, and for a scheme of one's own whose path is not the name of a host.
    pub fn default_authority(&self) -> Authority {
        let named = match &self.place {
            Place::Dns { host, .. } => Some(host.authority.clone()),
            Place::List(list) => list.first().map(|first| first.authority.clone()),
            Place::Socket(_) => None,
            Place::Other => self.path.parse().ok(),
        };
        named.unwrap_or(LOCALHOST)
    }

    /// Each `host:port` of the target, in the order they were given.
    pub fn authorities(&self) -> Vec<Authority> {
        let all = match &self.place {
            Place::Dns { host, .. } => std::slice::from_ref(host),
            Place::List(list) => list,
            Place::Socket(_) | Place::Other => &[],
        };
        all.iter().filter_map(|one| one.address().to_string().parse().ok()).collect()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// What a server is called that has no host name.
pub(crate) const LOCALHOST: Authority = Authority::from_static("localhost");

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri = Uri::parse(text)?;
        let place = match &*uri.scheme {
            "dns" => Place::Dns { server: name_server(&uri)?, host: host_port(&uri, uri.name())? },
            "ipv4" | "ipv6" | "static" => Place::List(list(&uri)?),
            "unix" | "unix-abstract" => Place::Socket(socket::address(&uri)?),
            _ => Place::Other,
        };
        let path = match place {
            Place::Socket(_) => uri.path.clone(),
            _ => uri.name().to_owned(),
        };
        Ok(Self {
            text: text.to_owned(),
            scheme: uri.scheme,
            uri_authority: uri.authority,
            path,
            place,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn name_server(uri: &Uri<'_>) -> Result<Option<SocketAddr>, TargetError> {
    if uri.authority.is_empty() {
        return Ok(None);
    }
    match HostPort::parse(&uri.authority, DNS_PORT) {
        Ok(HostPort { host: Host::Ip(ip), port, .. }) => Ok(Some((ip, port).into())),
        _ => Err(uri.invalid(&uri.authority, "is not the IP address of a name server")),
    }
}

fn list(uri: &Uri<'_>) -> Result<Vec<HostPort>, TargetError> {
    uri.no_authority()?;
    uri.name()
        .split(',')
        .map(str::trim)
        .map(|text| match (&*uri.scheme, host_port(uri, text)) {
            ("ipv4", Ok(one)) if !matches!(one.host, Host::Ip(ip) if ip.is_ipv4()) => {
                Err(uri.invalid(text, "is not an IPv4 address"))
            }
            ("ipv6", Ok(one)) if !matches!(one.host, Host::Ip(ip) if ip.is_ipv6()) => {
                Err(uri.invalid(text, "is not an IPv6 address"))
            }
            // Where nothing but an IPv6 address can be, it needs no brackets if it has no port.
            ("ipv6", Err(error)) => HostPort::bare_ipv6(text).ok_or(error),
            (_, result) => result,
        })
        .collect()
}

fn host_port(uri: &Uri<'_>, text: &str) -> Result<HostPort, TargetError> {
    HostPort::parse(text, DEFAULT_PORT).map_err(|problem| uri.invalid(text, problem))
}
