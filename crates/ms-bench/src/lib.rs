//! Benchmarks; see `benches/`.
//!
//! A crate of its own because the tests of the crates that are measured switch on
//! tokio's `test-util`, which makes every look at the clock slower: a benchmark
//! beside those tests would measure that clock.
