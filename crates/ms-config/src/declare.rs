//! The declaration of keys: one `settings!` block makes the struct, its reader, its checks and
//! its lines in the reference.

use serde_json::Value;

use crate::error::Problems;
use crate::value::Raw;

/// When a change of a key takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// At the next reload of the files.
    Live,
    /// At the next start of the process.
    Restart,
}

/// One declared key.
#[derive(Debug, Clone)]
pub struct Key {
    /// The full path of the key, such as `core.supervision.max_restarts`.
    pub path: String,
    /// The description of the key.
    pub about: &'static str,
    /// The type of its value, in words.
    pub what: &'static str,
    /// The JSON schema of its value, without bounds.
    pub schema: Value,
    /// The unit of a bare number.
    pub unit: Option<&'static str>,
    /// The smallest and the largest value.
    pub bound: Option<[Value; 2]>,
    /// When a change takes effect.
    pub apply: Apply,
    /// Whether the value must not be shown.
    pub secret: bool,
    /// The part that the key configures, where this build lacks it. The key has no effect then.
    pub part: Option<Part>,
}

/// A part that can be configured and that this build does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The name of the part.
    pub name: &'static str,
    /// What happens without it.
    pub instead: &'static str,
    /// Whether the key promises protection. Setting it is refused then, and not only warned about.
    pub protects: bool,
}

/// Why a value was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// There is no such key.
    #[error("there is no such key")]
    Unknown,
    /// The key does not take the value. The reason is a clause such as "must be a whole number".
    #[error("the value {0}")]
    Wrong(String),
}

/// A tree of declared keys. It is implemented by [`settings!`](crate::settings), not by hand.
pub trait Settings: Default + Clone + Send + Sync + 'static {
    /// Appends all keys below `prefix` (empty, or ending in a dot), in declared order.
    fn declare(prefix: &str, keys: &mut Vec<Key>);

    /// Checks and sets one value.
    ///
    /// # Errors
    /// [`SetError`] when there is no such key or it does not take the value. Nothing has changed
    /// then.
    fn set(&mut self, key: &str, raw: &Raw) -> Result<(), SetError>;

    /// Returns a value as JSON. Secrets are redacted.
    fn get(&self, key: &str) -> Option<Value>;

    /// Returns whether `other` has the same value. Secrets are compared by their text.
    fn same(&self, other: &Self, key: &str) -> bool;

    /// Copies one value from `other`.
    fn copy(&mut self, other: &Self, key: &str);

    /// Checks the built-in rules between keys, also those of the sections below.
    fn check(&self, prefix: &str, problems: &mut Problems);
}

/// Rules between the keys of one section. A section without rules is declared with `rules none`.
pub trait Rules {
    /// Adds what is wrong. `at` is the path of the section, with a dot at its end.
    fn rules(&self, at: &str, problems: &mut Problems);
}

/// Declares a section: keys first, then the sections within it.
///
/// A key has a type ([`Kind`](crate::Kind)) and a default, optionally a bound, a unit and a check
/// (`valid`, a function from the value to what is wrong with it), and `live` or `restart` for when
/// a change takes effect. A key of a part that this build lacks names the part
/// (`part "NAME" else "what happens without"`, and `protects` where security rests on it), and
/// setting it gives a warning or a refusal. `rules own` asks for an implementation of
/// [`Rules`](crate::Rules), for conditions between keys. A field whose name ends in `_` is the key
/// without it: `type_` for `type`.
///
/// ```
/// use std::time::Duration;
///
/// ms_config::settings! {
///     /// The oven.
///     pub struct Oven rules none {
///         /// How hot it gets.
///         heat: u32 = 180, in 50..=300, unit "degrees" => live;
///         /// How long it bakes.
///         time: Duration = Duration::from_secs(600) => live;
///     } sections {}
/// }
/// ms_config::settings! {
///     /// The kitchen.
///     pub struct Kitchen rules none {} sections { oven: Oven = Oven::default() }
/// }
/// assert_eq!(ms_config::keys::<Kitchen>()[0].path, "oven.heat");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $section_about:expr])*
        pub struct $name:ident rules $rules:ident {
            $(
                $(#[doc = $about:expr])*
                $key:ident : $kind:ty = $default:expr
                    $(, in $bound:expr)? $(, unit $unit:literal)? $(, valid $valid:path)?
                    $(, part $part:literal else $instead:literal $($protects:ident)?)?
                    => $apply:ident;
            )*
        } sections {
            $($section:ident : $sub:ty = $made:expr),* $(,)?
        }
    ) => {
        $(#[doc = $section_about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $about])* pub $key: $kind,)*
            $(#[doc = concat!("The section `", stringify!($section), "`.")] pub $section: $sub,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* $($section: $made,)* }
            }
        }

        impl $crate::Settings for $name {
            #[allow(unused_variables, reason = "a section may have no keys or no sections")]
            fn declare(prefix: &str, keys: &mut Vec<$crate::Key>) {
                $(keys.push($crate::Key {
                    path: format!("{prefix}{}", $crate::name(stringify!($key))),
                    about: concat!($($about,)*).trim(),
                    what: <$kind as $crate::Kind>::WHAT,
                    schema: <$kind as $crate::Kind>::schema(),
                    unit: $crate::settings!(@unit $($unit)?),
                    bound: $crate::settings!(@bound $kind $(, $bound)?),
                    apply: $crate::settings!(@apply $apply),
                    secret: <$kind as $crate::Kind>::SECRET,
                    part: $crate::settings!(@part $($part $instead $($protects)?)?),
                });)*
                $(<$sub as $crate::Settings>::declare(
                    &format!("{prefix}{}.", stringify!($section)), keys,
                );)*
            }

            #[allow(unused_variables, reason = "a section may have no keys")]
            fn set(&mut self, key: &str, raw: &$crate::Raw) -> Result<(), $crate::SetError> {
                $(if key == $crate::name(stringify!($key)) {
                    let value = $crate::settings!(@read $kind, raw $(, $bound)?);
                    let value = value.map_err($crate::SetError::Wrong)?;
                    $($valid(&value).map_err($crate::SetError::Wrong)?;)?
                    self.$key = value;
                    return Ok(());
                })*
                $(if let Some(rest) = $crate::below(key, stringify!($section)) {
                    return self.$section.set(rest, raw);
                })*
                Err($crate::SetError::Unknown)
            }

            fn get(&self, key: &str) -> Option<$crate::Value> {
                $(if key == $crate::name(stringify!($key)) {
                    return Some($crate::Kind::show(&self.$key));
                })*
                $(if let Some(rest) = $crate::below(key, stringify!($section)) {
                    return self.$section.get(rest);
                })*
                None
            }

            #[allow(unused_variables, reason = "a section may have no keys")]
            fn same(&self, other: &Self, key: &str) -> bool {
                $(if key == $crate::name(stringify!($key)) {
                    return self.$key == other.$key;
                })*
                $(if let Some(rest) = $crate::below(key, stringify!($section)) {
                    return self.$section.same(&other.$section, rest);
                })*
                true
            }

            #[allow(unused_variables, reason = "a section may have no keys")]
            fn copy(&mut self, other: &Self, key: &str) {
                $(if key == $crate::name(stringify!($key)) {
                    self.$key = other.$key.clone();
                })*
                $(if let Some(rest) = $crate::below(key, stringify!($section)) {
                    self.$section.copy(&other.$section, rest);
                })*
            }

            #[allow(unused_variables, reason = "a section may have no rules and no sections")]
            fn check(&self, prefix: &str, problems: &mut $crate::Problems) {
                $crate::settings!(@rules $rules self prefix problems);
                $(self.$section.check(&format!("{prefix}{}.", stringify!($section)), problems);)*
            }
        }
    };
    (@unit) => { None };
    (@unit $unit:literal) => { Some($unit) };
    (@bound $kind:ty) => { None };
    (@bound $kind:ty, $bound:expr) => { Some($crate::bound_values::<$kind>(&$bound)) };
    (@read $kind:ty, $raw:expr) => { <$kind as $crate::Kind>::read($raw) };
    (@read $kind:ty, $raw:expr, $bound:expr) => {
        <$kind as $crate::Kind>::read_within($raw, &$bound)
    };
    (@part) => { None };
    (@part $name:literal $instead:literal) => {
        Some($crate::Part { name: $name, instead: $instead, protects: false })
    };
    (@part $name:literal $instead:literal protects) => {
        Some($crate::Part { name: $name, instead: $instead, protects: true })
    };
    (@apply live) => { $crate::Apply::Live };
    (@apply restart) => { $crate::Apply::Restart };
    (@rules none $this:ident $prefix:ident $problems:ident) => {};
    (@rules own $this:ident $prefix:ident $problems:ident) => {
        $crate::Rules::rules($this, $prefix, $problems)
    };
}

/// Returns all keys of a declaration, in declared order.
#[must_use]
pub fn keys<C: Settings>() -> Vec<Key> {
    let mut keys = Vec::new();
    C::declare("", &mut keys);
    keys
}

/// Returns the key of a field: `type` for the field `type_`.
#[doc(hidden)]
#[must_use]
pub fn name(field: &str) -> &str {
    field.trim_end_matches('_')
}

/// Returns the part of `key` below `section`; `None` when it lies elsewhere.
#[doc(hidden)]
#[must_use]
pub fn below<'k>(key: &'k str, section: &str) -> Option<&'k str> {
    key.strip_prefix(section)?.strip_prefix('.')
}
