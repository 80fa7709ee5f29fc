//! Wall-clock time as people write it.

/// A second of wall-clock time in UTC, by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they say it")]
pub struct Civil {
    pub year: u64,
    pub month: u64,
    pub day: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
}

impl Civil {
    /// Returns the time `unix` seconds after 1970 began.
    ///
    /// Days to date after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms":
    /// eras of 400 years that begin on 1 March.
    #[must_use]
    pub const fn of_unix(unix: u64) -> Self {
        let (days, rest) = (unix / 86_400, unix % 86_400);
        // 719,468 days lie between 1 March of the year 0 and 1970. Years that begin in March have
        // the leap day at their end.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: year + era * 400 + (month <= 2) as u64,
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        for (unix, date, time) in [
            (0, (1970, 1, 1), (0, 0, 0)),
            (951_782_399, (2000, 2, 28), (23, 59, 59)),
            (951_782_400, (2000, 2, 29), (0, 0, 0)),
            (1_795_443_815, (2026, 11, 23), (14, 23, 35)),
            (4_107_542_399, (2100, 2, 28), (23, 59, 59)),
            (4_107_542_400, (2100, 3, 1), (0, 0, 0)),
        ] {
            let Civil { year, month, day, hour, minute, second } = Civil::of_unix(unix);
            assert_eq!(((year, month, day), (hour, minute, second)), (date, time));
        }
    }
}
