//! The `grpc-timeout` header: at most 8 digits and a unit (PROTOCOL-HTTP2, "Timeout").

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Duration;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// A `grpc-timeout` that is not at most 8 digits followed by one of H, M, S, m, u, n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTimeout;

/// Reads the `grpc-timeout` of a call; `None` when it has none.
///
/// # Errors
/// When the header is there and not a timeout.
pub fn parse_grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, InvalidTimeout> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    let (unit, digits) = value.as_bytes().split_last().ok_or(InvalidTimeout)?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(InvalidTimeout);
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return Err(InvalidTimeout),
    };
    Ok(Some(timeout))
}

/// The largest number that fits into 8 digits.
const MAX: u128 = 99_999_999;

/// Writes a `grpc-timeout` in the finest unit that fits, never more than `timeout`: what a server is told must not be later than what the client holds to.
pub fn grpc_timeout(timeout: Duration) -> HeaderValue {
    let nanos = timeout.as_nanos();
    let units = [("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000)];
    let fitting = units.into_iter().find(|(_, unit)| nanos / unit <= MAX);
    // 99,999,999 hours are 11,000 years.
    let (number, unit) = match fitting {
        Some((name, unit)) => (nanos / unit, name),
        None => ((nanos / 3_600_000_000_000).min(MAX), "H"),
    };
    // Digits and a letter fit a header, so this cannot fail.
    HeaderValue::try_from(format!("{number}{unit}")).unwrap_or(HeaderValue::from_static("0n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Option<Duration>, InvalidTimeout> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        parse_grpc_timeout(&headers)
    }

    #[test]
    fn every_unit_is_read() {
        for (text, expected) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("4S", Duration::from_secs(4)),
            ("5m", Duration::from_millis(5)),
            ("6u", Duration::from_micros(6)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("0S", Duration::ZERO),
        ] {
            assert_eq!(parsed(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_timeout_is_refused() {
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "1.5S", "+1S", "1 S", "S1"] {
            assert_eq!(parsed(text), Err(InvalidTimeout), "{text:?}");
        }
    }

    #[test]
    fn no_header_is_no_timeout() {
        assert_eq!(parse_grpc_timeout(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn a_timeout_is_written_as_finely_as_fits_and_never_rounded_up() {
        for (timeout, expected) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_999), "100000u"),
            (Duration::from_secs(99), "99000000u"),
            (Duration::from_micros(100_000_999), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_000), "27777H"),
            (Duration::MAX, "99999999H"),
        ] {
            let value = grpc_timeout(timeout);
            assert_eq!(value, expected);
            assert!(parsed(value.to_str().unwrap()).unwrap().unwrap() <= timeout, "{value:?}");
        }
    }
}
