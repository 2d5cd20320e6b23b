//! Finds the token of a call.

use http::header::{AUTHORIZATION, Entry};
use http::{HeaderMap, HeaderValue};

use super::Rejection;

const SCHEME: &str = "bearer";

/// The token in `authorization`. The case of the scheme does not matter (RFC 9110, section 11.1), and spaces are allowed between it and the token
/// only (section 11.4).
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Rejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Rejection::Missing)?;
    if values.next().is_some() {
        return Err(Rejection::Several);
    }
    let text = value.to_str().map_err(|_| Rejection::NotBearer)?;
    let (scheme, token) = text.split_once(' ').ok_or(Rejection::NotBearer)?;
    let token = token.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case(SCHEME) || token.is_empty() || token.contains([' ', '\t']) {
        return Err(Rejection::NotBearer);
    }
    Ok(token)
}

/// Keeps the token out of whatever prints the headers on their way to the handler.
pub(super) fn hide(headers: &mut HeaderMap<HeaderValue>) {
    if let Entry::Occupied(mut values) = headers.entry(AUTHORIZATION) {
        values.iter_mut().for_each(|value| value.set_sensitive(true));
    }
}
