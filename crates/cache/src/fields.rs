//! What the fields of a request may be.

use tokio::time::Duration;
use tonic::Status;
use wayside_chassis::Violations;

/// How long a key may be, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 1024;
/// How large a value may be, in bytes: with its key it fits the 4 MiB that gRPC takes in a message by default.
const MAX_VAL_BYTES: usize = 1024 * 1024;
/// The longest time to live: 10 years of 365.25 days.
const MAX_TTL: Duration = Duration::from_secs(315_576_000);

/// Checks a key.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(crate) fn key(key: &str) -> Result<(), Status> {
    let mut bad = Violations::default();
    check_key(key, &mut bad);
    bad.into_result()
}

/// Checks what is to be stored, and gives how long to keep it.
///
/// # Errors
/// INVALID_ARGUMENT with every field that cannot be used.
pub(crate) fn entry(
    key: &str,
    val: &[u8],
    ttl: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Status> {
    let mut bad = Violations::default();
    check_key(key, &mut bad);
    let bytes = val.len();
    bad.check(
        bytes <= MAX_VAL_BYTES,
        "val",
        format_args!("{bytes} bytes are more than {MAX_VAL_BYTES}: split the value"),
    );
    let kept = ttl.and_then(duration);
    bad.check(
        kept.is_some() || ttl.is_none(),
        "ttl",
        format_args!(
            "is not more than 0 and at most 10 years ({} s); leave it out to keep the entry",
            MAX_TTL.as_secs()
        ),
    );
    bad.into_result().map(|()| kept)
}

fn check_key(key: &str, bad: &mut Violations) {
    match key.len() {
        0 => bad.add("key", format_args!("is empty; a key has 1 to {MAX_KEY_BYTES} bytes")),
        1..=MAX_KEY_BYTES => {}
        bytes => bad.add(
            "key",
            format_args!("{bytes} bytes are too long; a key has 1 to {MAX_KEY_BYTES} bytes"),
        ),
    }
}

/// A time to live that may be asked for.
fn duration(ttl: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(ttl.seconds).ok()?;
    let nanos = u32::try_from(ttl.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let ttl = Duration::new(seconds, nanos);
    (!ttl.is_zero() && ttl <= MAX_TTL).then_some(ttl)
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;

    fn bad_fields(key: &str, val_len: usize, ttl: Option<(i64, i32)>) -> Vec<String> {
        let ttl = ttl.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
        let Err(status) = entry(key, &vec![0; val_len], ttl) else { return Vec::new() };
        assert_eq!(status.code(), Code::InvalidArgument);
        let bad = status.get_details_bad_request().unwrap();
        bad.field_violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn what_is_within_the_limits_passes() {
        let longest = "k".repeat(1024);
        for (key, val_len, ttl) in [
            ("k", 0, None),
            (longest.as_str(), 1024 * 1024, Some((315_576_000, 0))),
            ("ü", 1, Some((0, 1))),
        ] {
            assert_eq!(bad_fields(key, val_len, ttl), [""; 0]);
        }
        let ttl = prost_types::Duration { seconds: 1, nanos: 5 };
        assert_eq!(entry("k", b"", Some(ttl)).unwrap(), Some(Duration::new(1, 5)));
    }

    #[test]
    fn every_bad_field_is_told_at_once() {
        assert_eq!(bad_fields("", 1024 * 1024 + 1, Some((0, 0))), ["key", "val", "ttl"]);
        assert_eq!(bad_fields(&"k".repeat(1025), 0, None), ["key"]);
        let too_many_bytes = "ü".repeat(513);
        assert_eq!(bad_fields(&too_many_bytes, 0, None), ["key"]);
    }

    #[test]
    fn a_ttl_that_is_not_positive_too_long_or_no_duration_is_refused() {
        for ttl in [
            (0, 0),
            (-1, 0),
            (0, -1),
            (1, -1),
            (1, 1_000_000_000),
            (315_576_000, 1),
            (i64::MAX, 0),
            (i64::MIN, i32::MIN),
        ] {
            assert_eq!(bad_fields("k", 0, Some(ttl)), ["ttl"], "{ttl:?}");
        }
    }
}
