//! The key, the spec and the state of one child.

use ms_core::id::ChildId;
use ms_core::spec::ChildPolicy;
use serde::{Deserialize, Serialize};

/// The policy's handle on one child: never used twice, unlike its id.
///
/// The lower half is a dense index ([`index`](Self::index)), so a table beside the
/// policy's own can be a plain vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChildKey(u64);

impl ChildKey {
    pub(super) fn new(slot: u32, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(slot))
    }

    /// Returns the key with this number; it need not belong to any child.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns the key as a number.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Returns the child's place in a dense table. It is given to another child once this one is
    /// [dropped](super::Effect::Dropped).
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}

/// One child spec, as far as the policy is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildEntry {
    /// Unique within the supervisor; for a dynamic supervisor the template's.
    pub id: ChildId,
    /// How it is restarted and stopped.
    pub policy: ChildPolicy,
}

/// Where a child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// Not running and not about to be: OTP's pid `undefined`.
    Stopped,
    /// Its start was asked for and has not been answered.
    Starting,
    /// It runs, as far as the policy knows.
    Running,
    /// It was asked to stop and has not ended.
    Stopping,
    /// A restart is due: it failed and is tried again, or its backoff runs.
    Restarting,
}
