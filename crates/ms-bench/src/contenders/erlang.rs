//! Erlang/OTP, if `erl` and `erlc` are on PATH: `erlang/bench.erl`, compiled beside this program when it
//! is first needed.
//!
//! Workloads of one thread run with one scheduler, those of two with two. The schedulers choose where
//! processes run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sample::{Measured, NoFigure, Sample, Threads};
use crate::workloads::Job;

const SOURCE: &str = include_str!("../../erlang/bench.erl");

pub(crate) fn run(job: Job) -> Sample {
    let (schedulers, words) = match job {
        Job::Tell(size) => (size.threads, words("tell", &[size.messages, size.senders])),
        Job::Ask(size) => (size.threads, words("ask", &[size.asks, size.askers])),
        Job::Ring(size) => (Threads::One, words("ring", &[size.actors, size.hops])),
        Job::Skynet(size) => (Threads::One, words("skynet", &[size.leaves])),
        Job::Spawn(size) if size.supervised => (Threads::One, words("spawn", &[size.actors])),
        Job::Spawn(size) => (Threads::One, words("spawn_plain", &[size.actors])),
        Job::Idle(size) => (Threads::One, words("idle", &[size.actors])),
        Job::FanOut(size) => (Threads::One, words("fan_out", &[size.actors, size.rounds])),
        Job::Restart(size) => (Threads::One, words("restart", &[size.crashes])),
        Job::MassRestart(size) => (Threads::One, words("mass_restart", &[size.children])),
        Job::Names(size) => {
            let words = words("names", &[size.names, size.lookups, size.readers]);
            return erl(2, &words).map(|sample| sample.note("registered names: `whereis`, atoms"));
        }
        Job::Publish(size) => (Threads::One, words("publish", &[size.actors, size.rounds])),
        Job::Tree(_) => return Err(NoFigure::lacks("has its observer, not measured")),
        Job::Heartbeats(_) => return Err(NoFigure::lacks("has no heartbeats of processes")),
    };
    let sample = erl(if schedulers == Threads::One { 1 } else { 2 }, &words)?;
    Ok(match job {
        Job::Publish(_) => sample.note("a `pg` group"),
        _ => sample,
    })
}

/// Measures names in an `ets` table, with binaries as keys, which Erlang programs use for external
/// names.
pub(crate) fn run_ets(job: Job) -> Sample {
    let Job::Names(size) = job else { return Err(NoFigure::Apart) };
    let words = words("names_ets", &[size.names, size.lookups, size.readers]);
    erl(2, &words).map(|sample| sample.note("`ets:lookup` by binaries, read_concurrency on"))
}

fn words(workload: &str, numbers: &[u64]) -> Vec<String> {
    std::iter::once(workload.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
}

fn erl(schedulers: u64, words: &[String]) -> Sample {
    let code = match compiled() {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(NoFigure::lacks("is not installed here (no `erlc` on PATH)"));
        }
        Err(error) => panic!("compiling bench.erl: {error}"),
    };
    let output = Command::new("erl")
        // OTP 25 permits 262,144 processes by default, and skynet needs 1,111,111.
        .args(["+S", &schedulers.to_string(), "+P", "4000000", "+t", "4000000"])
        .args(["-noshell", "-pa"])
        .arg(code)
        // Printing the reports of crashes would take longer than the restarts.
        .args(["-kernel", "logger_level", "none", "-run", "bench", "main"])
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .expect("erl is beside erlc");
    let said = String::from_utf8_lossy(&output.stdout);
    let figures = said.lines().find_map(|line| line.strip_prefix("FIGURES "));
    let figures = figures.unwrap_or_else(|| panic!("bench.erl said: {said}"));
    let values = figures.split(' ').map(|value| value.parse().expect("a number")).collect();
    Ok(Measured { values, note: None })
}

/// Returns the folder with `bench.beam`, compiled from the source of this build.
fn compiled() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().unwrap_or(Path::new(".")).join("ms-bench-erlang");
    let (source, beam) = (folder.join("bench.erl"), folder.join("bench.beam"));
    // Each sample is a process of its own, and would compile it again.
    let same = fs::read_to_string(&source).is_ok_and(|text| text == SOURCE);
    if same && beam.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    fs::write(&source, SOURCE)?;
    let output = Command::new("erlc").arg("-o").arg(&folder).arg(&source).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    Ok(folder)
}
