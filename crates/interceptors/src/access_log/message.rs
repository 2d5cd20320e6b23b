//! What a status says.

use std::borrow::Cow;

use http::HeaderValue;
use percent_encoding::percent_decode;

/// The message in a `grpc-message`, which is percent-encoded (PROTOCOL-HTTP2), as text. Bytes that are not UTF-8 are replaced.
pub(crate) fn decoded(message: &HeaderValue) -> Cow<'_, str> {
    percent_decode(message.as_bytes()).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_the_server_meant_it() {
        for (sent, expected) in [
            ("plain", "plain"),
            ("two%20words", "two words"),
            ("two words", "two words"),
            ("a%0Ab %C3%BC", "a\nb ü"),
            ("100%", "100%"),
            ("%2", "%2"),
            ("%FF", "\u{fffd}"),
        ] {
            assert_eq!(decoded(&HeaderValue::from_static(sent)), expected);
        }
    }
}
