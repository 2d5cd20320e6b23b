//! The messages as far as a balancer needs them. A field of a `oneof` is the same bytes as an optional one.

use std::net::IpAddr;

use wayside_balance::{Address, Endpoint};

/// `LoadBalanceRequest`, without `client_stats`, which are not asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LoadBalanceRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) initial_request: Option<InitialLoadBalanceRequest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InitialLoadBalanceRequest {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

/// `LoadBalanceResponse`: one of these.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LoadBalanceResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) initial_response: Option<InitialLoadBalanceResponse>,
    #[prost(message, optional, tag = "2")]
    pub(super) server_list: Option<ServerList>,
    #[prost(message, optional, tag = "3")]
    pub(super) fallback_response: Option<FallbackResponse>,
}

/// Without an interval for statistics: none are wanted.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InitialLoadBalanceResponse {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FallbackResponse {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServerList {
    #[prost(message, repeated, tag = "1")]
    pub(super) servers: Vec<Server>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Server {
    /// In network byte order.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) ip_address: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(super) port: i32,
    /// Less than 50 bytes: the longest address with a port has 47.
    #[prost(string, tag = "3")]
    pub(super) load_balance_token: String,
}

impl LoadBalanceResponse {
    pub(super) fn initial() -> Self {
        Self { initial_response: Some(InitialLoadBalanceResponse {}), ..Self::default() }
    }

    pub(super) fn fallback() -> Self {
        Self { fallback_response: Some(FallbackResponse {}), ..Self::default() }
    }

    pub(super) fn list(endpoints: &[Endpoint]) -> Self {
        let servers = endpoints.iter().filter_map(Server::of).collect();
        Self { server_list: Some(ServerList { servers }), ..Self::default() }
    }
}

impl Server {
    /// The first address of an endpoint that is one.
    fn of(endpoint: &Endpoint) -> Option<Self> {
        let address = endpoint.addresses.iter().find_map(|address| match address {
            Address::Ip(address) => Some(address),
            _ => None,
        })?;
        let ip_address = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        Some(Self {
            ip_address,
            port: address.port().into(),
            load_balance_token: address.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_proto_file() {
        let name = InitialLoadBalanceRequest { name: "greet:1".into() };
        let request = LoadBalanceRequest { initial_request: Some(name) };
        assert_eq!(request.encode_to_vec(), b"\x0a\x09\x0a\x07greet:1");
        assert_eq!(LoadBalanceResponse::initial().encode_to_vec(), b"\x0a\x00");
        assert_eq!(LoadBalanceResponse::fallback().encode_to_vec(), b"\x1a\x00");
        let address: std::net::SocketAddr = "10.0.0.1:258".parse().unwrap();
        let list = LoadBalanceResponse::list(&[Endpoint::new(address, "greet".parse().unwrap())]);
        let server = b"\x0a\x04\x0a\x00\x00\x01\x10\x82\x02\x1a\x0c10.0.0.1:258";
        let bytes = [&b"\x12\x19\x0a\x17"[..], server].concat();
        assert_eq!(list.encode_to_vec(), bytes);
    }

    #[test]
    fn statistics_that_were_not_asked_for_are_passed_over() {
        let request = LoadBalanceRequest::decode(&b"\x12\x02\x10\x05"[..]).unwrap();
        assert_eq!(request, LoadBalanceRequest::default());
    }

    #[test]
    fn of_several_addresses_the_first_is_told_and_names_are_not() {
        let ip: std::net::SocketAddr =
            "[fd00:1111:2222:3333:4444:5555:6666:7777]:65535".parse().unwrap();
        let mut both = Endpoint::new(Address::Name("a".into(), 1), "greet".parse().unwrap());
        let name = both.clone();
        both.addresses.push(ip.into());
        let list = LoadBalanceResponse::list(&[both, name]).server_list.unwrap();
        assert_eq!(list.servers.len(), 1);
        assert_eq!((list.servers[0].ip_address.len(), list.servers[0].port), (16, 65535));
        assert!(list.servers[0].load_balance_token.len() < 50);
    }
}
