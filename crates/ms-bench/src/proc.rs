//! What Linux says of this process.

use std::fs;

/// Resident bytes.
pub(crate) fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

/// All Linux targets we are built for have such pages; a wrong one would show at once.
const PAGE: u64 = 4096;

/// CPU time of all threads that live now, in seconds.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of minutes")]
pub(crate) fn cpu_seconds() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_work_show() {
        let before = (resident(), cpu_seconds());
        let block = vec![1_u8; 32 << 20];
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 32 << 20);
        assert!(resident() >= before.0 + (31 << 20));
        assert!(cpu_seconds() > before.1);
    }
}
