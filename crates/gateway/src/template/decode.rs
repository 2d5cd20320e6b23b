//! Percent-decoding of paths, by the rules of `google.api.http`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A part of a path that is not percent-encoded UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Decodes the value of a variable.
///
/// One that covers a single segment is decoded whole. In one that may cover several, an encoded slash stays encoded, because it would
/// become one that separates segments.
pub(crate) fn decode(segments: &[&str], multi: bool) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(segments.iter().map(|segment| segment.len() + 1).sum());
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            bytes.push(b'/');
        }
        decode_segment(segment.as_bytes(), multi, &mut bytes)?;
    }
    String::from_utf8(bytes).map_err(|_| Malformed)
}

fn decode_segment(
    mut raw: &[u8],
    keep_slash: bool,
    decoded: &mut Vec<u8>,
) -> Result<(), Malformed> {
    while let Some((&byte, rest)) = raw.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            raw = rest;
            continue;
        }
        let (&[high, low], rest) = rest.split_first_chunk().ok_or(Malformed)?;
        match hex(high)? << 4 | hex(low)? {
            b'/' if keep_slash => decoded.extend([b'%', high, low]),
            byte => decoded.push(byte),
        }
        raw = rest;
    }
    Ok(())
}

fn hex(digit: u8) -> Result<u8, Malformed> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(Malformed)
}

/// Decodes a segment to compare it with a literal; `None` when it cannot be text.
pub(crate) fn decode_literal(segment: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(segment).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_segment_is_decoded_whole() {
        for (raw, expected) in [
            ("Ada", "Ada"),
            ("a%2Fb", "a/b"),
            ("%e2%98%BA", "☺"),
            ("a+b", "a+b"),
            ("100%25", "100%"),
        ] {
            assert_eq!(decode(&[raw], false).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn several_segments_keep_an_encoded_slash() {
        assert_eq!(
            decode(&["a", "b%20c", "", "d%2Fe%2ff"], true).as_deref(),
            Ok("a/b c//d%2Fe%2ff")
        );
        assert_eq!(decode(&[], true).as_deref(), Ok(""));
    }

    #[test]
    fn what_is_not_percent_encoded_utf8_is_refused() {
        for raw in ["%", "%a", "%zz", "a%", "%ff", "%+1"] {
            assert_eq!(decode(&[raw], false), Err(Malformed), "{raw}");
        }
    }
}
