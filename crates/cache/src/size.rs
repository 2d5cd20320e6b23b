//! Sizes on the command line.

/// The units that a size may have, and how many bytes each is.
const UNITS: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads a size in bytes: a whole number, alone or with the unit KiB, MiB or GiB.
///
/// # Errors
/// A text that says what a size looks like.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let unit =
        UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), *bytes)));
    let (number, bytes) = unit.unwrap_or((text, 1));
    let wrong = || {
        "a size is a number of bytes above 0, or one with KiB, MiB or GiB: 1000000 or 512MiB"
            .to_owned()
    };
    // `parse` would take a plus sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(bytes).filter(|size| *size > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        for (text, expected) in
            [("1", 1), ("1000", 1000), ("2KiB", 2048), ("3 MiB", 3 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in
            ["", "0", "0GiB", "-1", "+1", "1.5GiB", "1GB", "1gib", "KiB", "99999999999GiB", "1 2"]
        {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
