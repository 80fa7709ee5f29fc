//! The log of a run: its events, their hash, and what must never be.

use super::{Inner, Violation};

impl Inner {
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Adds bytes to the hash (FNV-1a).
    pub(super) fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| node.now().as_nanos())
    }

    pub(super) fn second(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| node.now().as_secs())
    }

    /// Adds one line to the log: the virtual time, what happened to which actor, and a number.
    pub(crate) fn event(&mut self, what: &'static str, path: &str, number: u64) {
        if self.over {
            return;
        }
        self.seq += 1;
        let now = self.nanos();
        self.mix(&now.to_le_bytes());
        self.mix(what.as_bytes());
        self.mix(path.as_bytes());
        self.mix(&number.to_le_bytes());
        self.note(|| format!("{:>10.3} ms  {what} {path} {number}", now as f64 / 1e6));
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(crate) fn fault(&mut self, label: &'static str) {
        *self.faults.entry(label).or_default() += 1;
    }

    pub(crate) fn violate(&mut self, rule: &'static str, detail: String) {
        if self.over {
            return;
        }
        self.note(|| format!("!!! {rule}: {detail}"));
        // The first one matters. Later ones are often only its consequences.
        if self.violations.len() < 8 {
            let step = self.step;
            self.violations.push(Violation { rule, detail, step });
        }
    }
}
