//! What Linux says about this process.

use std::fs;

/// Returns the resident memory in bytes.
pub(crate) fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

/// The page size of the Linux targets that we are built for. Asking the system would need `libc`.
const PAGE: u64 = 4096;

/// Returns the CPU time of all living threads, in seconds.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of minutes")]
pub(crate) fn cpu_seconds() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        // In nanoseconds. `/proc/self/stat` counts ticks of 10 ms, too coarse for a process that is
        // idle.
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
