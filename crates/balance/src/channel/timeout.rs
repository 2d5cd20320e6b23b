//! The `grpc-timeout` of an outgoing call.

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Duration;

static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The `grpc-timeout` that the generated client has set; it writes nothing but digits and a unit.
pub(super) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.checked_mul(3600)?),
        "M" => Duration::from_secs(number.checked_mul(60)?),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Sets the `grpc-timeout`, in the finest unit in which it has at most eight digits. Source: PROTOCOL-HTTP2, "Timeout".
pub(super) fn set_grpc_timeout(headers: &mut HeaderMap, timeout: Duration) {
    const MAX: u128 = 99_999_999;
    let units = [
        (timeout.as_nanos(), 'n'),
        (timeout.as_micros(), 'u'),
        (timeout.as_millis(), 'm'),
        (u128::from(timeout.as_secs()), 'S'),
        (u128::from(timeout.as_secs() / 60), 'M'),
    ];
    let fits = units.into_iter().find(|(number, _)| *number <= MAX);
    let (number, unit) = fits.unwrap_or((u128::from(timeout.as_secs() / 3600).min(MAX), 'H'));
    // Digits and a letter always make a header.
    if let Ok(value) = HeaderValue::try_from(format!("{number}{unit}")) {
        headers.insert(&GRPC_TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tonic_writes_is_read() {
        for timeout in
            [Duration::from_millis(1), Duration::from_secs(3), Duration::from_secs(100_000)]
        {
            let mut request = tonic::Request::new(());
            request.set_timeout(timeout);
            assert_eq!(grpc_timeout(&request.metadata().clone().into_headers()), Some(timeout));
        }
        assert_eq!(grpc_timeout(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_written_is_read_in_eight_digits() {
        for (timeout, expected) in [
            (Duration::from_nanos(1), "1n"),
            (Duration::from_millis(250), "250000u"),
            (Duration::from_secs(15), "15000000u"),
            (Duration::from_secs(3600), "3600000m"),
            (Duration::from_secs(100_000_000), "1666666M"),
        ] {
            let mut headers = HeaderMap::new();
            set_grpc_timeout(&mut headers, timeout);
            assert_eq!(headers["grpc-timeout"], expected);
            assert!(grpc_timeout(&headers).unwrap() <= timeout);
        }
    }
}
