//! The errors of reading and writing, and their wording.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::numbers::WideNumber;

/// Characters quoted of a wrong string.
const MAX_QUOTED: usize = 40;

/// Why a text is not the JSON that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", place(.at))]
pub struct JsonError {
    at: String,
    what: String,
    /// Whether the text is valid JSON, but of a value that nothing here can hold.
    unfit: bool,
}

fn place(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!(" at {at}") }
}

impl JsonError {
    pub(super) fn syntax(error: &serde_json::Error) -> Self {
        Self { at: String::new(), what: error.to_string(), unfit: false }
    }

    pub(super) fn wide(number: &WideNumber) -> Self {
        Self { at: String::new(), what: number.to_string(), unfit: true }
    }

    /// Returns the place as a path from the top: `payload.url`, `[3].queue`; `.` for the top, and
    /// empty for a text that is not JSON at all.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Returns the fault without its place.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns whether the only fault is a number wider than 64 bits, in a text that is JSON and
    /// breaks no schema: over HTTP that is 422 and not 400 (RFC 9110, 15.5.21).
    #[must_use]
    pub const fn is_unfit(&self) -> bool {
        self.unfit
    }
}

/// Why a value cannot be written as JSON that gives it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// JSON has no word for it.
    #[error("{at} is {value}, which JSON cannot represent; use an Option or a string")]
    NotFinite {
        /// Where it is, such as `$.mean[3]`.
        at: String,
        /// `NaN`, `inf` or `-inf`.
        value: String,
    },
    /// The value itself refuses, has odd keys, or a whole number of more than 64 bits.
    #[error(transparent)]
    Refused(#[from] serde_json::Error),
}

/// An error on its way from the place where it was found to the top.
#[derive(Debug)]
pub(super) struct Fault {
    /// From the inside out.
    path: Vec<Step>,
    what: String,
}

#[derive(Debug)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

impl Fault {
    fn new(what: String) -> Self {
        Self { path: Vec::new(), what }
    }

    /// Adds `step` in front of the path.
    pub(super) fn below(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    pub(super) fn into_error(self) -> JsonError {
        let mut at = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Item(index) => at.push_str(&format!("[{index}]")),
                Step::Key(key) if at.is_empty() => at.push_str(key),
                Step::Key(key) => at.push_str(&format!(".{key}")),
            }
        }
        if at.is_empty() {
            at.push('.');
        }
        JsonError { at, what: self.what, unfit: false }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {}", in_json(&wanted.to_string()), quoted(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn invalid_length(length: usize, _: &dyn Expected) -> Self {
        let items = if length == 1 { "item" } else { "items" };
        Self::new(format!("the array has {length} {items}, which is not the number wanted"))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("unknown value `{}`, expected {}", cut(found), one_of(known)))
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field `{}`, expected {}", cut(found), one_of(known)))
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [] => "nothing".to_owned(),
        [only] => format!("`{only}`"),
        _ => format!("one of `{}`", known.join("`, `")),
    }
}

/// Renames serde's expectations to words of JSON, without Rust's types.
fn in_json(wanted: &str) -> String {
    let whole = |min: i128, max: i128| format!("a whole number from {min} to {max}");
    // serde passes on only the text of its visitors' `expecting`, so these are matched by text. One
    // that is not known here stays as it is.
    match wanted {
        "i8" => whole(i8::MIN.into(), i8::MAX.into()),
        "i16" => whole(i16::MIN.into(), i16::MAX.into()),
        "i32" => whole(i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" => whole(i64::MIN.into(), i64::MAX.into()),
        "u8" => whole(0, u8::MAX.into()),
        "u16" => whole(0, u16::MAX.into()),
        "u32" => whole(0, u32::MAX.into()),
        "u64" | "usize" => whole(0, u64::MAX.into()),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "unit" => "null".to_owned(),
        _ if ["struct ", "a map", "map", "internally tagged enum ", "adjacently tagged enum "]
            .iter()
            .any(|rust| wanted.starts_with(rust)) =>
        {
            "an object".to_owned()
        }
        _ if ["a sequence", "sequence", "tuple "].iter().any(|rust| wanted.starts_with(rust)) => {
            "an array".to_owned()
        }
        _ if ["enum ", "variant "].iter().any(|rust| wanted.starts_with(rust)) => {
            "a string or an object with one key".to_owned()
        }
        other => other.to_owned(),
    }
}

fn quoted(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("{:?}", cut(text)),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq | Unexpected::TupleVariant => "an array".to_owned(),
        Unexpected::Map | Unexpected::StructVariant | Unexpected::NewtypeVariant => {
            "an object".to_owned()
        }
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    // By characters, so that the cut never falls into one.
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Names the part of the input that is not of the wanted type.
impl From<JsonError> for ms_core::Invalid {
    fn from(error: JsonError) -> Self {
        let field = if error.at().is_empty() { "." } else { error.at() };
        Self::new(field, error.what())
    }
}
