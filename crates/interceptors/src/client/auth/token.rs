use std::fmt;
use std::future::Future;

use http::HeaderValue;
use tokio::time::{Duration, Instant};
use tonic::Status;

use crate::client::clock::after;

/// A bearer token, and how long it is good for.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    expiry: Option<Expiry>,
}

#[derive(Clone, Copy)]
struct Expiry {
    at: Instant,
    lifetime: Duration,
}

impl Token {
    /// A token that is good for `lifetime` from now; without one, until a server refuses it.
    ///
    /// # Errors
    /// When the text is not a bearer token. Source: RFC 6750, section 2.1.
    pub fn new(token: &str, lifetime: Option<Duration>) -> Result<Self, InvalidToken> {
        let body = token.trim_end_matches('=');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if body.is_empty() || !body.bytes().all(allowed) {
            return Err(InvalidToken);
        }
        let mut header =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| InvalidToken)?;
        header.set_sensitive(true);
        let expiry =
            lifetime.map(|lifetime| Expiry { at: after(Instant::now(), lifetime), lifetime });
        Ok(Self { header, expiry })
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    pub(super) fn is_good(&self, now: Instant) -> bool {
        self.expiry.is_none_or(|expiry| now < expiry.at)
    }

    /// Whether it is time for a newer one: `ahead` of its expiry, or half of its lifetime if that is less.
    pub(super) fn is_old(&self, now: Instant, ahead: Duration) -> bool {
        self.expiry.is_some_and(|expiry| {
            expiry.at.saturating_duration_since(now) <= ahead.min(expiry.lifetime / 2)
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").finish_non_exhaustive()
    }
}

/// Something that is no bearer token; it does not say what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bearer token")]
pub struct InvalidToken;

/// Where tokens come from. A closure that returns a future is one.
pub trait TokenSource: Send + Sync + 'static {
    /// Gets a new token. Called when none is at hand or the one in use is about to expire, never twice at the same time.
    fn fetch(&self) -> impl Future<Output = Result<Token, Status>> + Send;
}

impl<F, T> TokenSource for F
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = Result<Token, Status>> + Send,
{
    fn fetch(&self) -> impl Future<Output = Result<Token, Status>> + Send {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rfc_6750_calls_a_token_is_one() {
        for (text, valid) in [
            ("abcXYZ019-._~+/", true),
            ("YWJj==", true),
            ("", false),
            ("==", false),
            ("a=b", false),
            ("a b", false),
            ("a\r\nx-admin: 1", false),
            ("tök", false),
        ] {
            assert_eq!(Token::new(text, None).is_ok(), valid, "{text:?}");
        }
    }

    #[test]
    fn neither_debug_nor_the_error_shows_a_token() {
        let token = Token::new("secret", None).unwrap();
        assert!(!format!("{token:?} {:?}", token.header()).contains("secret"));
        let error = Token::new("secret\n", None).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("secret"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_old_ahead_of_its_expiry_but_not_at_once() {
        let seconds = Duration::from_secs;
        for (lifetime, ahead, old_after) in [(100, 30, 70), (40, 30, 20), (100, 0, 100)] {
            let token = Token::new("t", Some(seconds(lifetime))).unwrap();
            let start = Instant::now();
            let old = |after| token.is_old(start + seconds(after), seconds(ahead));
            assert!(!old(old_after - 1) && old(old_after), "{lifetime} {ahead}");
            assert!(token.is_good(start + seconds(lifetime - 1)));
            assert!(!token.is_good(start + seconds(lifetime)));
        }
        let lasting = Token::new("t", None).unwrap();
        assert!(lasting.is_good(Instant::now()) && !lasting.is_old(Instant::now(), seconds(30)));
    }
}
