//! Log lines that repeat themselves.

use std::time::Duration;

use ms_core::{Repeats, Tick};

#[test]
fn a_flood_is_one_line_in_a_time_and_none_is_uncounted() {
    let mut repeats = Repeats::new(Duration::from_secs(10));
    let (mut written, mut left_out) = (0, 0);
    for millis in 0..60_000 {
        if let Some(missing) = repeats.admit(Tick::from_millis(millis)) {
            written += 1;
            left_out += missing;
        }
    }
    assert_eq!((written, left_out), (6, 60_000 - 6 - 9_999));
}

#[test]
fn what_comes_seldom_is_written_each_time() {
    let mut repeats = Repeats::new(Duration::from_secs(10));
    for n in 0..5 {
        assert_eq!(repeats.admit(Tick::from_millis(n * 10_000)), Some(0));
    }
}
