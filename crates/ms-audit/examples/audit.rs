//! A whole audit in one thread, without a store: what it finds and how fast.
//!
//! `cargo run --release -p ms-audit --example audit -- [DIR]`; without a
//! directory, everything cargo has unpacked.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ms_audit::report::{TextStyle, render};
use ms_audit::{CargoHome, Reducer, Scope, Tally, UnitFacts, Walker, audit_file, scan, source};

fn main() -> Result<(), Box<dyn Error>> {
    let scope =
        std::env::args_os().nth(1).map_or(Scope::All, |dir| Scope::Path(PathBuf::from(dir)));
    let sources = source::resolve(&scope, &CargoHome::from_env())?;
    let mut reducer = Reducer::new(&sources.description, sources.missing.clone());
    let mut walker = Walker::new(&sources);
    let mut tally = Tally::default();
    let mut scanning = Duration::ZERO;
    let start = Instant::now();
    while let Some(batch) = walker.next_batch(256) {
        tally.input += batch.input();
        batch.units.iter().for_each(|unit| reducer.add_unit(UnitFacts::gather(unit)));
        for outcome in batch.unreadable {
            reducer.add(outcome);
        }
        for file in &batch.files {
            let bytes = fs::read(&file.path).unwrap_or_default();
            let before = Instant::now();
            black_box(scan(black_box(&bytes)));
            scanning += before.elapsed();
            reducer.add(audit_file(file));
        }
    }
    let report = reducer.report();
    let took = start.elapsed();
    let totals = report.totals;
    print!("{}", render(&report, &TextStyle { max_rows: Some(25), ..TextStyle::default() }));
    let (files, megabytes) = (totals.done as f64, totals.bytes as f64 / 1e6);
    println!(
        "\nscan alone: {:.0} files/s, {:.0} MB/s; walk, read twice, scan twice, reduce: {took:.2?}",
        files / scanning.as_secs_f64(),
        megabytes / scanning.as_secs_f64(),
    );
    tally.done = totals.done;
    tally.quarantined = totals.quarantined;
    tally.unsafe_lines = totals.unsafe_lines;
    tally.check()?;
    println!("{tally}");
    Ok(())
}
