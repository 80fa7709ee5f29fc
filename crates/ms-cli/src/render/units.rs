//! Numbers, times and foreign text in a form for people.

use std::time::Duration;

use ms_core::civil::Civil;
use ms_core::spec::{Intensity, Strategy};

/// Escapes everything in foreign text that could forge a line, control a terminal
/// or change the direction of reading.
pub(crate) fn clean(text: &str) -> String {
    // Bidirectional controls are no control characters to Unicode, and can make a path read as another.
    let is_bidi = |c| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c.is_control() || is_bidi(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
        out
    })
}

/// Returns a type name without its module paths: `a::b::Vec<c::D>` is `Vec<D>`.
pub(crate) fn short(type_name: &str) -> String {
    let mut out = String::new();
    let mut word = 0;
    for c in clean(type_name).chars() {
        match c {
            ':' => out.truncate(word),
            c => {
                out.push(c);
                if !c.is_alphanumeric() && c != '_' {
                    word = out.len();
                }
            }
        }
    }
    out
}

/// Renders a number of microseconds: `850us`, `3.2ms`, `4s`, `2m03s`, `5h12m`, `3d04h`.
pub(crate) fn us(us: u64) -> String {
    let seconds = us / 1_000_000;
    // Cut and not rounded: 59.99 s would become "60s", which is written "1m00s".
    match us {
        0..1_000 => format!("{us}us"),
        1_000..1_000_000 => tenths(us / 100, "ms"),
        1_000_000..60_000_000 => tenths(us / 100_000, "s"),
        _ if seconds < 3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn tenths(tenths: u64, unit: &str) -> String {
    match tenths % 10 {
        0 => format!("{}{unit}", tenths / 10),
        rest => format!("{}.{rest}{unit}", tenths / 10),
    }
}

/// Renders a number of milliseconds.
pub(crate) fn ms(ms: u64) -> String {
    us(ms.saturating_mul(1_000))
}

/// Renders a number, or `?` where it is unknown: zero would be a claim.
pub(crate) fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// Renders a count with its noun: `1 actor`, `2 actors`.
pub(crate) fn many(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns OTP's name of a strategy.
pub(crate) const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
        Strategy::SimpleOneForOne => "simple_one_for_one",
    }
}

/// Renders a restart budget: `1/5 restarts in 30s`.
pub(crate) fn budget(used: u32, Intensity { max_restarts, period }: Intensity) -> String {
    format!("{used}/{max_restarts} restarts in {}", period_of(period))
}

/// Renders a period in whole seconds, the unit of specs.
pub(crate) fn period_of(period: Duration) -> String {
    format!("{}s", period.as_secs())
}

/// Renders a wall-clock time: `2026-11-23 14:23:35 UTC`.
pub(crate) fn utc(unix_ms: u64) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of_unix(unix_ms / 1_000);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_exact() {
        let cases = [
            (0, "0us"),
            (999, "999us"),
            (1_000, "1ms"),
            (3_249, "3.2ms"),
            (4_100_000, "4.1s"),
            (59_999_999, "59.9s"),
            (123_000_000, "2m03s"),
            (18_720_000_000, "5h12m"),
            (273_600_000_000, "3d04h"),
        ];
        for (value, text) in cases {
            assert_eq!(us(value), text);
        }
        assert_eq!(ms(u64::MAX), us(u64::MAX));
    }

    #[test]
    fn wall_clock_times_are_read_as_dates() {
        assert_eq!(utc(1_795_443_815_999), "2026-11-23 14:23:35 UTC");
    }

    #[test]
    fn type_names_lose_their_modules_and_foreign_text_its_teeth() {
        assert_eq!(short("demo::audit::AuditFile"), "AuditFile");
        assert_eq!(short("alloc::vec::Vec<a::B, c::D<e::F>>"), "Vec<B, D<F>>");
        assert_eq!(clean("a\x1b[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }
}
