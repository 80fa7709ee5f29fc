//! Helpers for the arguments of several verbs: times, and the end of each `--help`.

use std::time::Duration;

use clap::Args;
use ms_core::Incarnation;
use ms_ops::RequestId;

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

/// The options of an order to one actor that say for which life, and which order, it is.
#[derive(Debug, Args)]
pub(crate) struct Only {
    /// Only if the actor is in this life, as `msctl inspect` shows it; another is left alone
    #[arg(long, value_name = "N", value_parser = incarnation)]
    pub(crate) incarnation: Option<Incarnation>,
    /// Id of this order: sent again with it within ten minutes, it is not carried out again
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<RequestId>,
}

/// Reads an incarnation, as it is printed (`#4`) or only its number.
pub(crate) fn incarnation(text: &str) -> Result<Incarnation, String> {
    let number = text.strip_prefix('#').unwrap_or(text);
    match number.parse() {
        Ok(number @ 1..) => Ok(Incarnation(number)),
        _ => Err("write it as 4 or '#4'; `msctl inspect PATH` shows the present one".to_owned()),
    }
}

/// Reads a time that an operation limits, as [`span`] does.
pub(crate) fn span_up_to(max: Duration) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| match span(text)? {
        span if span <= max => Ok(span),
        _ => Err(match max.as_secs() {
            minutes if minutes > 60 && minutes % 60 == 0 => {
                format!("it must be at most {}m", minutes / 60)
            }
            seconds => format!("it must be at most {seconds}s"),
        }),
    }
}

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
    fn a_limit_is_named_in_the_unit_in_which_it_is_written() {
        let window = span_up_to(Duration::from_secs(60));
        assert_eq!(window("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(window("61s"), Err("it must be at most 60s".to_owned()));
        assert_eq!(window("x"), span("x"));
        let trace = span_up_to(Duration::from_secs(600));
        assert_eq!(trace("11m"), Err("it must be at most 10m".to_owned()));
    }

    #[test]
    fn incarnations_are_read_as_they_are_printed() {
        for text in ["4", "#4"] {
            assert_eq!(incarnation(text), Ok(Incarnation(4)), "{text}");
        }
        for bad in ["", "#", "0", "-1", "four", "##4"] {
            assert!(incarnation(bad).is_err(), "{bad}");
        }
    }

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
