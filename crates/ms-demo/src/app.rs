//! One run of the demo, from the options to the last line.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::NodeConfig;
use ms_audit::report::{TextStyle, render};
use ms_audit::source::{self, LockSource};
use ms_audit::store::Opened;
use ms_audit::{CargoHome, Scope, Store, Tally};
use ms_runtime::{How, RunConfig, run_with};

use crate::args::{Input, Options};
use crate::board::Board;
use crate::exit::{Failure, Outcome};
use crate::keys::Keyboard;
use crate::out::{self, Printer, Stream};
use crate::reporter::{Finished, Outbox};
use crate::roster::Roster;
use crate::tree::{self, Plan};
use crate::view::{Look, View};

/// The lock file this binary was built from.
const OWN_LOCK: &str = include_str!("../../../Cargo.lock");
/// How long an orderly stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Pause per file in the live view: there should be something to see.
const LIVE_PACE: Duration = Duration::from_millis(20);

/// Audits, prints, checks.
pub(crate) fn run(options: Options) -> Outcome {
    let look = Look::of(&options);
    let sources = Arc::new(source::resolve(&scope(&options.input)?, &CargoHome::from_env())?);
    check_out(&options.out)?;
    let (store, opened) = open_store(&options, &sources.run_key())?;
    let (board, roster, outbox) = (Arc::<Board>::default(), Roster::default(), Outbox::default());
    let pace = options.pace.unwrap_or(if look.live { LIVE_PACE } else { Duration::ZERO });
    let keyboard = look.live.then(Keyboard::open).flatten();
    let printer = Arc::new(Printer::start(if look.live { Stream::Stdout } else { Stream::Stderr }));
    let mut view = View::new(look, Arc::clone(&board), Arc::clone(&printer), opened, pace);
    let plan = Plan {
        options: options.clone(),
        sources,
        store: Arc::new(store),
        board: Arc::clone(&board),
        roster: roster.clone(),
        outbox: outbox.clone(),
        pace,
    };
    let (waits_for, presses) = (outbox.clone(), keyboard.as_ref().map(Keyboard::presses));
    let ended = run_with(
        config(&options),
        move |_| tree::tree(&plan),
        async move |runtime| {
            let watching = view.watch(runtime, &roster, presses);
            tokio::select! {
                () = waits_for.filled() => {}
                () = watching => {}
            }
            view.close();
            Ok(())
        },
    );
    drop(keyboard);
    if let Some(printer) = Arc::into_inner(printer) {
        printer.finish();
    }
    let ended = ended?;
    match (outbox.take(), ended.how) {
        (Some(finished), _) => conclude(finished, &options, look),
        (None, How::GaveUp) => {
            let crash = board.last_crash();
            let why = if crash.is_empty() { format!("it was {}", ended.reason) } else { crash };
            Err(Failure::GaveUp(why))
        }
        (None, _) => Err(Failure::Interrupted(board.settled())),
    }
}

fn config(options: &Options) -> RunConfig {
    let config = RunConfig::new("demo").control(options.control.clone());
    let node =
        NodeConfig { quiet_panics: true, wedged_after: Some(tree::WEDGED_AFTER), ..config.node };
    RunConfig { node, allow_faults: true, stop_within: STOP_WITHIN, ..config }
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

/// Found out now, not after all the work.
fn check_out(out: &Path) -> Result<(), Failure> {
    let parent =
        out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A device or a pipe would be replaced by a file.
    let usable = fs::metadata(out).map_or(true, |there| there.is_file());
    match parent.is_dir() && usable {
        true => Ok(()),
        false => Err(Failure::Out(out.display().to_string())),
    }
}

fn open_store(options: &Options, key: &ms_audit::RunKey) -> Result<(Store, Opened), Failure> {
    let state = |source| Failure::State { path: options.state.display().to_string(), source };
    fs::create_dir_all(&options.state).map_err(state)?;
    let ignore = options.state.join(".gitignore");
    if !ignore.exists() {
        // Only a courtesy: a state directory does not belong into a repository.
        let _ = fs::write(ignore, "*\n");
    }
    let path = options.state.join("store.redb");
    if options.fresh {
        Store::discard(&path)?;
    }
    Ok(Store::open(&path, key)?)
}

/// The table, the self-check and the last line.
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
        None => format!("report: {}\n", options.out.display()),
        Some(_) => String::new(),
    };
    out::print(&format!("{table}\n{report}{tally}\n"))?;
    if tally.input == 0 {
        return Err(Failure::NoSources(json.audit.scope));
    }
    tally.check().map_err(|unbalanced| Failure::SelfCheck(unbalanced.to_string()))?;
    unwritten.map_or(Ok(()), |error| Err(error.into()))
}
