//! Helpers for the arguments of several verbs: times, and the end of each `--help`.

use std::time::Duration;

/// Ends each `--help`: the verb's examples and the exit codes.
macro_rules! after_help {
    ($($example:literal),+ $(,)?) => {
        concat!(
            "EXAMPLES\n", $("  ", $example, "\n",)+
            "\nEXIT STATUS\n",
            "  0  ok                 5  refused, or not confirmed\n",
            "  1  failed             6  timed out\n",
            "  2  usage              9  version mismatch\n",
            "  3  unreachable        8  configuration invalid\n",
            "  4  not found         78  configuration unsafe\n",
            "                      130  interrupted",
        )
    };
}
pub(crate) use after_help;

/// Reads a time as people write it: `250ms`, `5s`, `1m`, `1h`; a bare number is seconds.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write it as 250ms, 5s, 1m or 1h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write it as 250ms, 5s, 1m or 1h".to_owned())?;
    match number.checked_mul(scale) {
        // Zero would be a wait that ends before it begins; above a day it is a slip of the keyboard.
        Some(millis @ 1..=86_400_000) => Ok(Duration::from_millis(millis)),
        _ => Err("it must be between 1ms and 24h".to_owned()),
    }
}

/// Returns the milliseconds of a time from [`span`], which always fit.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in
            [("250ms", 250), ("5s", 5_000), ("5", 5_000), ("1m", 60_000), ("1h", 3_600_000)]
        {
            assert_eq!(span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "s", "0s", "-1s", "1.5s", "5 s", "25h", "99999999999999999999s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
