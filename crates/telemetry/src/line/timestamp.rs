//! Points in time as RFC 3339 has them: UTC, with microseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
/// 9999-12-31T23:59:59, the last second that RFC 3339 can write.
const LAST_SECOND: u64 = 253_402_300_799;
const DIGITS: [u8; 10] = *b"0123456789";

/// Remembers how the current second is written: most lines of a busy thread share it with the line before.
#[derive(Debug)]
pub(super) struct Clock {
    second: u64,
    text: [u8; 19],
}

impl Default for Clock {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00" }
    }
}

impl Clock {
    /// Adds the time now, as in `2026-02-15T18:47:10.821315Z`.
    pub(super) fn push_now(&mut self, line: &mut Vec<u8>) {
        // A clock that is set to before 1970 is not worth a way of writing it.
        self.push(line, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    }

    fn push(&mut self, line: &mut Vec<u8>, since_1970: Duration) {
        let second = since_1970.as_secs().min(LAST_SECOND);
        if second != self.second {
            self.second = second;
            self.text = date_and_time(second);
        }
        let mut fraction = *b".000000Z";
        put(&mut fraction[1..7], u64::from(since_1970.subsec_micros()));
        line.extend_from_slice(&self.text);
        line.extend_from_slice(&fraction);
    }
}

fn date_and_time(second: u64) -> [u8; 19] {
    let (year, month, day) = date(second / SECONDS_PER_DAY);
    let of_day = second % SECONDS_PER_DAY;
    let mut text = *b"0000-00-00T00:00:00";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], of_day / 3600);
    put(&mut text[14..16], of_day / 60 % 60);
    put(&mut text[17..19], of_day % 60);
    text
}

/// The date of a day, counted from 1970-01-01. Years are taken to begin in March, so that the leap day is their last.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_month)
}

/// Fills `place` with the last digits of a number.
fn put(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = DIGITS[(number % 10) as usize];
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(clock: &mut Clock, seconds: u64, micros: u32) -> String {
        let mut line = Vec::new();
        clock.push(&mut line, Duration::new(seconds, micros * 1000 + 999));
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn times_are_utc_with_six_digits_of_a_second() {
        for (seconds, micros, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, 999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000001Z"),
            (951_868_800, 20, "2000-03-01T00:00:00.000020Z"),
            (1_709_251_199, 300, "2024-02-29T23:59:59.000300Z"),
            (1_771_181_230, 821_315, "2026-02-15T18:47:10.821315Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
            (LAST_SECOND, 0, "9999-12-31T23:59:59.000000Z"),
            (LAST_SECOND + 1, 0, "9999-12-31T23:59:59.000000Z"),
        ] {
            assert_eq!(text(&mut Clock::default(), seconds, micros), expected);
        }
    }

    #[test]
    fn the_remembered_second_is_that_of_the_line_in_either_direction() {
        let mut clock = Clock::default();
        for (seconds, expected) in [
            (1_771_181_230, "2026-02-15T18:47:10.000000Z"),
            (1_771_181_230, "2026-02-15T18:47:10.000000Z"),
            (1_771_181_231, "2026-02-15T18:47:11.000000Z"),
            (1_771_181_229, "2026-02-15T18:47:09.000000Z"),
        ] {
            assert_eq!(text(&mut clock, seconds, 0), expected);
        }
    }
}
