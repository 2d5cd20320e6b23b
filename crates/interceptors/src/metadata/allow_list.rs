//! Which headers are handed on.

use std::sync::Arc;

use http::HeaderName;

/// Names that a list may not have: what belongs to one connection, and what says who calls.
const NEVER: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dry-run",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-forwarded-for",
    "x-request-id",
];

/// The headers that are handed on from a call to the calls made for it. The default is none.
#[derive(Clone, Debug, Default)]
pub struct AllowList(Arc<[HeaderName]>);

/// Why a name cannot stand in an [`AllowList`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotToBeHandedOn {
    /// It is no name of a header.
    #[error("{0:?} is no name of a header")]
    NotAName(String),
    /// Credentials, what belongs to one hop (`grpc-…`, `te`, …), and what is handed on anyway.
    #[error(
        "{0:?} is not for an allow-list: it speaks for one hop or one caller, or has rules of its own"
    )]
    Forbidden(String),
}

impl AllowList {
    /// A list of names; upper and lower case do not differ.
    ///
    /// # Errors
    /// The first name that cannot be handed on.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, NotToBeHandedOn> {
        names.into_iter().map(header).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn names(&self) -> &[HeaderName] {
        &self.0
    }
}

fn header(name: &str) -> Result<HeaderName, NotToBeHandedOn> {
    let header: HeaderName =
        name.parse().map_err(|_| NotToBeHandedOn::NotAName(name.to_owned()))?;
    // Names that begin with "grpc-" belong to gRPC itself (PROTOCOL-HTTP2, "Custom-Metadata").
    if header.as_str().starts_with("grpc-") || NEVER.contains(&header.as_str()) {
        return Err(NotToBeHandedOn::Forbidden(name.to_owned()));
    }
    Ok(header)
}
