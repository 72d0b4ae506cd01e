//! Moments in Coordinated Universal Time, without leap seconds.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// A moment, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    /// Year, month and day of the month.
    date: [u64; 3],
    /// Hour, minute and second.
    time: [u64; 3],
}

impl Utc {
    /// Returns the moment of a system's time; times before 1970 become its first second.
    pub fn of(time: SystemTime) -> Self {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self {
            date: date(seconds / DAY),
            time: [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60],
        }
    }

    /// Returns the moment for readers: `2026-03-01 14:05`.
    pub fn text(self) -> String {
        let ([year, month, day], [hour, minute, _]) = (self.date, self.time);
        format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }

    /// Returns the moment for programs, as in ISO 8601: `2026-03-01T14:05:09Z`.
    pub fn iso_8601(self) -> String {
        let ([year, month, day], [hour, minute, second]) = (self.date, self.time);
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Returns year, month and day of a number of days since 1970-01-01, in the Gregorian calendar (Hinnant 2013,
/// "chrono-compatible low-level date algorithms", civil_from_days). A year begins in March there, so that a leap day is
/// the last day of its year.
fn date(days: u64) -> [u64; 3] {
    // Days since 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    [year, month, day]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn known_moments_have_their_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let moment = Utc::of(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(moment.iso_8601(), text);
        }
        let moment = Utc::of(UNIX_EPOCH + Duration::from_secs(1_234_567_890));
        assert_eq!(moment.text(), "2009-02-13 23:31");
    }
}
