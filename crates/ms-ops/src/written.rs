//! Answers of some type, on their way to a wire.

use std::fmt;
use std::io;

use serde::Serialize;
use serde_json::Value;

/// An answer that can only be written as JSON.
pub struct Written(Box<dyn Write + Send>);

/// Serialises through a trait object: serde's own trait is not object safe.
// Twenty lines instead of `erased_serde`: doors need these two methods and nothing else.
trait Write {
    fn write(&self, to: &mut dyn io::Write) -> serde_json::Result<()>;
    fn value(&self) -> serde_json::Result<Value>;
}

impl<T: Serialize> Write for T {
    fn write(&self, to: &mut dyn io::Write) -> serde_json::Result<()> {
        // Straight to the wire: a `Value` in between would hold a large answer twice.
        serde_json::to_writer(to, self)
    }

    fn value(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

impl Written {
    /// Wraps an answer.
    #[must_use]
    pub fn new(answer: impl Serialize + Send + 'static) -> Self {
        Self(Box::new(answer))
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// Fails when `to` does, and for values that JSON cannot express.
    pub fn write(&self, to: &mut dyn io::Write) -> serde_json::Result<()> {
        self.0.write(to)
    }

    /// Returns it as a value.
    ///
    /// # Errors
    /// Fails for values that JSON cannot express.
    pub fn value(&self) -> serde_json::Result<Value> {
        self.0.value()
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}
