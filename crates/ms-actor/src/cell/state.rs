//! An actor's state as an inspector may see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A view of an actor's state: plain data, made by the actor, redacted by the actor.
///
/// ```
/// use ms_actor::StateValue;
/// let view = StateValue::map([("seen", 3_u64.into()), ("token", StateValue::Redacted)]);
/// assert_eq!(view.to_string(), "{seen: 3, token: [redacted]}");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StateValue {
    // serde tries the variants in this order: whole numbers come before fractions.
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that may be larger than `i64`.
    Uint(u64),
    /// A fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Several values.
    List(Vec<StateValue>),
    /// Named values, sorted by name.
    Map(BTreeMap<String, StateValue>),
    /// There, but not for the reader's eyes.
    #[serde(serialize_with = "redacted", deserialize_with = "never")]
    Redacted,
    /// Nothing.
    Null,
}

fn redacted<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[redacted]")
}

fn never<'de, D: serde::Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(serde::de::Error::custom("a redacted value is read back as text"))
}

impl StateValue {
    /// Makes a map of name and value pairs.
    pub fn map<N: Into<String>>(entries: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Makes a list of values.
    pub fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(values.into_iter().collect())
    }
}

macro_rules! from_number {
    ($($number:ty => $variant:ident as $wide:ty),*) => {$(
        impl From<$number> for StateValue {
            fn from(value: $number) -> Self {
                Self::$variant(<$wide>::from(value))
            }
        }
    )*};
}

from_number!(bool => Bool as bool, i32 => Int as i64, i64 => Int as i64, u8 => Uint as u64,
    u32 => Uint as u64, u64 => Uint as u64, f64 => Float as f64);

impl From<usize> for StateValue {
    fn from(value: usize) -> Self {
        Self::Uint(value as u64)
    }
}

impl From<&str> for StateValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for StateValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for StateValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl std::fmt::Display for StateValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::List(values) => {
                f.write_str("[")?;
                separated(f, values, |f, value| write!(f, "{value}"))?;
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                separated(f, entries, |f, (name, value)| write!(f, "{name}: {value}"))?;
                f.write_str("}")
            }
            Self::Redacted => f.write_str("[redacted]"),
            Self::Null => f.write_str("null"),
        }
    }
}

fn separated<T>(
    f: &mut std::fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut one: impl FnMut(&mut std::fmt::Formatter<'_>, T) -> std::fmt::Result,
) -> std::fmt::Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        one(f, item)?;
    }
    Ok(())
}
