//! Numbers, without the machinery of `std::fmt`.

use std::io::Write;

/// Up to here a number with three decimals has at most 15 digits, and a `f64` tells any two of those apart.
const MOST_THOUSANDTHS: f64 = 1e15;

pub(super) fn push_integer(line: &mut Vec<u8>, value: impl itoa::Integer) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Adds a finite number in the fewest digits that are read as the same number.
pub(super) fn push_float(line: &mut Vec<u8>, value: f64) {
    // Durations are whole microseconds in milliseconds, and finding the fewest digits of a number in general costs more than the
    // rest of its field.
    let thousandths = value * 1000.0 + 0.5;
    if value.is_sign_positive() && thousandths < MOST_THOUSANDTHS {
        let thousandths = thousandths as u64;
        if thousandths as f64 / 1000.0 == value {
            return push_thousandths(line, thousandths);
        }
    }
    // Writing to a Vec cannot fail.
    let _ = write!(line, "{value:?}");
}

fn push_thousandths(line: &mut Vec<u8>, thousandths: u64) {
    push_integer(line, thousandths / 1000);
    let fraction = (thousandths % 1000) as u16;
    let digits = [fraction / 100, fraction / 10 % 10, fraction % 10];
    let last = digits.iter().rposition(|digit| *digit != 0).unwrap_or(0);
    line.push(b'.');
    line.extend(digits[..=last].iter().map(|digit| b'0' + *digit as u8));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: f64) -> String {
        let mut line = Vec::new();
        push_float(&mut line, value);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn numbers_are_written_as_rust_writes_them() {
        for value in [
            0.0,
            -0.0,
            0.001,
            0.0005,
            0.1,
            0.12,
            0.123,
            42.0,
            1e-7,
            -1.5,
            999.999,
            1e12,
            1e15,
            1e16,
            f64::MIN_POSITIVE,
            f64::MAX,
            0.1 + 0.2,
        ] {
            assert_eq!(text(value), format!("{value:?}"));
        }
    }

    proptest! {
        #[test]
        fn any_number_is_written_as_rust_writes_it(value: f64, micros in 0..u64::MAX / 2048) {
            for value in [value, micros as f64 / 1000.0, (micros >> 30) as f64 / 1000.0] {
                prop_assert_eq!(text(value), format!("{value:?}"));
            }
        }
    }
}
