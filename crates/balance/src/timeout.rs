//! The `grpc-timeout` of an outgoing call.

use http::HeaderMap;
use tokio::time::Duration;

/// The `grpc-timeout` that the generated client has set; it writes nothing but digits and a unit.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
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
}
