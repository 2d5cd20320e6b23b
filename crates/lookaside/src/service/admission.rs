//! Who may register.
//!
//! Whoever registers for a service gets its calls. So nobody may but those whom the policy of the server's [`needs`](wayside_chassis::App::needs) has let through, who have
//! the token of this balancer, or, where it has none, who are on its machine.

use std::net::IpAddr;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use tonic::Request;
use tonic::metadata::MetadataMap;
use wayside_chassis::{Context, Peer, StartError};

use crate::error::Error;

/// A shorter one could be guessed.
const MIN_TOKEN: usize = 16;
const MAX_TOKEN_FILE_BYTES: u64 = 8 * 1024;

/// The rule.
#[derive(Debug)]
pub(crate) enum Admission {
    Token(RegisterToken),
    Local,
}

/// The digest of a token: all that is needed to know it again.
pub(crate) struct RegisterToken([u8; 32]);

impl std::fmt::Debug for RegisterToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RegisterToken")
    }
}

impl RegisterToken {
    /// Reads the token of a file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing that could be a token.
    pub(crate) async fn read(path: &Path) -> Result<Self, StartError> {
        let unusable = |reason: String| StartError::Option {
            name: "lookaside",
            option: "--lookaside-register-token-file",
            reason,
        };
        let unreadable = |error: std::io::Error| unusable(format!("{}: {error}", path.display()));
        if tokio::fs::metadata(path).await.map_err(unreadable)?.len() > MAX_TOKEN_FILE_BYTES {
            return Err(unusable("the file is longer than 8 KiB".to_owned()));
        }
        let text = tokio::fs::read_to_string(path).await.map_err(unreadable)?;
        Self::new(text.trim())
            .ok_or_else(|| unusable(format!("a token has at least {MIN_TOKEN} characters")))
    }

    fn new(token: &str) -> Option<Self> {
        (token.len() >= MIN_TOKEN).then(|| Self(hash(token)))
    }

    fn is(&self, token: &str) -> bool {
        verify_slices_are_equal(&self.0, &hash(token)).is_ok()
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

impl Admission {
    /// Lets a caller through, or says why not.
    pub(super) fn check<T>(&self, request: &Request<T>) -> Result<(), Error> {
        let context = Context::of(request);
        if context.identity().is_some() {
            return Ok(());
        }
        match self {
            Self::Token(token) => {
                let given = bearer(request.metadata());
                given.filter(|given| token.is(given)).map(drop).ok_or(Error::WrongToken)
            }
            Self::Local => {
                let here = context.peer().is_some_and(Peer::is_loopback);
                if here && !forwarded(request.metadata()) { Ok(()) } else { Err(Error::NotLocal) }
            }
        }
    }
}

/// The token of `authorization: Bearer <token>`. The name of the scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(metadata: &MetadataMap) -> Option<&str> {
    let (scheme, token) = metadata.get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a proxy on this machine calls for somebody who is elsewhere.
fn forwarded(metadata: &MetadataMap) -> bool {
    let is_here = |address: &str| {
        address.trim().parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    };
    let all_here = |list: &str| list.split(',').all(is_here);
    metadata.get_all("x-forwarded-for").iter().any(|value| !value.to_str().is_ok_and(all_here))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "correct-horse-battery-staple";

    fn from(peer: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        for (name, value) in headers {
            request.metadata_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn without_a_token_only_this_machine_registers() {
        let may = |request: &Request<()>| Admission::Local.check(request).is_ok();
        assert!(may(&from("127.0.0.1:1", &[])) && may(&from("[::ffff:127.0.0.1]:1", &[])));
        assert!(!may(&from("10.0.0.1:1", &[])) && !may(&Request::new(())));
        assert!(!may(&from("127.0.0.1:1", &[("x-forwarded-for", "10.0.0.1")])));
    }

    #[test]
    fn with_a_token_being_here_is_not_enough() {
        let admission = Admission::Token(RegisterToken::new(TOKEN).unwrap());
        let may = |peer, headers: &[_]| admission.check(&from(peer, headers)).is_ok();
        let good = format!("bearer {TOKEN}");
        assert!(may("10.0.0.1:1", &[("authorization", good.as_str())]));
        assert!(!may("127.0.0.1:1", &[]));
        assert!(!may("127.0.0.1:1", &[("authorization", "Bearer correct-horse")]));
        assert!(!may("127.0.0.1:1", &[("authorization", TOKEN)]));
        assert!(RegisterToken::new("short").is_none());
    }
}
