//! A bearer token on each call: `authorization: Bearer …`, marked as sensitive, so that HTTP/2 does not keep it in its compression table.
//!
//! Tokens come from a [`TokenSource`]. One is fetched when the first call needs it, and renewed a while before it expires, by one fetch at a time
//! however many calls there are, while calls go on with the one in use. When a fetch fails, the last good token serves until it expires, and the
//! source is left alone for a second. A call that is answered UNAUTHENTICATED is sent once more with a newer token, if it was not answered in any other way
//! before and its request can still be sent from its beginning; not one with [`NotIdempotent`](super::retry::NotIdempotent) in its extensions.
//!
//! A token is not sent over a connection that is not encrypted, unless that is allowed in so many words: such a call ends UNAUTHENTICATED and is not sent.
//! A failure of the source has the code that the source gives it, but for those that speak of a request, which are INTERNAL (gRFC A54).
//! A call that brings credentials of its own is left as it is. Nothing here writes a token to a log, and `Debug` does not show any.
//!
//! ```
//! use http::{Request, Response};
//! use tokio::time::Duration;
//! use tonic::body::Body;
//! use tonic::Status;
//! use tower::{ServiceExt, service_fn};
//! use tower_layer::Layer;
//! use wayside_interceptors::client::auth::{AuthLayer, Token};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // Stands for a call to whoever hands out tokens.
//! let source = || async {
//!     let lifetime = Some(Duration::from_secs(3600));
//!     Token::new("dGVzdA", lifetime).map_err(|error| Status::internal(error.to_string()))
//! };
//! let channel = service_fn(|request: Request<Body>| async move {
//!     assert_eq!(request.headers()["authorization"], "Bearer dGVzdA");
//!     Ok::<_, Status>(Response::new(Body::empty()))
//! });
//! let service = AuthLayer::new(source).encrypted().layer(channel);
//! service.oneshot(Request::new(Body::empty())).await.unwrap();
//! # }
//! ```

mod call;
mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;
mod token;
mod tokens;

pub use future::ResponseFuture;
pub use layer::AuthLayer;
pub use service::Auth;
pub use token::{InvalidToken, Token, TokenSource};
