//! Why a download failed, for the log and, in fewer words, for the caller.

use std::net::SocketAddr;

use tokio::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::resolve::ResolveError;
use crate::target::BadUrl;

/// Why a download failed. The text is what the caller reads; the source behind it is for the log alone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// INVALID_ARGUMENT: the URL is not usable.
    #[error("field url: {0}")]
    BadUrl(BadUrl),
    /// PERMISSION_DENIED: the policy forbids it. One text for all, so that it tells nothing of what is inside the network.
    #[error(
        "url may not be fetched: it has to lead to a public address on an open port, over at most {} redirects and not from \
         https to http",
        crate::fetch::MAX_REDIRECTS
    )]
    Refused(#[from] Refusal),
    /// FAILED_PRECONDITION: what is there is not an image whose size can be told.
    #[error(transparent)]
    NotAnImage(#[from] NotAnImage),
    /// UNAVAILABLE: the other server, or the way to it, is down or too slow.
    #[error(transparent)]
    Upstream(#[from] Upstream),
    /// RESOURCE_EXHAUSTED: too many downloads run.
    #[error("{limit} downloads are running, which is the limit; try again in a moment")]
    Busy { limit: u32 },
    /// INTERNAL: the HTTP client could not be set up.
    #[error("the http client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// What forbids a URL. For the log only.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the name is that of this machine or spells an address")]
    Name,
    #[error("{0} is not open")]
    Address(SocketAddr),
    #[error("the name has no address")]
    NoAddress,
    #[error("the redirect cannot be followed: its url {0}")]
    Redirect(BadUrl),
    #[error("the redirect leads from https to http")]
    Downgrade,
    #[error("the redirects do not end")]
    TooManyRedirects,
}

/// Why what was found is not an image whose size can be told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnImage {
    #[error("there is no image: the other server answered {0}")]
    Status(u16),
    #[error("the other server answered with a content-encoding although it was asked for none")]
    Encoded,
    #[error("not an image: neither PNG, JPEG, GIF nor WebP, or broken")]
    Format,
    #[error("not an image: its size is not in the first {0} bytes")]
    NoSize(usize),
}

/// Why the other server gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Upstream {
    #[error("the name of the other server cannot be resolved at the moment")]
    Name(#[source] ResolveError),
    #[error("the other server cannot be reached or does not speak http")]
    Connection(#[source] reqwest::Error),
    #[error("the other server answered {0}")]
    Status(u16),
    #[error("the connection to the other server broke off")]
    Body(#[source] reqwest::Error),
    #[error("the download took longer than {} s", .0.as_secs_f64())]
    TimedOut(Duration),
}

impl From<DownloadError> for Status {
    fn from(error: DownloadError) -> Self {
        let message = error.to_string();
        let (code, reason) = match &error {
            DownloadError::BadUrl(bad) => {
                let details = ErrorDetails::with_bad_request_violation("url", bad.to_string());
                return Status::with_error_details(Code::InvalidArgument, message, details);
            }
            DownloadError::Busy { .. } => {
                let details =
                    ErrorDetails::with_quota_failure_violation("downloads", message.clone());
                return Status::with_error_details(Code::ResourceExhausted, message, details);
            }
            DownloadError::Refused(_) => (Code::PermissionDenied, "URL_REFUSED"),
            DownloadError::NotAnImage(_) => (Code::FailedPrecondition, "NOT_AN_IMAGE"),
            DownloadError::Upstream(_) => (Code::Unavailable, "UPSTREAM_UNAVAILABLE"),
            DownloadError::Client(_) => return Status::internal(message),
        };
        let details = ErrorDetails::with_error_info(reason, "wayside", [] as [(String, String); 0]);
        Status::with_error_details(code, message, details)
    }
}
