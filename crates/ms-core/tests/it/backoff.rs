//! Delays between restarts.

use std::time::Duration;

use ms_core::Backoff;

fn backoff(min: u64, max: u64, jitter: f64) -> Backoff {
    Backoff {
        min: Duration::from_secs(min),
        max: Duration::from_secs(max),
        jitter,
        reset_after: Duration::from_secs(60),
    }
}

#[test]
fn delays_double_up_to_the_cap() {
    let b = backoff(1, 10, 0.0);
    let delays: Vec<u64> = (1..=6).map(|n| b.delay(n, 0.5).as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
    assert_eq!(b.delay(u32::MAX, 0.5).as_secs(), 10);
}

#[test]
fn jitter_spreads_evenly_and_never_passes_max() {
    let b = backoff(10, 100, 0.2);
    assert_eq!(b.delay(1, 0.0), Duration::from_secs(8));
    assert!(b.delay(1, 1.0) <= Duration::from_millis(12_001));
    let capped = backoff(10, 10, 0.2);
    assert_eq!(capped.delay(5, 1.0), Duration::from_secs(10));
    assert_eq!(capped.delay(5, 0.5), Duration::from_secs(9));
}
