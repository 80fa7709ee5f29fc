//! Declaring keys: one `settings!` block makes the struct, its reader, its checks and
//! its line in the reference.

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

/// One key, as declared.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its full path: `core.supervision.max_restarts`.
    pub path: String,
    /// What it does.
    pub about: &'static str,
    /// Its type, in words.
    pub what: &'static str,
    /// Its JSON schema, without bounds.
    pub schema: Value,
    /// The unit of a bare number.
    pub unit: Option<&'static str>,
    /// Smallest and largest value, shown.
    pub bound: Option<[Value; 2]>,
    /// When a change takes effect.
    pub apply: Apply,
    /// Whether it must not be shown.
    pub secret: bool,
    /// What it is about, where this build has none of it: the key has no effect then.
    pub part: Option<Part>,
}

/// Something the configuration can ask for and this build does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// What happens without it.
    pub instead: &'static str,
    /// Whether the key promises protection. Such a promise is refused, not warned about.
    pub protects: bool,
}

/// Why a value was not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// There is no such key.
    Unknown,
    /// The value is not what the key takes; a clause such as "must be a whole number".
    Wrong(String),
}

/// A tree of declared keys. Written by [`settings!`](crate::settings), not by hand.
pub trait Settings: Default + Clone + Send + Sync + 'static {
    /// All keys below `prefix` (empty, or ending in a dot), in declared order.
    fn declare(prefix: &str, keys: &mut Vec<Key>);

    /// Checks and takes over one value.
    ///
    /// # Errors
    /// [`SetError`]; then nothing has changed.
    fn set(&mut self, key: &str, raw: &Raw) -> Result<(), SetError>;

    /// A value, shown; secrets are redacted.
    fn get(&self, key: &str) -> Option<Value>;

    /// Whether `other` has the same value. Compares secrets themselves.
    fn same(&self, other: &Self, key: &str) -> bool;

    /// Takes one value over from `other`.
    fn copy(&mut self, other: &Self, key: &str);

    /// The built-in rules between keys, those of the sections below included.
    fn check(&self, prefix: &str, problems: &mut Problems);
}

/// Rules between the keys of one section; a section without any says `rules none`.
pub trait Rules {
    /// Adds what is wrong. `at` is the section's path with a dot at its end.
    fn rules(&self, at: &str, problems: &mut Problems);
}

/// Declares a section: keys first, then the sections within it.
///
/// A key has a type ([`Kind`](crate::Kind)), a default, perhaps a bound, a unit and a check
/// (`valid`, a function from the value to what is wrong with it),
/// and says whether a change needs a restart. A key whose part this build lacks names it
/// (`part "NAME" else "what happens without"`, and `protects` where security rests on it): whoever
/// sets it is told. `rules own` asks for an implementation
/// of [`Rules`](crate::Rules) for what one key alone cannot tell. A field whose name ends
/// in `_` is the key without it: `type_` for `type`.
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
    (@bound $kind:ty, $bound:expr) => { Some($crate::shown_bound::<$kind>(&$bound)) };
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

/// All keys of a declaration, in declared order.
#[must_use]
pub fn keys<C: Settings>() -> Vec<Key> {
    let mut keys = Vec::new();
    C::declare("", &mut keys);
    keys
}

/// The name a field stands for: `type_` is the key `type`.
#[doc(hidden)]
#[must_use]
pub fn name(field: &str) -> &str {
    field.trim_end_matches('_')
}

/// What of `key` lies below `section`.
#[doc(hidden)]
#[must_use]
pub fn below<'k>(key: &'k str, section: &str) -> Option<&'k str> {
    key.strip_prefix(section)?.strip_prefix('.')
}
