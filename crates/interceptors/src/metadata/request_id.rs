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
/// One of so many ids is let into HPACK's table.
const LET_IN: u128 = 64;
/// Source: RFC 4648, "Base 32 Encoding", in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The id that the headers have, or else a new one. One that cannot be used is taken out of them.
pub(super) fn find_or_make(headers: &mut HeaderMap) -> HeaderValue {
    let mut values = headers.get_all(REQUEST_ID).iter();
    let Some(own) = values.next() else { return make() };
    if values.next().is_none() && fits(own) {
        return own.clone();
    }
    headers.remove(REQUEST_ID);
    make()
}

/// Whether what the caller calls the call can stand in a log line.
fn fits(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=MAX_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
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
    // Kept out of HPACK's table: it never comes again, and would push out what does. One now and then is let in, so that the name is there for the others to refer to.
    value.set_sensitive(!number.is_multiple_of(LET_IN));
    value
}
