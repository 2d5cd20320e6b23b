//! grpclb, gRPC's first protocol for look-aside balancing, on the port of the balancer: for clients of other gRPC stacks that have the policy `grpclb`.
//!
//! `grpc.lb.v1.LoadBalancer/BalanceLoad`: a client names a service in its first message, and is told the whole list of servers at once and after every
//! change. The name may be written as `namespace/service:port`, or as a host: `service`, `service.namespace`, `service.namespace.svc.cluster.local`, each
//! with or without a port. A service that no source knows is answered with a `FallbackResponse`, so that the client uses what its own resolver has found;
//! one without endpoints with an empty list.
//!
//! Each server's token, which clients send it as `lb-token`, is its address. No statistics are asked for: who wants to know the load of servers has their
//! own reports. Servers without an IP address cannot be told, and weights are not.
//!
//! Source: grpc/grpc-proto, `grpc/lb/v1/load_balancer.proto`; grpc/grpc, `doc/load-balancing.md`. Deprecated there in favour of xDS.

mod lists;
mod messages;
mod name;
mod service;

pub(crate) use service::LoadBalancerServer;
