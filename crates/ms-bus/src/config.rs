//! The settings of a bus.

use ms_actor::Overflow;

/// The settings of a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusConfig {
    /// Number of partitions that keys are spread over. It must be the same in all processes of
    /// a system: with another number a key belongs to another partition.
    pub partitions: u32,
    /// Number of events that may wait in one subscription, unless the subscription sets its own.
    pub buffer: usize,
    /// What happens to an event that finds this buffer full.
    pub overflow: Overflow,
    /// Largest number of subscriptions.
    pub max_subscriptions: usize,
}

impl Default for BusConfig {
    /// Returns 64 partitions, buffers of 1,024 events that drop the oldest, and room for 16,384
    /// subscriptions.
    fn default() -> Self {
        Self {
            partitions: 64,
            buffer: 1_024,
            overflow: Overflow::DropOldest,
            max_subscriptions: 16_384,
        }
    }
}
