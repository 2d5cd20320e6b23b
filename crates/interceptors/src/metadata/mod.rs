//! What a call hands on to the calls that are made for it: a request id, and the headers of an allow-list.
//!
//! Every call has a request id, `x-request-id`: the caller's own if it is 1 to 128 visible ASCII characters, else one that is made here, 128 random bits
//! in hexadecimal. It goes back with the response, so that whoever complains can name the call, and is handed on. So are the headers of an [`AllowList`]; none but these, because a header that is handed on blindly gives
//! one server's credentials to the next. All of it is in the request's extensions as [`Propagated`], which the
//! [client's layer](crate::client::metadata) writes into the calls that carry it in theirs.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::metadata::{AllowList, MetadataLayer};
//!
//! # let routes = tonic::service::Routes::default();
//! let service = MetadataLayer::new(AllowList::new(["tenant", "experiment-bin"])?).layer(routes);
//! assert!(AllowList::new(["authorization"]).is_err());
//! # Ok::<(), wayside_interceptors::metadata::NotToBeHandedOn>(())
//! ```

mod allow_list;
mod future;
mod request_id;
mod service;
#[cfg(test)]
mod tests;

pub use allow_list::{AllowList, NotToBeHandedOn};
pub use future::ResponseFuture;
pub use request_id::REQUEST_ID;
pub use service::{Metadata, MetadataLayer};

use http::{HeaderName, HeaderValue};

/// In a request's extensions: what its handler hands on to the calls that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propagated {
    request_id: HeaderValue,
    others: Vec<(HeaderName, HeaderValue)>,
}

impl Propagated {
    /// The id of the call.
    pub fn request_id(&self) -> &HeaderValue {
        &self.request_id
    }

    /// Every header that is handed on, the request id among them.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        static NAME: HeaderName = REQUEST_ID;
        let others = self.others.iter().map(|(name, value)| (name, value));
        std::iter::once((&NAME, &self.request_id)).chain(others)
    }
}
