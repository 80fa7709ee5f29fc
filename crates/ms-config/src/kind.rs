//! The types of values: how each is read, shown and described.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::secret::{REDACTED, Secret};
use crate::value::Raw;

/// Longest text, in bytes.
pub const MAX_TEXT: usize = 4096;
/// Largest number of entries in a list.
pub const MAX_LIST: usize = 256;

/// From this value on a number in a file does not fit into 64 bits, with or without a point.
const WIDE: f64 = 9_223_372_036_854_775_808.0;

/// A type of values.
pub trait Kind: Clone + PartialEq + Send + Sync + 'static {
    /// The name of the type in messages and in the reference.
    const WHAT: &'static str;
    /// Whether values must not be shown.
    const SECRET: bool = false;

    /// Reads a value.
    ///
    /// # Errors
    /// What was expected, as a clause such as "must be a whole number, not a string". It never
    /// contains the value, which may be a secret.
    fn read(raw: &Raw) -> Result<Self, String>;

    /// Reads a value of a key that has bounds.
    ///
    /// # Errors
    /// The clause of [`read`](Self::read), or one with the bounds.
    fn read_within(raw: &Raw, bound: &RangeInclusive<Self>) -> Result<Self, String>
    where
        Self: PartialOrd,
    {
        let value = Self::read(raw)?;
        inside(value, bound).ok_or_else(|| format!("must be {}", between(bound)))
    }

    /// Returns the value as JSON, in a form that [`read`](Self::read) takes again.
    fn show(&self) -> Value;

    /// Returns the JSON schema of the type, without bounds.
    fn schema() -> Value;
}

/// Returns the usual refusal of a value of another type.
fn expected<T>(what: &str, raw: &Raw) -> Result<T, String> {
    Err(format!("must be {what}, not {}", raw.what()))
}

impl Kind for bool {
    const WHAT: &'static str = "true or false";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Bool(value) => Ok(*value),
            Raw::Word(word) => {
                word.parse().map_err(|_| format!("must be {}", <Self as Kind>::WHAT))
            }
            other => expected(Self::WHAT, other),
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => {$(
        impl Kind for $kind {
            const WHAT: &'static str = "a whole number";

            fn read(raw: &Raw) -> Result<Self, String> {
                Self::read_within(raw, &(0..=<$kind>::MAX))
            }

            // A number that the type cannot hold is also out of the key's bounds, so it gets the
            // message that helps more.
            fn read_within(raw: &Raw, bound: &RangeInclusive<Self>) -> Result<Self, String> {
                match raw {
                    Raw::Integer(value) => Self::try_from(*value)
                        .ok()
                        .and_then(|value| inside(value, bound))
                        .ok_or_else(|| format!("must be {}", between(bound))),
                    Raw::Word(word) => word
                        .parse()
                        .ok()
                        .and_then(|value| inside(value, bound))
                        .ok_or_else(|| format!("must be a whole number {}", between(bound))),
                    // A whole number of more than 64 bits comes out of YAML as a float.
                    Raw::Float(value) if value.abs() >= WIDE => {
                        Err(format!("must be {}", between(bound)))
                    }
                    other => expected(<Self as Kind>::WHAT, other),
                }
            }

            fn show(&self) -> Value {
                json!(self)
            }

            fn schema() -> Value {
                json!({ "type": "integer" })
            }
        }
    )*};
}
whole_numbers!(u16, u32, u64);

impl Kind for String {
    const WHAT: &'static str = "a string";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Word(text) if text.len() > MAX_TEXT => {
                Err(format!("is longer than {MAX_TEXT} bytes"))
            }
            // They would break log lines, and could send commands to a terminal.
            Raw::Text(text) | Raw::Word(text) if text.chars().any(char::is_control) => {
                Err("must not have control characters".to_owned())
            }
            Raw::Text(text) | Raw::Word(text) => Ok(text.clone()),
            other => expected(Self::WHAT, other),
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": MAX_TEXT })
    }
}

impl Kind for PathBuf {
    const WHAT: &'static str = "a path";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(_) | Raw::Word(_) => String::read(raw).map(Self::from),
            other => expected(Self::WHAT, other),
        }
    }

    fn show(&self) -> Value {
        json!(self.to_string_lossy())
    }

    fn schema() -> Value {
        String::schema()
    }
}

impl Kind for SocketAddr {
    const WHAT: &'static str = "an address such as 127.0.0.1:8080 or [::1]:8080";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Word(text) => {
                text.parse().map_err(|_| format!("must be {}", Self::WHAT))
            }
            other => expected(Self::WHAT, other),
        }
    }

    fn show(&self) -> Value {
        json!(self.to_string())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Kind for Secret {
    const WHAT: &'static str = "a secret string";
    const SECRET: bool = true;

    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map(Self::new)
    }

    fn show(&self) -> Value {
        if self.is_empty() { json!("") } else { json!(REDACTED) }
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": MAX_TEXT, "writeOnly": true })
    }
}

/// The units of times or sizes: the name of each, and its multiple of the smallest.
type Units = [(&'static str, u64)];

/// Sorted from the smallest to the largest, for [`in_largest_unit`].
const TIMES: &Units =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: &Units = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads numbers with units, such as `1h30m`, and adds them up.
fn with_units(text: &str, units: &Units) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*scale)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Returns the amount in the largest unit that divides it.
fn in_largest_unit(amount: u64, units: &Units) -> String {
    let fits = units.iter().rev().find(|(_, scale)| amount > 0 && amount.is_multiple_of(*scale));
    // Every unit divides nothing, so it is written in the usual one: `0s`, `0B`.
    let (unit, scale) = *fits.unwrap_or(&units[usize::from(units == TIMES)]);
    format!("{}{unit}", amount / scale)
}

impl Kind for Duration {
    const WHAT: &'static str = "a time such as 500ms, 60s, 5m or 1h30m";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Word(text) => with_units(text, TIMES)
                .map(Self::from_millis)
                .ok_or_else(|| format!("must be {} (units: ms, s, m, h, d)", Self::WHAT)),
            // A bare number means seconds to one reader and milliseconds to another.
            Raw::Integer(_) => {
                Err("needs a unit: write 500ms, 60s, 5m or 1h30m as a string".to_owned())
            }
            other => expected(Self::WHAT, other),
        }
    }

    fn show(&self) -> Value {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        json!(in_largest_unit(millis, TIMES))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$" })
    }
}

/// A size in bytes, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(pub u64);

impl Kind for Bytes {
    const WHAT: &'static str = "a size such as 64KiB or 1MiB";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) | Raw::Word(text) => with_units(text, SIZES)
                .map(Self)
                .ok_or_else(|| format!("must be {} (units: B, KiB, MiB, GiB)", Self::WHAT)),
            Raw::Integer(_) => {
                Err("needs a unit: write 512B, 64KiB or 1MiB as a string".to_owned())
            }
            other => expected(Self::WHAT, other),
        }
    }

    fn show(&self) -> Value {
        json!(in_largest_unit(self.0, SIZES))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^([0-9]+(B|KiB|MiB|GiB))+$" })
    }
}

impl Kind for Vec<String> {
    const WHAT: &'static str = "a list of strings";

    fn read(raw: &Raw) -> Result<Self, String> {
        let list: Self = match raw {
            Raw::List(spots) => spots
                .iter()
                .map(|spot| String::read(&spot.raw))
                .collect::<Result<_, _>>()
                .map_err(|problem| format!("must be a list of strings; an entry {problem}"))?,
            Raw::Word(word) => word.split(',').map(|part| part.trim().to_owned()).collect(),
            other => return expected(Self::WHAT, other),
        };
        if list.len() > MAX_LIST {
            return Err(format!("has more than {MAX_LIST} entries"));
        }
        Ok(list)
    }

    fn show(&self) -> Value {
        json!(self)
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": String::schema(), "maxItems": MAX_LIST })
    }
}

/// Returns the value if it is within the bound.
fn inside<T: PartialOrd>(value: T, bound: &RangeInclusive<T>) -> Option<T> {
    bound.contains(&value).then_some(value)
}

/// Returns a bound in words.
fn between<T: Kind>(bound: &RangeInclusive<T>) -> String {
    let [low, high] = bound_values(bound);
    format!("between {} and {}", plain(&low), plain(&high))
}

/// Returns both ends of a bound as JSON.
#[doc(hidden)]
#[must_use]
pub fn bound_values<T: Kind>(bound: &RangeInclusive<T>) -> [Value; 2] {
    [bound.start().show(), bound.end().show()]
}

/// Returns a JSON value as text, without the quotes of a JSON string.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Declares a type of values with a closed set of words.
///
/// ```
/// ms_config::choices! {
///     /// How loud.
///     pub enum Loudness { Quiet = "quiet", Loud = "loud" }
/// }
/// # use ms_config::{Kind, Raw};
/// assert_eq!(Loudness::read(&Raw::Word("loud".into())), Ok(Loudness::Loud));
/// ```
#[macro_export]
macro_rules! choices {
    ($(#[$about:meta])* pub enum $name:ident { $($choice:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $choice,)+
        }

        impl $name {
            /// Returns the word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$choice => $word,)+ }
            }
        }

        impl $crate::Kind for $name {
            const WHAT: &'static str = $crate::choices!(@list $($word)+);

            fn read(raw: &$crate::Raw) -> Result<Self, String> {
                let ($crate::Raw::Text(word) | $crate::Raw::Word(word)) = raw else {
                    return Err(format!("must be {}, not {}", Self::WHAT, raw.what()));
                };
                match word.as_str() {
                    $($word => Ok(Self::$choice),)+
                    _ => Err(format!("must be {}", Self::WHAT)),
                }
            }

            fn show(&self) -> $crate::Value {
                $crate::Value::from(self.as_str())
            }

            fn schema() -> $crate::Value {
                $crate::Value::from_iter([
                    ("enum", $crate::Value::from_iter([$($word),+])),
                ])
            }
        }
    };
    (@list $first:literal $($word:literal)*) => { concat!("one of ", $first $(, ", ", $word)*) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S7.1-14
    #[test]
    fn durations_are_read_as_people_write_them_and_printed_the_same_way() {
        for (text, millis) in
            [("500ms", 500), ("60s", 60_000), ("5m", 300_000), ("1h30m", 5_400_000)]
        {
            let read = Duration::read(&Raw::Text(text.to_owned()));
            assert_eq!(read, Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "5", "-1s", "1.5s", "5 s", "5w", "99999999999999999999s"] {
            assert!(Duration::read(&Raw::Text(bad.to_owned())).is_err(), "{bad:?}");
        }
        assert!(Duration::read(&Raw::Integer(5)).is_err_and(|why| why.contains("needs a unit")));
        let printed = |millis| plain(&Duration::from_millis(millis).show());
        assert_eq!([printed(0), printed(60_000), printed(1_500)], ["0s", "1m", "1500ms"]);
        assert_eq!([plain(&Bytes(0).show()), plain(&Bytes(65_536).show())], ["0B", "64KiB"]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_printed_reads_back_as_the_same(millis in 0_u64..10_000_000_000, bytes: u64) {
            let time = Duration::from_millis(millis);
            proptest::prop_assert_eq!(Duration::read(&Raw::Word(plain(&time.show()))), Ok(time));
            let size = Bytes(bytes);
            proptest::prop_assert_eq!(Bytes::read(&Raw::Word(plain(&size.show()))), Ok(size));
        }
    }
}
