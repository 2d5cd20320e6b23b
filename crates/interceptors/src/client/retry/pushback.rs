use http::HeaderMap;
use tokio::time::Duration;

/// What a server says about a retry in `grpc-retry-pushback-ms`. Source: gRFC A6, "Pushback".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushback {
    /// Nothing: the policy decides.
    Silent,
    /// After exactly this time.
    After(Duration),
    /// Not at all.
    Never,
}

impl Pushback {
    /// One signed 32-bit number in ASCII, without leading zeros, is a time in milliseconds. A negative number, anything else, or more than one
    /// value asks not to retry.
    pub(crate) fn of(metadata: &HeaderMap) -> Self {
        let mut values = metadata.get_all("grpc-retry-pushback-ms").iter();
        let Some(value) = values.next() else { return Self::Silent };
        if values.next().is_some() {
            return Self::Never;
        }
        match value.as_bytes() {
            b"0" => Self::After(Duration::ZERO),
            digits @ [b'1'..=b'9', ..] => number(digits).map_or(Self::Never, Self::After),
            _ => Self::Never,
        }
    }
}

fn number(digits: &[u8]) -> Option<Duration> {
    let millis: i32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    u64::try_from(millis).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_that_is_not_negative_allows_a_retry() {
        let after = |millis| Pushback::After(Duration::from_millis(millis));
        for (values, expected) in [
            (&[][..], Pushback::Silent),
            (&["0"], after(0)),
            (&["1"], after(1)),
            (&["1000"], after(1000)),
            (&["2147483647"], after(2_147_483_647)),
            (&["2147483648"], Pushback::Never),
            (&["-1"], Pushback::Never),
            (&["-2147483648"], Pushback::Never),
            (&["xxx"], Pushback::Never),
            (&[""], Pushback::Never),
            (&[" 1"], Pushback::Never),
            (&["+1"], Pushback::Never),
            (&["007"], Pushback::Never),
            (&["1.5"], Pushback::Never),
            (&["1ms"], Pushback::Never),
            (&["100", "10"], Pushback::Never),
        ] {
            let mut metadata = HeaderMap::new();
            for value in values {
                metadata.append("grpc-retry-pushback-ms", value.parse().unwrap());
            }
            assert_eq!(Pushback::of(&metadata), expected, "{values:?}");
        }
    }
}
