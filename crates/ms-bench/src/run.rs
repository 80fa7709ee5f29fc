//! Takes samples: round by round, contender by contender, each in a process of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ms_core::ErrorChain;

use crate::contenders::Contender;
use crate::report::{FigureResult, Row, WorkloadResult};
use crate::sample::{Measured, NoFigure, Sample};
use crate::stats::summary;
use crate::workloads::Workload;

/// Longest duration of a sample.
const SAMPLE_WITHIN: Duration = Duration::from_secs(300);
/// Time between two looks at a running sample.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The panic message of actors that are crashed on purpose.
const ON_PURPOSE: &str = "as it is told";

/// Silences panics on purpose: printing them would take longer than what is measured.
pub(crate) fn silence_crashes() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
            usual(panic);
        }
    }));
}

/// The samples of one contender.
struct Seen<'a> {
    contender: &'a Contender,
    samples: Vec<Measured>,
    absent: Option<NoFigure>,
    failed: bool,
}

/// Measures a workload on these contenders. Also returns the number of contenders that failed.
pub(crate) fn workload(
    workload: &Workload,
    contenders: &[&Contender],
    rounds: usize,
    scale: f64,
) -> (WorkloadResult, usize) {
    let mut all: Vec<Seen<'_>> = contenders
        .iter()
        .map(|contender| Seen { contender, samples: Vec::new(), absent: None, failed: false })
        .collect();
    // Round by round and not contender by contender: if the machine is busy for a minute, every
    // contender has some bad samples, and no contender has only bad ones.
    for _ in 0..rounds.min(workload.rounds) {
        for seen in all.iter_mut().filter(|seen| seen.absent.is_none()) {
            match sample(workload, seen.contender, scale) {
                Ok(Ok(measured)) => seen.samples.push(measured),
                // It will lack the feature in every round, so it is not asked again.
                Ok(Err(absent)) => seen.absent = Some(absent),
                Err(problem) => {
                    let problem = ErrorChain::from_error(&problem);
                    eprintln!("{} on {}: {problem}", workload.name, seen.contender.name);
                    seen.failed = true;
                    seen.absent = Some(NoFigure::lacks(&format!("failed: {problem}")));
                }
            }
        }
    }
    let failed = all.iter().filter(|seen| seen.failed).count();
    let figures = workload.figures.iter().enumerate().map(|(at, figure)| FigureResult {
        name: figure.name.to_owned(),
        rows: all.iter().filter_map(|seen| row(seen, at)).collect(),
    });
    let result =
        WorkloadResult { name: workload.name.to_owned(), scale, figures: figures.collect() };
    (result, failed)
}

fn row(seen: &Seen<'_>, figure: usize) -> Option<Row> {
    let values: Vec<f64> =
        seen.samples.iter().filter_map(|sample| sample.values.get(figure).copied()).collect();
    let note = seen.samples.first().and_then(|sample| sample.note.clone());
    let contender = seen.contender.name.to_owned();
    match &seen.absent {
        Some(NoFigure::Apart) => None,
        Some(NoFigure::Lacks(reason)) => {
            Some(Row { contender, summary: None, note: Some(reason.clone()) })
        }
        None => Some(Row { contender, summary: summary(&values), note }),
    }
}

/// Why a process gave no sample.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("its process could not be started or read")]
    Process(#[from] std::io::Error),
    #[error("not done in {} s", SAMPLE_WITHIN.as_secs())]
    TimedOut,
    #[error("its process ended with {0}")]
    Exited(std::process::ExitStatus),
    #[error("its process printed no sample")]
    Unreadable(#[from] serde_json::Error),
}

#[allow(clippy::disallowed_methods, reason = "no arbiter here: this waits for a process")]
fn sample(workload: &Workload, contender: &Contender, scale: f64) -> Result<Sample, Problem> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["sample", workload.name, contender.name, "--scale", &scale.to_string()])
        // With either variable, each crash resolves a backtrace, which takes longer than the restart.
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > SAMPLE_WITHIN {
            child.kill()?;
            child.wait()?;
            return Err(Problem::TimedOut);
        }
        std::thread::sleep(LOOK_EVERY);
    };
    if !status.success() {
        return Err(Problem::Exited(status));
    }
    // Read after its end: a sample is one short line, which a pipe holds.
    let output = child.wait_with_output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}
