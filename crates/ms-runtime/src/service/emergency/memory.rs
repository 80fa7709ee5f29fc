//! Watches the memory of the process.

use std::time::Duration;

/// Interval of the looks at the memory.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks in a row that must find too much: a short peak is no reason to end the process.
const LOOKS: u32 = 3;

/// Watches the resident memory of the process.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    /// In bytes.
    limit: Option<u64>,
    used: Option<u64>,
    over: u32,
}

impl MemoryWatch {
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self { limit, used: None, over: 0 }
    }

    /// Returns what the last look found, in bytes.
    pub(super) fn used(&self) -> Option<u64> {
        self.used
    }

    /// Looks at the memory. Returns the reason to end, the first time there is one.
    pub(super) fn look(&mut self) -> Option<String> {
        self.used = resident();
        self.judge()
    }

    fn judge(&mut self) -> Option<String> {
        let (limit, used) = (self.limit?, self.used?);
        self.over = if used > limit { self.over + 1 } else { 0 };
        (self.over == LOOKS).then(|| {
            let mib = |bytes: u64| bytes >> 20;
            format!(
                "{} MiB of memory are in use at {LOOKS} checks in a row, the limit is {} MiB \
                 (emergency.memory_limit)",
                mib(used),
                mib(limit)
            )
        })
    }
}

/// Returns the bytes of the process that are in memory; `None` where the system does not tell.
// Blocking, and on an actor's thread all the same: the kernel generates this file, no disk is
// involved.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_too_much_at_every_look_is_a_reason() {
        let mut watch = MemoryWatch::new(Some(10 << 20));
        let mut look = |mib: u64| {
            watch.used = Some(mib << 20);
            watch.judge()
        };
        assert_eq!([11, 11, 10, 11, 11].map(&mut look), [const { None }; 5]);
        let why = look(12).expect("the third in a row");
        assert!(why.starts_with("12 MiB") && why.contains("the limit is 10 MiB"), "{why}");
        assert_eq!(look(13), None, "said once");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_in_memory_is_known() {
        assert!(resident().is_some_and(|bytes| bytes > 1 << 20));
    }
}
