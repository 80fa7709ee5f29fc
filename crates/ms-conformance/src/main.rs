//! `ms-conformance`: plays OTP scenarios on real supervisors.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use ms_conformance::live::{self, Disagreement, ErlangError, Family, Report};
use ms_conformance::{Verdict, check, encode, files_below, first_difference, play, side_by_side};
use serde_json::Value;

const USAGE: &str = "\
usage: ms-conformance run FILE...   play scenarios (`-` is stdin), print their traces, one JSON object a line
       ms-conformance check DIR...  play all golden files below DIR and compare with their `expected`
       ms-conformance live N [SEED] generate N scenarios from a seed (by default from the clock; it
                                    is printed), play them on this machine's Erlang/OTP and here,
                                    and compare; the first that differs is cut down and printed
                                    with both traces, and those that were not compared are counted
                                    by reason
       ms-conformance record DIR FILE...  play scenarios on Erlang/OTP and write them to DIR with
                                    its traces: golden files

exit status: 0 success, 1 a scenario differs or is unusable, 2 the command line is wrong,
             3 there is no Erlang to compare with";

/// A live run needs an Erlang, and there is none.
const NO_ERLANG: u8 = 3;
/// Most scenarios in a thousand that may stay without a comparison. More mean a broken driver.
const LEFT_OUT_OF_A_THOUSAND: usize = 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((verb, paths)) if verb == "run" && !paths.is_empty() => run(paths),
        Some((verb, paths)) if verb == "check" && !paths.is_empty() => check_all(paths),
        Some((verb, [count, seed @ ..])) if verb == "live" && seed.len() < 2 => {
            match (count.parse(), seed.first().map_or_else(|| Ok(of_the_clock()), |s| s.parse())) {
                (Ok(count), Ok(seed)) => run_live(count, seed),
                _ => usage_is_wrong(),
            }
        }
        Some((verb, [folder, files @ ..])) if verb == "record" && !files.is_empty() => {
            record(folder, files)
        }
        Some((verb, _)) if ["help", "--help", "-h"].contains(&verb.as_str()) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => usage_is_wrong(),
    }
}

fn usage_is_wrong() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn read(path: &str) -> std::io::Result<String> {
    if path != "-" {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn trace(path: &str) -> Result<String, String> {
    let text = read(path).map_err(|error| error.to_string())?;
    let file = serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))?;
    let lines = play(&file).map_err(|error| error.to_string())?;
    Ok(lines.iter().map(|line| encode(line) + "\n").collect())
}

fn run(paths: &[String]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        match trace(path) {
            Ok(lines) => {
                if std::io::stdout().write_all(lines.as_bytes()).is_err() {
                    // The reader has closed the pipe.
                    return code;
                }
            }
            Err(error) => {
                eprintln!("{path}: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn check_all(paths: &[String]) -> ExitCode {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for path in paths {
        let files = match files_below(Path::new(path)) {
            Ok(files) => files,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        };
        for file in files {
            let verdict = match std::fs::read_to_string(&file) {
                Ok(text) => check(&text),
                Err(error) => Verdict::Unusable(error.to_string()),
            };
            match verdict {
                Verdict::Passed => passed += 1,
                Verdict::Differs(difference) => {
                    failed += 1;
                    print!("{}\n{}", file.display(), side_by_side(&difference));
                }
                Verdict::Unusable(why) => {
                    failed += 1;
                    println!("{}\n  {why}", file.display());
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    // A folder without golden files shows nothing, so it is no success.
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns another seed at every run: the same scenarios would find nothing new.
#[allow(clippy::disallowed_methods, reason = "any number will do, it measures no time")]
fn of_the_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs()
}

fn run_live(count: u64, seed: u64) -> ExitCode {
    println!("live: {count} scenarios from seed {seed} on");
    let mut code = ExitCode::SUCCESS;
    for family in Family::ALL {
        match live::run(family, count, seed) {
            Ok(report) => {
                if !print_report(family, seed, count, &report) {
                    code = ExitCode::FAILURE;
                }
            }
            Err(error) => {
                eprintln!("ms-conformance: {error}");
                let missing = matches!(error, ErlangError::Missing);
                return if missing { ExitCode::from(NO_ERLANG) } else { ExitCode::FAILURE };
            }
        }
    }
    code
}

/// Prints the report. Returns false if a scenario differs or too many were not compared.
fn print_report(family: Family, seed: u64, count: u64, report: &Report) -> bool {
    if let Some(found) = &report.disagreement {
        print_disagreement(found);
    }
    let last = seed.saturating_add(count.saturating_sub(1));
    println!(
        "{family:?}, seeds {seed} to {last} and those that once differed: {} scenarios, {} ({} lines of trace) agree with Erlang/OTP, {} differ, {} were not compared",
        report.scenarios(),
        report.agreed,
        report.lines,
        report.differing.len(),
        report.not_compared()
    );
    for (why, count) in &report.left_out {
        println!("  {count} not compared: {why}");
    }
    for seed in &report.differing {
        println!("  seed {seed} differs: cargo xtask conformance --live 1 --seed {seed}");
    }
    let left_out = report.not_compared();
    let broken = left_out * 1000 > report.scenarios().max(1000) * LEFT_OUT_OF_A_THOUSAND;
    if broken {
        eprintln!("ms-conformance: too many scenarios were not compared; see the reasons above");
    }
    report.differing.is_empty() && !broken
}

/// Plays scenarios on Erlang, and writes each with its trace as a golden file.
fn record(folder: &str, paths: &[String]) -> ExitCode {
    match paths.iter().try_for_each(|path| record_one(Path::new(folder), path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ms-conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn record_one(folder: &Path, path: &str) -> Result<(), String> {
    let say = |error: &dyn std::fmt::Display| format!("{path}: {error}");
    let text = read(path).map_err(|error| say(&error))?;
    let file: Value = serde_json::from_str(&text).map_err(|error| say(&error))?;
    let scenario = file.get("scenario").unwrap_or(&file);
    let mut erlang = Family::of(scenario).erlang().map_err(|error| say(&error))?;
    let trace = erlang.play(scenario).map_err(|error| say(&error))?;
    let name = Path::new(path).file_name().ok_or_else(|| say(&"has no file name"))?;
    std::fs::write(folder.join(name), golden(scenario, &trace)).map_err(|error| say(&error))
}

fn golden(scenario: &Value, trace: &[Value]) -> String {
    let lines: Vec<String> = trace.iter().map(encode).collect();
    format!("{{\"scenario\":{},\n\"expected\":[\n{}\n]}}\n", encode(scenario), lines.join(",\n"))
}

/// Prints the scenario as a golden file with Erlang's trace, and then our trace.
fn print_disagreement(found: &Disagreement) {
    let steps = found.scenario["steps"].as_array().map_or(0, Vec::len);
    println!(
        "seed {}: Erlang/OTP and we differ (made smaller, {} steps to {steps})",
        found.seed, found.steps_before
    );
    let lines = |trace: &[Value]| trace.iter().map(encode).collect::<Vec<_>>().join(",\n");
    print!("{}", golden(&found.scenario, &found.erlang));
    match &found.ours {
        Ok(ours) => {
            println!("ours:\n{}", lines(ours));
            if let Some(difference) = first_difference(&found.erlang, ours) {
                print!("{}", side_by_side(&difference));
            }
        }
        Err(error) => println!("ours: {error}"),
    }
}
