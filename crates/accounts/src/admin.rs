//! Who may administer accounts.
//!
//! Where tokens of an issuer are checked, the policy of the server's [`needs`](wayside_chassis::App::needs) decides, and whoever it has
//! let through is let through here. The rule here is for servers that know no issuer.

use std::net::IpAddr;

use tonic::Request;
use tonic::metadata::MetadataMap;
use wayside_chassis::{Context, Peer};

use crate::AdminToken;
use crate::error::Error;
use crate::token::TokenDigest;

/// The rule for every method but GetByToken.
#[derive(Debug)]
pub(crate) enum Admin {
    /// Whoever has the token of this digest.
    Token(TokenDigest),
    /// Whoever is on this machine.
    Local,
}

impl Admin {
    pub(crate) fn new(token: Option<&AdminToken>) -> Self {
        token.map_or(Self::Local, |token| Self::Token(token.digest().clone()))
    }

    /// Lets the caller through, or says why not.
    pub(crate) fn check<T>(&self, request: &Request<T>) -> Result<(), Error> {
        let context = Context::of(request);
        if context.identity().is_some() {
            return Ok(());
        }
        match self {
            Self::Token(digest) => match bearer(request.metadata()) {
                None => Err(Error::NoAdminToken),
                Some(token) if digest.is_of(token) => Ok(()),
                Some(_) => Err(Error::WrongAdminToken),
            },
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
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// Whether a proxy says that it calls for somebody who is not on this machine. A proxy that runs here calls from here, whomever it
/// serves; a caller that makes the header up can only lose by it.
fn forwarded(metadata: &MetadataMap) -> bool {
    metadata.get_all("x-forwarded-for").iter().any(|value| {
        let here = |address: &str| {
            address
                .trim()
                .parse::<IpAddr>()
                .is_ok_and(|address| address.to_canonical().is_loopback())
        };
        !value.to_str().is_ok_and(|list| list.split(',').all(here))
    })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    const TOKEN: &str = "correct-horse-battery-staple";

    fn from(peer: Option<&str>) -> Request<()> {
        let mut request = Request::new(());
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        }
        request
    }

    fn with(mut request: Request<()>, name: &'static str, value: &str) -> Request<()> {
        request.metadata_mut().append(name, value.parse().unwrap());
        request
    }

    fn refusal(admin: &Admin, request: &Request<()>) -> tonic::Status {
        admin.check(request).unwrap_err().into()
    }

    #[test]
    fn without_a_token_only_this_machine_is_let_through() {
        for peer in ["127.0.0.1:4", "127.9.9.9:4", "[::1]:4", "[::ffff:127.0.0.1]:4"] {
            assert!(Admin::new(None).check(&from(Some(peer))).is_ok(), "{peer}");
        }
        for peer in [
            Some("10.0.0.1:4"),
            Some("[fe80::1]:4"),
            Some("[::ffff:10.0.0.1]:4"),
            Some("0.0.0.0:4"),
            None,
        ] {
            let status = refusal(&Admin::new(None), &from(peer));
            assert_eq!(status.code(), Code::PermissionDenied, "{peer:?}");
            assert!(
                status.message().contains("--accounts-admin-token"),
                "the remedy is named: {}",
                status.message()
            );
        }
    }

    #[test]
    fn a_proxy_on_this_machine_speaks_for_whom_it_serves() {
        for (value, local) in [
            ("127.0.0.1", true),
            ("::1, 127.0.0.1", true),
            ("203.0.113.7", false),
            ("127.0.0.1, 203.0.113.7", false),
            ("unknown", false),
            ("", false),
        ] {
            let request = with(from(Some("127.0.0.1:4")), "x-forwarded-for", value);
            assert_eq!(Admin::new(None).check(&request).is_ok(), local, "{value}");
        }
        let twice = with(
            with(from(Some("[::1]:4")), "x-forwarded-for", "::1"),
            "x-forwarded-for",
            "203.0.113.7",
        );
        assert!(Admin::new(None).check(&twice).is_err(), "every header counts");
    }

    #[test]
    fn with_a_token_nothing_else_counts() {
        let admin = Admin::new(Some(&AdminToken::try_new(TOKEN).unwrap()));
        for scheme in ["Bearer", "bearer", "BEARER "] {
            let request =
                with(from(Some("10.0.0.1:4")), "authorization", &format!("{scheme} {TOKEN}"));
            assert!(admin.check(&request).is_ok(), "{scheme}");
        }
        let local = from(Some("127.0.0.1:4"));
        assert_eq!(
            refusal(&admin, &local).code(),
            Code::Unauthenticated,
            "being local is not enough"
        );
        for value in [
            "",
            TOKEN,
            "Basic correct-horse-battery-staple",
            "Bearer",
            "Bearer correct-horse-battery-stapl",
            "Bearer x",
        ] {
            let status = refusal(&admin, &with(from(Some("127.0.0.1:4")), "authorization", value));
            assert_eq!(status.code(), Code::Unauthenticated, "{value}");
            assert!(!status.message().contains("horse"), "{}", status.message());
        }
    }
}
