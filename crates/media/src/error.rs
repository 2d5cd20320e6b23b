//! Why a download failed, for the log and, in fewer words, for the caller.

use std::net::SocketAddr;

use tokio::time::Duration;
use tonic::{Code, Status};
use wayside_chassis::{StatusBuilder, Violations};

use crate::resolve::ResolveError;
use crate::target::BadUrl;

const DOMAIN: &str = "wayside";
/// When to come back while other downloads run: most take less.
const FREE_IN: Duration = Duration::from_secs(1);
/// When to come back to another server that gave nothing: longer, so that it is not kept from recovering.
const RECOVERED_IN: Duration = Duration::from_secs(5);

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
        let status = |code| StatusBuilder::new(code, &error);
        let builder = match &error {
            DownloadError::BadUrl(bad) => {
                let mut violations = Violations::default();
                violations.add("url", bad);
                status(Code::InvalidArgument).violations(violations)
            }
            DownloadError::Refused(_) => {
                status(Code::PermissionDenied).reason("URL_REFUSED", DOMAIN)
            }
            DownloadError::NotAnImage(_) => {
                status(Code::FailedPrecondition).reason("NOT_AN_IMAGE", DOMAIN)
            }
            DownloadError::Upstream(_) => status(Code::Unavailable)
                .reason("UPSTREAM_UNAVAILABLE", DOMAIN)
                .retry_after(RECOVERED_IN),
            DownloadError::Busy { .. } => {
                status(Code::ResourceExhausted).quota("downloads", &error).retry_after(FREE_IN)
            }
            DownloadError::Client(_) => status(Code::Internal),
        };
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn only_what_may_go_away_by_itself_says_when_to_come_back() {
        for (error, expected) in [
            (DownloadError::Busy { limit: 64 }, Some(FREE_IN)),
            (Upstream::TimedOut(Duration::from_secs(10)).into(), Some(RECOVERED_IN)),
            (NotAnImage::Format.into(), None),
            (Refusal::NoAddress.into(), None),
            (DownloadError::BadUrl(BadUrl::Scheme), None),
        ] {
            let status = Status::from(error);
            let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
            assert_eq!(delay, expected, "{status}");
        }
    }

    #[test]
    fn a_bad_url_is_a_violation_of_its_field_with_the_text_of_the_message() {
        let status = Status::from(DownloadError::BadUrl(BadUrl::Scheme));
        let violation = &status.get_details_bad_request().unwrap().field_violations[0];
        assert_eq!(
            status.message(),
            format!("field {}: {}", violation.field, violation.description)
        );
        assert_eq!(violation.field, "url");
    }
}
