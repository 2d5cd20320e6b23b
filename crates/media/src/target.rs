//! What a usable URL is.
//!
//! Read with the parser of the WHATWG URL standard, the one that the HTTP client uses too: where two parsers read one text in two
//! ways, one of them checks what the other does not fetch. Texts that parsers are known to differ on are refused before parsing.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::Url;

use crate::error::Refusal;

/// The longest URL, in bytes.
const MAX_BYTES: usize = 2048;
/// How much of a URL a log line shows, in bytes.
const SHOWN_BYTES: usize = 256;

/// A URL that may be fetched if the policy lets its host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
    host: Host,
    port: u16,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A literal address, in whatever notation the URL had it.
    Address(IpAddr),
    /// A name, in lower case and ASCII.
    Name(String),
}

/// Why a text is no usable URL. The text completes "field url: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadUrl {
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("has white space, a control character or a backslash; write them percent-encoded")]
    Characters,
    #[error("does not begin with http:// or https:// and a host")]
    Scheme,
    #[error("cannot be parsed: {0}")]
    Syntax(#[from] url::ParseError),
    #[error("has a user name or password; only what everybody may see is fetched")]
    UserInfo,
    #[error("has a fragment (#…), which no server is ever sent; leave it out")]
    Fragment,
}

impl Target {
    /// Reads the URL of a request.
    pub(crate) fn parse(text: &str) -> Result<Self, BadUrl> {
        check_text(text)?;
        // The parser would also take http:host, http:/host and http:///host for http://host, as a browser's address line does.
        let rest = strip_scheme(text).ok_or(BadUrl::Scheme)?;
        if rest.is_empty() || rest.starts_with('/') {
            return Err(BadUrl::Scheme);
        }
        Self::try_from_url(Url::parse(text)?)
    }

    /// Reads the `Location` of a redirect from here.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, Refusal> {
        check_text(location).map_err(Refusal::Redirect)?;
        let url = self.url.join(location).map_err(|error| Refusal::Redirect(error.into()))?;
        let target = Self::try_from_url(url).map_err(Refusal::Redirect)?;
        if self.url.scheme() == "https" && target.url.scheme() != "https" {
            return Err(Refusal::Downgrade);
        }
        Ok(target)
    }

    fn try_from_url(url: Url) -> Result<Self, BadUrl> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(BadUrl::Fragment);
        }
        if url.as_str().len() > MAX_BYTES {
            return Err(BadUrl::TooLong);
        }
        let host = match url.host() {
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            Some(url::Host::Domain(name)) => Host::Name(name.to_owned()),
            None => return Err(BadUrl::Scheme),
        };
        let port = url.port_or_known_default().ok_or(BadUrl::Scheme)?;
        Ok(Self { url, host, port })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// An address that the host stands for, with the port of the URL.
    pub(crate) fn at(&self, address: IpAddr) -> SocketAddr {
        SocketAddr::new(address, self.port)
    }
}

/// Shows a URL as a log may: without its query, where keys and signatures are, and without its end if it is long.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A parsed URL is ASCII and has its control characters percent-encoded.
        let shown = &self.url[..url::Position::AfterPath];
        match shown.split_at_checked(SHOWN_BYTES) {
            Some((start, rest)) if !rest.is_empty() => write!(formatter, "{start}…"),
            _ => formatter.write_str(shown),
        }
    }
}

fn check_text(text: &str) -> Result<(), BadUrl> {
    if text.len() > MAX_BYTES {
        return Err(BadUrl::TooLong);
    }
    let is_bad =
        |character: char| character.is_whitespace() || character.is_control() || character == '\\';
    if text.contains(is_bad) { Err(BadUrl::Characters) } else { Ok(()) }
}

fn strip_scheme(text: &str) -> Option<&str> {
    ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> BadUrl {
        Target::parse(text).expect_err(text)
    }

    #[test]
    fn urls_of_images_are_usable() {
        for (text, host, port) in [
            ("http://example.com", Host::Name("example.com".into()), 80),
            ("HTTPS://Example.com/a%20b.png?w=1&h=2", Host::Name("example.com".into()), 443),
            ("http://bücher.example:8080/ä.png", Host::Name("xn--bcher-kva.example".into()), 8080),
            ("http://93.184.216.34/@user/a.png", Host::Address([93, 184, 216, 34].into()), 80),
            (
                "https://[2606:4700::1111]:444/",
                Host::Address("2606:4700::1111".parse().unwrap()),
                444,
            ),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.host, target.port), (host, port), "{text}");
        }
    }

    #[test]
    fn literal_addresses_are_seen_in_any_notation() {
        for text in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
            "%31%32%37.0.0.1",
        ] {
            let target = Target::parse(&format!("http://{text}/")).unwrap();
            assert_eq!(target.host, Host::Address([127, 0, 0, 1].into()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("", BadUrl::Scheme),
            ("example.com/a.png", BadUrl::Scheme),
            ("//example.com/a.png", BadUrl::Scheme),
            ("http:", BadUrl::Scheme),
            ("http://", BadUrl::Scheme),
            ("http:example.com", BadUrl::Scheme),
            ("http:/example.com", BadUrl::Scheme),
            ("http:///example.com", BadUrl::Scheme),
            ("file:///etc/passwd", BadUrl::Scheme),
            ("httpx://example.com", BadUrl::Scheme),
            ("http://u@example.com", BadUrl::UserInfo),
            ("http://u:p@example.com", BadUrl::UserInfo),
            ("http://:p@example.com", BadUrl::UserInfo),
            ("http://example.com#", BadUrl::Fragment),
            ("http://example.com#@127.0.0.1/", BadUrl::Fragment),
            ("http://example.com/ a", BadUrl::Characters),
            ("http://example.com/\u{a0}a", BadUrl::Characters),
            (" http://example.com/", BadUrl::Characters),
            ("http://exam\tple.com/", BadUrl::Characters),
            ("http://example.com/\r\nHost: other", BadUrl::Characters),
            ("http://example.com\\@127.0.0.1/", BadUrl::Characters),
            ("http://example.com/\u{85}", BadUrl::Characters),
            ("http://example.com/\u{1b}[2J", BadUrl::Characters),
            ("http://example.com/\0", BadUrl::Characters),
            ("http://example.com:99999/", BadUrl::Syntax(url::ParseError::InvalidPort)),
        ] {
            assert_eq!(bad(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_url_has_at_most_2048_bytes_as_written_and_as_sent() {
        let base = "http://example.com/";
        let path = |bytes: usize| format!("{base}{}", "a".repeat(bytes - base.len()));
        assert!(Target::parse(&path(2048)).is_ok());
        assert_eq!(bad(&path(2049)), BadUrl::TooLong);
        // Percent-encoding makes six bytes of two.
        assert_eq!(bad(&format!("{base}{}", "ä".repeat(400))), BadUrl::TooLong);
    }

    #[test]
    fn redirects_are_relative_absolute_or_relative_to_the_scheme() {
        let from = Target::parse("http://example.com/a/b.png").unwrap();
        for (location, expected) in [
            ("c.png", "http://example.com/a/c.png"),
            ("/c.png", "http://example.com/c.png"),
            ("//other.example/c.png", "http://other.example/c.png"),
            ("https://other.example/c.png", "https://other.example/c.png"),
            ("//127.1/", "http://127.0.0.1/"),
        ] {
            assert_eq!(from.redirected(location).unwrap().url().as_str(), expected);
        }
    }

    #[test]
    fn redirects_are_held_to_the_rules_of_urls_and_never_leave_https() {
        let from = Target::parse("https://example.com/a/b.png").unwrap();
        for location in [
            "ftp://example.com/",
            "//u@example.com/",
            "/\\127.0.0.1/",
            "/a#b",
            "/a b",
            "file:///etc/passwd",
        ] {
            assert!(matches!(from.redirected(location), Err(Refusal::Redirect(_))), "{location}");
        }
        assert!(matches!(from.redirected("http://example.com/"), Err(Refusal::Downgrade)));
        assert!(matches!(
            from.redirected(&"a".repeat(2040)),
            Err(Refusal::Redirect(BadUrl::TooLong))
        ));
    }

    #[test]
    fn a_log_shows_neither_the_query_nor_more_than_256_bytes() {
        let shown = |text: &str| Target::parse(text).unwrap().to_string();
        assert_eq!(
            shown("http://example.com/a%0ab.png?key=secret"),
            "http://example.com/a%0ab.png"
        );
        assert_eq!(
            shown(&format!("http://example.com/{}", "a".repeat(1000))).len(),
            256 + "…".len()
        );
    }
}
