//! The client channel: a target's name goes in, and any generated tonic client can call through what comes out.
//!
//! A [`Channel`] finds every endpoint of its [`Target`], keeps those connected that its policy uses, spreads calls over those that are READY, sends a call again that no server has seen, and
//! ends each call: with the server's status, with UNAVAILABLE and the reason, or with DEADLINE_EXCEEDED when its `grpc-timeout` has passed. It knows no message type.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tonic::codegen::http::uri::PathAndQuery;
//! use wayside_balance::{Channel, ConnectivityState};
//!
//! # let (mut servers, mut addresses) = (tokio::task::JoinSet::new(), Vec::new());
//! # for _ in 0..3 {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! #     addresses.push(listener.local_addr()?.to_string());
//! #     let incoming = tonic::transport::server::TcpIncoming::from(listener);
//! #     let routes = tonic::service::Routes::default();
//! #     servers.spawn(tonic::transport::Server::builder().add_routes(routes).serve_with_incoming(incoming));
//! # }
//! // Three servers; `dns:///greet.example:50051` would find as many as DNS knows.
//! let target = format!("ipv4:{}", addresses.join(",")).parse()?;
//! let channel = Channel::builder(&target)
//!     .service_config_json(r#"{
//!         "loadBalancingConfig": [{"round_robin": {}}],
//!         "methodConfig": [{"name": [{}], "timeout": "2s", "waitForReady": true}]
//!     }"#)?
//!     .build()?;
//!
//! // With generated code: GreetServiceClient::new(channel.clone()).greet(…)
//! let mut client = tonic::client::Grpc::new(channel.clone());
//! client.ready().await?;
//! let codec = tonic_prost::ProstCodec::<(), ()>::default();
//! let path = PathAndQuery::from_static("/greet.v1.GreetService/Greet");
//! let status = client.unary(tonic::Request::new(()), path, codec).await.unwrap_err();
//! assert_eq!(status.code(), tonic::Code::Unimplemented, "these servers have no service, but they answer");
//! assert_eq!(*channel.state().borrow(), ConnectivityState::Ready);
//! # Ok(())
//! # }
//! ```
//!
//! # From a name to a server
//!
//! [`Resolver`] → policy → [`Picker`](policy::Picker) → [`Subchannel`], as in every gRPC stack. The resolver gives whole lists of [`Endpoint`]s; the policy makes a subchannel for each address that it
//! uses and a picker for those that are READY; each call asks the picker, and goes out on the connection of the subchannel's [`Pool`] that has the fewest calls.
//!
//! | target | endpoints |
//! |---|---|
//! | `dns:///host:port`, `host:port` | A and AAAA records, looked up again when their TTL has passed or a connection was lost |
//! | `ipv4:a:1,b:2`, `ipv6:[::1]:1`, `unix:path`, `unix-abstract:name`, `static:host:port,…` | as written |
//! | `scheme:///path` | what a resolver [registered](resolver::Registry) for the scheme says |
//!
//! | policy in `loadBalancingConfig` | calls go to | source |
//! |---|---|---|
//! | `pick_first` (the default) | one address, the first that answers | A61, A62 |
//! | `round_robin` | every READY endpoint in turn | |
//! | `random` | any READY endpoint | |
//! | `least_request_experimental` | the one of two that has fewer calls in flight | A48 |
//! | `weighted_round_robin` | in turn, by the load that servers report | A58, A51 |
//! | `ring_hash_experimental` | the same for the same header | A42, A76 |
//! | `outlier_detection_experimental` | its child's, without endpoints that fail their calls | A50 |
//! | `random_subsetting_experimental` | its child's, over some of many endpoints | A68 |
//! | `circuit_breaking` | its child's, up to a number of calls at a time | A32 |
//!
//! # What becomes of a call
//!
//! | when | the call |
//! |---|---|
//! | the channel is IDLE or CONNECTING | waits, within its deadline |
//! | every endpoint has failed (TRANSIENT_FAILURE) | UNAVAILABLE with the reason; with [`WaitForReady`] it waits |
//! | it came back unsent: GOAWAY, connection closed | is picked anew, as often as it takes |
//! | refused unseen: REFUSED_STREAM, above GOAWAY's last stream | is sent again, once |
//! | the connection was lost | UNAVAILABLE; whether to send it again is for a retry policy to say |
//! | its time is up, in any of these or during the response | DEADLINE_EXCEEDED, and the server is told by RST_STREAM(CANCEL) |
//! | a resolver or a policy fails with a code of the application's | INTERNAL (A54) |

mod backoff;
#[doc(hidden)]
pub mod bench;
mod channel;
mod endpoint;
mod health;
mod lock_free;
mod naming;
mod orca;
mod orca_oob;
pub mod policy;
pub mod resolver;
pub mod service_config;
mod side_stream;
mod status;
mod subchannel;
mod totals;
mod transport;

pub use channel::{
    CallWatch, Channel, ChannelBuilder, ChannelError, ResolverSnapshot, SentAgain, Snapshot,
    SubchannelSnapshot, TransparentRetries, WaitForReady, WatchCall,
};
pub use endpoint::{Address, Endpoint};
pub use naming::{Target, TargetError};
pub use orca::LoadReport;
pub use policy::{WEIGHT_BOUNDS, WeightsSnapshot};
pub use resolver::{NextResolution, Registry, Resolution, ResolveNow, Resolver, ResolverOptions};
pub use service_config::{ServiceConfig, ServiceConfigError};
pub use subchannel::{ConnectivityState, MAX_CONNECTIONS, Pool, Subchannel};
pub use totals::TotalsSnapshot;
pub use transport::{ClientTls, Connect, Connecting, Io, Keepalive, TlsError};
