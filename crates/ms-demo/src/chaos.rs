//! Faults on demand. The same seed gives the same faults to the same files.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::args::ChaosOptions;

/// A fault that strikes an auditor when it gets a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Panic in the handler.
    Panic,
    /// Panic after an await.
    PanicAfterAwait,
    /// Await for ever.
    Hang,
    /// Block the thread for [`BLOCK_FOR`].
    Block,
}

/// Longer than an arbiter may be blocked.
pub(crate) const BLOCK_FOR: Duration = Duration::from_secs(3);

/// Largest number of injected faults for one file: the audit has to end at any rate.
const MAX_FAULTS_PER_FILE: u32 = 4;
/// Faults asked for by keys that may wait.
const MAX_ORDERED: usize = 64;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "panic",
            Self::PanicAfterAwait => "panic after an await",
            Self::Hang => "hang",
            Self::Block => "blocked thread",
        })
    }
}

/// The source of faults: those asked for by keys first, then those of chance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    chaos: Option<ChaosOptions>,
    ordered: Arc<Mutex<VecDeque<Fault>>>,
}

impl Faults {
    pub(crate) fn new(chaos: Option<ChaosOptions>) -> Self {
        Self { chaos, ordered: Arc::default() }
    }

    /// Orders a fault for the next file that is assigned.
    pub(crate) fn order(&self, fault: Fault) {
        let mut ordered = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        if ordered.len() < MAX_ORDERED {
            ordered.push_back(fault);
        }
    }

    /// Returns the fault for this attempt, from 0, at this file, if it gets one.
    pub(crate) fn next(&self, label: &str, attempt: u32) -> Option<Due> {
        let ordered = self.ordered.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match ordered {
            Some(fault) => Some(Due { fault, ordered: Some(self.clone()) }),
            None => Some(Due { fault: fault(self.chaos?, label, attempt)?, ordered: None }),
        }
    }
}

/// A fault that is about to strike. The attempt may end before it does, since its task was given
/// back and another auditor has it already: one that was asked for then goes to the next file.
#[derive(Debug)]
pub(crate) struct Due {
    fault: Fault,
    /// Where it goes back to, if a key asked for it.
    ordered: Option<Faults>,
}

impl Due {
    pub(crate) const fn fault(&self) -> Fault {
        self.fault
    }

    /// Uses the fault up: it strikes now.
    pub(crate) fn strikes(mut self) {
        self.ordered = None;
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if let Some(faults) = &self.ordered {
            faults.order(self.fault);
        }
    }
}

/// Returns the fault for this attempt at this file, if chance gives it one.
fn fault(options: ChaosOptions, label: &str, attempt: u32) -> Option<Fault> {
    if attempt >= MAX_FAULTS_PER_FILE {
        return None;
    }
    let mut random = Random(options.seed ^ fnv1a(label.as_bytes()) ^ (u64::from(attempt) << 32));
    if random.share() >= options.rate {
        return None;
    }
    // A hang costs a second of one auditor, a blocked thread a second of several.
    Some(match random.next() % 100 {
        0..45 => Fault::Panic,
        45..90 => Fault::PanicAfterAwait,
        90..97 => Fault::Hang,
        _ => Fault::Block,
    })
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 up to, but not including, 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

// Not the standard library's hasher: its results may change with a release, and a seed should not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An order is carried out, whatever becomes of the attempt it was for.
    #[test]
    fn a_fault_that_was_asked_for_is_due_until_it_strikes() {
        let faults = Faults::new(None);
        assert!(faults.next("a", 0).is_none());
        faults.order(Fault::Hang);
        for _ in 0..3 {
            let due = faults.next("a", 0).expect("due");
            assert_eq!(due.fault(), Fault::Hang);
            assert!(faults.next("b", 0).is_none(), "it is one fault");
        }
        faults.next("a", 0).expect("due").strikes();
        assert!(faults.next("a", 0).is_none());

        let chance = Faults::new(Some(ChaosOptions { seed: 7, rate: 1.0 }));
        drop(chance.next("a", MAX_FAULTS_PER_FILE - 1).expect("certain"));
        assert!(chance.next("a", MAX_FAULTS_PER_FILE).is_none(), "nobody asked for it");
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_at_the_rate_asked_for() {
        let at = |seed, rate| {
            let options = ChaosOptions { seed, rate };
            (0..20_000)
                .map(move |n| fault(options, &format!("crate-{n}/src/lib.rs"), 0))
                .collect::<Vec<_>>()
        };
        let faults = at(7, 0.05);
        assert_eq!(faults, at(7, 0.05));
        assert_ne!(faults, at(8, 0.05));
        let count = |kind| faults.iter().filter(|&&f| f == kind).count();
        assert!((900..1100).contains(&(20_000 - count(None))));
        for kind in [Fault::Panic, Fault::PanicAfterAwait, Fault::Hang, Fault::Block] {
            assert!(count(Some(kind)) > 0, "{kind}");
        }
        assert!(at(7, 0.0).iter().all(Option::is_none));
        assert!(at(7, 1.0).iter().all(Option::is_some));
        assert_eq!(fault(ChaosOptions { seed: 7, rate: 1.0 }, "x", MAX_FAULTS_PER_FILE), None);
    }
}
