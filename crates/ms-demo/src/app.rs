//! One run of the demo, from the options to the last line.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_audit::report::{TextStyle, may_hold_a_report, render};
use ms_audit::source::{self, LockSource};
use ms_audit::{CargoHome, Scope, Tally};
use ms_runtime::{RunEnd, ServiceEnd};

use crate::args::{Input, Options};
use crate::board::Board;
use crate::chaos::Faults;
use crate::exit::{Failure, Outcome};
use crate::keys::Keyboard;
use crate::out::{self, Printer, Stream};
use crate::reporter::{Finished, Outbox};
use crate::roster::Roster;
use crate::shutdown;
use crate::state::State;
use crate::tree::{self, Plan};
use crate::view::{Look, View};

/// The lock file this binary was built from.
const OWN_LOCK: &str = include_str!("../../../Cargo.lock");
/// Pause per file in the live view: there should be something to see.
const LIVE_PACE: Duration = Duration::from_millis(20);

/// Audits, prints, checks.
pub(crate) fn run(options: Options) -> Outcome {
    let look = Look::of(&options);
    let sources = Arc::new(source::resolve(&scope(&options.input)?, &CargoHome::from_env())?);
    check_out(&options.out)?;
    let state = State::prepare(&options.state, &sources, options.fresh)?;
    let (board, outbox) = (Arc::<Board>::default(), Outbox::default());
    let faults = Faults::new(options.chaos);
    let pace = options.pace.unwrap_or(if look.live { LIVE_PACE } else { Duration::ZERO });
    let keyboard = look.live.then(Keyboard::open).flatten();
    let printer = Arc::new(Printer::start(if look.live { Stream::Stdout } else { Stream::Stderr }));
    let mut view = View::new(look, Arc::clone(&board), Arc::clone(&printer), faults.clone(), pace);
    let service = tree::service(&Plan {
        options: options.clone(),
        sources,
        state,
        board: Arc::clone(&board),
        roster: Roster::default(),
        faults,
        outbox: outbox.clone(),
        pace,
        workers: options.workers(look.live),
    })?;
    let (waits_for, presses) = (outbox.clone(), keyboard.as_ref().map(Keyboard::presses));
    // Ends when there is a result or when somebody wants to quit, whichever comes first.
    let ended = service.run_with(async move |runtime| {
        let watching = view.watch(runtime, presses);
        tokio::select! {
            () = waits_for.filled() => {}
            () = watching => {}
        }
        view.close();
        Ok(())
    });
    // The terminal is restored before anything else is printed.
    drop(keyboard);
    if let Some(printer) = Arc::into_inner(printer) {
        printer.finish();
    }
    match (outbox.take(), ended?) {
        (Some(finished), _) => conclude(finished, &options, look),
        (None, end) => Err(unfinished(&end, &board)),
    }
}

/// Returns why there is no result.
fn unfinished(end: &ServiceEnd, board: &Board) -> Failure {
    if end.outcome.end == RunEnd::GaveUp {
        let crash = board.last_crash();
        let why = if crash.is_empty() { format!("it was {}", end.outcome.reason) } else { crash };
        return Failure::GaveUp(why);
    }
    if let Some(emergency) = &end.emergency {
        let (code, why) = (end.code(), emergency.reason.to_string());
        return Failure::Emergency { code, why };
    }
    if let Some(summary) = &end.shutdown {
        out::complain(&shutdown::text(summary));
    }
    Failure::Interrupted(board.settled())
}

fn scope(input: &Input) -> Result<Scope, Failure> {
    Ok(match input {
        Input::Path(path) => Scope::Path(path.clone()),
        Input::All => Scope::All,
        Input::Lock => {
            let here = std::env::current_dir().unwrap_or_default();
            Scope::Lock(LockSource::locate(&here, Some(OWN_LOCK))?)
        }
    })
}

/// Checks the report's path now, and not after all the work.
fn check_out(out: &Path) -> Result<(), Failure> {
    let parent =
        out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A device or a pipe would be replaced by a file, and a source of the audited tree by a report.
    match parent.is_dir() && may_hold_a_report(out) {
        true => Ok(()),
        false => Err(Failure::Out(out.display().to_string())),
    }
}

/// Prints the table and the last line, and checks the totals.
fn conclude(finished: Finished, options: &Options, look: Look) -> Outcome {
    let Finished { json, unwritten } = finished;
    let (totals, run) = (json.audit.totals, json.run);
    let tally = Tally {
        input: run.input,
        done: totals.done,
        quarantined: totals.quarantined,
        restarts: run.restarts,
        unsafe_lines: totals.unsafe_lines,
    };
    let style =
        TextStyle { width: look.width, charset: look.charset(), max_rows: Some(options.top) };
    let table = render(&json.audit, &style);
    let report = match &unwritten {
        None if tally.input > 0 => format!("report: {}\n", options.out.display()),
        _ => String::new(),
    };
    out::print(&format!("{table}\n{report}{tally}\n"))?;
    if tally.input == 0 {
        return Err(Failure::NoSources(json.audit.scope));
    }
    tally.check().map_err(|unbalanced| Failure::SelfCheck(unbalanced.to_string()))?;
    unwritten.map_or(Ok(()), |error| Err(error.into()))
}
