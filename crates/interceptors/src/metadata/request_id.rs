//! The id of a call.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that the id of a call stands in.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a caller's id may be, in bytes.
const MAX_BYTES: usize = 128;
/// Of five bits each, 80 together: among a million million calls, two with the same id are about as likely as not. Each digit more would be paid for by every
/// call, in its head, its answer, its log line and the calls that it makes.
const DIGITS: usize = 16;
/// Source: RFC 4648, "Base 32 Encoding", in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The id that the headers have, or else a new one. One that cannot be used is taken out of them.
pub(super) fn find_or_make(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(own) = own(headers) {
        return own.clone();
    }
    if headers.contains_key(REQUEST_ID) {
        headers.remove(REQUEST_ID);
    }
    make()
}

/// What the caller calls the call, if that can stand in a log line and is one name.
fn own(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(REQUEST_ID).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let bytes = value.as_bytes();
    let fits = (1..=MAX_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    fits.then_some(value)
}

/// Ids have to differ and need not be secret, so the fast generator does.
fn make() -> HeaderValue {
    let (mut digits, mut number) = ([0; DIGITS], fastrand::u128(..));
    for digit in &mut digits {
        *digit = ALPHABET[number as usize % ALPHABET.len()];
        number >>= 5;
    }
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(digits))
        .unwrap_or(HeaderValue::from_static("unknown"));
    // Kept out of HPACK's table: it never comes again, and would push out what does.
    value.set_sensitive(true);
    value
}
