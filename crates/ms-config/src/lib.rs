//! The configuration: declared once, merged from layers, checked, shown and watched.
//!
//! One [`settings!`] block declares a section: its keys with type, unit, default and
//! bound, and whether a change needs a restart. It makes the typed struct, the
//! reading and checking of every layer, the reference page, the JSON schema and the
//! output of `msctl config show`. Each crate of the framework declares its own section in its
//! `section.rs`; `ms_runtime::section` puts them under one root.
//!
//! A [`Loader`] merges the layers, lowest precedence first: defaults, the base
//! file, the file of the environment, `MS_FRAMEWORK__…` variables, `--set` options.
//! All errors are reported at once, each with its place.
//!
//! ```
//! use ms_config::Loader;
//!
//! ms_config::settings! {
//!     /// The oven.
//!     pub struct Oven rules none {
//!         /// How hot it gets.
//!         heat: u32 = 180, in 50..=300, unit "degrees" => live;
//!     } sections {}
//! }
//! # let dir = tempfile::tempdir()?;
//! std::fs::write(dir.path().join("base.toml"), "haet = 200\n")?;
//! let errors = Loader::<Oven>::new(dir.path()).env([]).load().unwrap_err();
//! assert!(errors.to_string().ends_with(
//!     "base.toml:1:1: there is no key `haet`; did you mean `heat`?"
//! ));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! This crate does *not* know the keys of any crate. It does not keep the configuration of a
//! running process or publish changes either; the config actor of `ms-runtime` does. It has no
//! actors and no clock. The feature `watch` adds [`DirWatch`], which reports when the files may
//! have changed.
//!
//! Start reading at `declare.rs`, then `load.rs`.

mod change;
mod declare;
mod error;
mod file;
mod format;
mod kind;
mod layer;
mod load;
#[cfg(feature = "watch")]
mod places;
mod secret;
mod show;
mod unbuilt;
pub mod units;
pub mod valid;
mod value;
#[cfg(feature = "watch")]
mod watch;

pub use change::{Change, change};
pub use declare::{Apply, Key, Part, Rules, SetError, Settings, keys};
#[doc(hidden)]
pub use declare::{below, name};
pub use error::{ConfigError, ConfigErrors, Problems};
pub use file::MAX_FILE;
pub use format::{MAX_DEPTH, MAX_VALUES};
#[doc(hidden)]
pub use kind::bound_values;
pub use kind::{Bytes, Kind, MAX_LIST, MAX_TEXT, plain};
pub use layer::{DEFAULT_ENVIRONMENT, ENV_PREFIX, ENVIRONMENT};
pub use load::{Loaded, Loader, Validator};
#[cfg(feature = "watch")]
pub use places::Places;
pub use secret::{REDACTED, Secret};
/// JSON values, as keys are shown in.
pub use serde_json::Value;
pub use show::{Line, lines, reference, schema, variable};
pub use unbuilt::warnings as unbuilt_warnings;
pub use value::{Place, Raw, Spot};
#[cfg(feature = "watch")]
pub use watch::{DEBOUNCE, DirWatch};
