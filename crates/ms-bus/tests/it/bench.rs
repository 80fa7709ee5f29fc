//! The bench of the same crate measures what it says, and fails where the goal is missed.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "tests, and a bench")]

#[path = "../../benches/publish.rs"]
mod publish;

use std::time::Duration;

use publish::GOAL;

/// S10.1-02: `cargo xtask bench bus` in small: events a second to 1 and to 8 subscribers, each event
/// handled in order by each of them (the bench itself asserts it), with the goal of 10,000 beside each
/// figure of the bus; a figure that is not above its goal is called missed. How fast it is on this
/// machine is not asserted.
#[test]
fn s10_1_02_events_a_second_are_printed_beside_the_goal() {
    assert_eq!(GOAL, 10_000.0);
    let mut lines = Vec::new();
    let measure = publish::measure(200, 3, |figure| lines.push(figure.line(GOAL)));
    let run = async { tokio::time::timeout(Duration::from_secs(60), measure).await };
    let figures = actix::System::new().block_on(run).expect("every event is handled");
    assert_eq!(lines.len(), 6, "{lines:#?}");
    for (figure, line) in figures.iter().zip(&lines) {
        let [slowest, .., best] = figure.rates[..] else { panic!("{figure:?}") };
        assert!(figure.rates.len() == 3 && slowest > 0.0 && slowest <= best, "{figure:?}");
        assert!(line.contains("events/s") && [1, 8].contains(&figure.subscribers), "{line}");
        let of_the_bus = figure.way.starts_with("bus");
        assert_eq!(line.contains("goal of 10000 events/s"), of_the_bus, "{line}");
        // No machine is that fast, and none that slow.
        assert_eq!(figure.misses(f64::INFINITY), of_the_bus);
        assert!(!figure.misses(0.0));
        assert_eq!(figure.line(f64::INFINITY).ends_with("missed"), of_the_bus);
        assert_eq!(figure.line(0.0).ends_with("met"), of_the_bus);
    }
}
