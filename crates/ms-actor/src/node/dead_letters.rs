//! Dead letters: messages that reached nobody, counted and observable.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ms_core::ActorPath;
use tokio::sync::broadcast;

use crate::sync::lock;

/// Messages kept for readers that come later.
const KEPT: usize = 256;

/// A message that reached nobody. The message itself is gone; this says what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whom it was for.
    pub path: ActorPath,
    /// Its type.
    pub message: &'static str,
    /// Why it was not delivered.
    pub why: &'static str,
}

/// The dead letters of a node.
#[derive(Debug)]
pub struct DeadLetters {
    count: AtomicU64,
    kept: Mutex<VecDeque<DeadLetter>>,
    live: broadcast::Sender<DeadLetter>,
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            kept: Mutex::new(VecDeque::new()),
            live: broadcast::Sender::new(KEPT),
        }
    }
}

impl DeadLetters {
    /// Returns how many there were since the node booted.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the last 256, oldest first.
    pub fn recent(&self) -> Vec<DeadLetter> {
        lock(&self.kept).iter().cloned().collect()
    }

    /// Subscribes to those to come; a reader that lags more than 256 behind loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<DeadLetter> {
        self.live.subscribe()
    }

    pub(crate) fn add(&self, message: DeadLetter) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut kept = lock(&self.kept);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(message.clone());
        drop(kept);
        // Nobody listening is no error.
        drop(self.live.send(message));
    }
}
