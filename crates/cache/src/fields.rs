//! What the fields of a request may be.

use tokio::time::Duration;
use tonic_types::FieldViolation;

use crate::error::Error;

/// How long a key may be, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 1024;
/// How large a value may be, in bytes: with its key it fits the 4 MiB that gRPC takes in a message by default.
const MAX_VAL_BYTES: usize = 1024 * 1024;
/// The longest time to live: 10 years of 365.25 days.
const MAX_TTL: Duration = Duration::from_secs(315_576_000);

/// Checks a key.
pub(crate) fn key(key: &str) -> Result<(), Error> {
    all(key_violation(key))
}

/// Checks what is to be stored, and gives how long to keep it. Every field that cannot be used is told at once.
pub(crate) fn entry(
    key: &str,
    val: &[u8],
    ttl: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Error> {
    let val_violation = (val.len() > MAX_VAL_BYTES).then(|| {
        violation(
            "val",
            format!("{} bytes are more than {MAX_VAL_BYTES}: split the value", val.len()),
        )
    });
    let (ttl, ttl_violation) = match ttl.map(ttl_of).transpose() {
        Ok(ttl) => (ttl, None),
        Err(violation) => (None, Some(violation)),
    };
    all(key_violation(key).into_iter().chain(val_violation).chain(ttl_violation)).map(|()| ttl)
}

/// One bad field, for an error that has a reason of its own.
pub(crate) fn violation(field: &str, description: impl Into<String>) -> FieldViolation {
    FieldViolation::new(field, description)
}

fn key_violation(key: &str) -> Option<FieldViolation> {
    match key.len() {
        0 => Some(violation("key", format!("is empty; a key has 1 to {MAX_KEY_BYTES} bytes"))),
        1..=MAX_KEY_BYTES => None,
        bytes => Some(violation(
            "key",
            format!("{bytes} bytes are too long; a key has 1 to {MAX_KEY_BYTES} bytes"),
        )),
    }
}

fn ttl_of(ttl: prost_types::Duration) -> Result<Duration, FieldViolation> {
    let seconds = u64::try_from(ttl.seconds).ok();
    let nanos = u32::try_from(ttl.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    seconds
        .zip(nanos)
        .map(|(seconds, nanos)| Duration::new(seconds, nanos))
        .filter(|ttl| !ttl.is_zero() && *ttl <= MAX_TTL)
        .ok_or_else(|| {
            let limit = MAX_TTL.as_secs();
            violation("ttl", format!("is not more than 0 and at most 10 years ({limit} s); leave it out to keep the entry"))
        })
}

fn all(violations: impl IntoIterator<Item = FieldViolation>) -> Result<(), Error> {
    let violations = violations.into_iter().collect::<Vec<_>>();
    if violations.is_empty() { Ok(()) } else { Err(Error::Fields(violations)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad_fields(key: &str, val_len: usize, ttl: Option<(i64, i32)>) -> Vec<String> {
        let ttl = ttl.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
        match entry(key, &vec![0; val_len], ttl) {
            Ok(_) => Vec::new(),
            Err(Error::Fields(violations)) => {
                violations.into_iter().map(|violation| violation.field).collect()
            }
            Err(error) => panic!("{error}"),
        }
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
