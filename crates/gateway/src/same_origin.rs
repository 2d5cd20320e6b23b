//! Refuses what pages of other sites send by way of a visitor's browser.
//!
//! A server on a developer's machine is in reach of every page in that person's browser, and a request without a body needs no
//! permission. Browsers say where a request comes from, so those that change something and come from another site are refused. Other
//! clients say nothing, and are not affected. Source: Fetch Metadata Request Headers, and Go's `net/http.CrossOriginProtection`.

use http::{HeaderMap, Method, header};

use crate::error::Refusal;

/// Lets a request pass unless a page of another site made it.
pub(crate) fn check(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let allowed = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, origin)| Some(origin) == text(header::HOST.as_str())),
        (None, None) => true,
    };
    if allowed { Ok(()) } else { Err(Refusal::OtherSite) }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn passes(method: Method, headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        check(&method, &headers.collect()).is_ok()
    }

    #[test]
    fn only_pages_of_other_sites_are_refused() {
        for (headers, expected) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://localhost:9091"), ("host", "localhost:9091")], true),
            (&[("origin", "http://localhost:3000"), ("host", "localhost:9091")], false),
            (&[("origin", "null"), ("host", "localhost:9091")], false),
        ] {
            assert_eq!(passes(Method::POST, headers), expected, "{headers:?}");
            assert!(passes(Method::GET, headers), "{headers:?}");
        }
    }
}
