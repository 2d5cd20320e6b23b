//! The `grpc-timeout` header: at most 8 digits and a unit (PROTOCOL-HTTP2, "Timeout").

use http::HeaderMap;
use tokio::time::Duration;

/// A `grpc-timeout` that is not at most 8 digits followed by one of H, M, S, m, u, n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTimeout;

/// Reads the `grpc-timeout` of a call; `None` when it has none.
///
/// # Errors
/// When the header is there and not a timeout.
pub fn parse_grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, InvalidTimeout> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let text = value.to_str().map_err(|_| InvalidTimeout)?;
    let (digits, unit) =
        text.split_at_checked(text.len().saturating_sub(1)).ok_or(InvalidTimeout)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidTimeout);
    }
    let number: u64 = digits.parse().map_err(|_| InvalidTimeout)?;
    let timeout = match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return Err(InvalidTimeout),
    };
    Ok(Some(timeout))
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
}
