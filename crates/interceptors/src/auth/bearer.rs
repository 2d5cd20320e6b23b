//! Finds the token of a call.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::Rejection;

const SCHEME: &[u8] = b"bearer";

/// The token in `authorization`, all of it visible ASCII. The case of the scheme does not matter (RFC 9110, section 11.1), and spaces are allowed between it and the token
/// only (section 11.4).
pub(super) fn token(headers: &HeaderMap) -> Result<&[u8], Rejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Rejection::Missing)?;
    if values.next().is_some() {
        return Err(Rejection::Several);
    }
    let (scheme, rest) =
        value.as_bytes().split_at_checked(SCHEME.len()).ok_or(Rejection::NotBearer)?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    // Without a way out in the middle, so that it is done for many bytes at a time: tokens are long, and known ones cost little else.
    let visible = token.iter().fold(true, |so_far, byte| so_far & byte.is_ascii_graphic());
    if !scheme.eq_ignore_ascii_case(SCHEME) || spaces == 0 || token.is_empty() || !visible {
        return Err(Rejection::NotBearer);
    }
    Ok(token)
}

/// Keeps the token out of whatever prints the headers on their way to the handler.
pub(super) fn hide(headers: &mut HeaderMap<HeaderValue>) {
    // Not by `entry`, which makes room for one more.
    for (name, value) in headers.iter_mut() {
        if *name == AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
}
