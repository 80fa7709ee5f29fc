//! The output while the tree runs: a live view on a terminal, plain lines elsewhere.

mod live;
pub(crate) mod text;

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::ReadFrom;
use ms_audit::report::Charset;
use ms_core::view::{EventKind, Lifecycle, TreeNode, WhyRecord};
use ms_runtime::Runtime;
use ms_supervisor::Verb;
use tokio::sync::mpsc;

use crate::args::Options;
use crate::board::Board;
use crate::chaos::{Fault, Faults};
use crate::keys::{self, Key, Presses};
use crate::out::Printer;
use crate::work::AUDITORS;

/// Time between two frames of the live view.
const FRAME: Duration = Duration::from_millis(250);
/// Time between two plain lines.
const LINE: Duration = Duration::from_secs(1);
/// Number of crashes that are kept on screen.
const KEPT_WHY: usize = 3;

/// The properties of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Redrawn in place, with keys.
    pub(crate) live: bool,
    pub(crate) colour: bool,
    pub(crate) ascii: bool,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Look {
    pub(crate) fn of(options: &Options) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = rustix::termios::tcgetwinsize(std::io::stdout())
            .ok()
            .filter(|size| terminal && size.ws_col > 0);
        Self {
            live: terminal && !options.headless && !dumb,
            colour: terminal && !options.plain && !no_colour && !dumb,
            ascii: options.ascii,
            width: size.map_or(100, |size| usize::from(size.ws_col)).clamp(40, 250),
            height: size.map_or(50, |size| usize::from(size.ws_row)).max(10),
        }
    }

    pub(crate) fn charset(self) -> Charset {
        if self.ascii { Charset::Ascii } else { Charset::Unicode }
    }
}

/// The view of one run.
pub(crate) struct View {
    look: Look,
    board: Arc<Board>,
    printer: Arc<Printer>,
    faults: Faults,
    resume_reported: bool,
    pace: Duration,
    why: VecDeque<String>,
    /// Lines of the last frame, to be drawn over.
    drawn: usize,
    /// The auditor the next key is for.
    turn: usize,
}

impl View {
    pub(crate) fn new(
        look: Look,
        board: Arc<Board>,
        printer: Arc<Printer>,
        faults: Faults,
        pace: Duration,
    ) -> Self {
        let why = VecDeque::new();
        Self { look, board, printer, faults, resume_reported: false, pace, why, drawn: 0, turn: 0 }
    }

    /// Shows the tree until somebody wants to quit.
    pub(crate) async fn watch(&mut self, runtime: &Runtime, presses: Option<Presses>) {
        self.greet(runtime).await;
        let mut presses = keys::take(presses);
        let mut events = runtime.node().events().reader(ReadFrom::Oldest);
        while let Some(entry) = events.try_next() {
            entry.event().iter().for_each(|event| self.on_event(&event.kind));
        }
        let mut ticks = tokio::time::interval(if self.look.live { FRAME } else { LINE });
        // A terminal that was stopped for an hour gets one frame, not an hour of them.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            tokio::select! {
                _ = ticks.tick() => self.show(runtime).await,
                event = events.next_event() => match event {
                    Some(event) => self.on_event(&event.kind),
                    None => return,
                },
                Some(key) = pressed(&mut presses) => {
                    if key == Key::Quit {
                        return;
                    }
                    self.act(key, runtime).await;
                }
            }
        }
    }

    /// Prints the last line of the view.
    pub(crate) fn close(&mut self) {
        self.report_resume();
        if self.look.live {
            self.printer.say(live::over(std::mem::take(&mut self.drawn)));
        } else {
            self.printer.say(format!("progress: {}\n", text::progress(&self.board)));
        }
    }

    async fn greet(&mut self, runtime: &Runtime) {
        let actors = runtime.root().tree(None).await.map_or(0, |tree| tree.walk().count());
        let mut words = format!("tree up: {actors} actors\n");
        if let Some(path) = runtime.control_path() {
            words.push_str(&format!("control: {}\n", path.display()));
        }
        if !self.pace.is_zero() {
            words.push_str(&format!(
                "paced: {} ms a file (--pace 0 for full speed)\n",
                self.pace.as_millis()
            ));
        }
        self.printer.say(words);
    }

    /// Prints, once the walk is over, what an earlier run left.
    fn report_resume(&mut self) {
        let Some(found) = self.board.found().filter(|found| found.is_resumed) else { return };
        if self.resume_reported || !self.board.is_walked() {
            return;
        }
        self.resume_reported = true;
        let (done, quarantined) = self.board.resumed();
        let pending = self.board.input.get().saturating_sub(done + quarantined);
        let aside =
            if quarantined > 0 { format!(", {quarantined} quarantined") } else { String::new() };
        let words =
            format!("resumed {done} done{aside}, {pending} pending, {} in doubt\n", found.in_doubt);
        let over = if self.look.live {
            live::over(std::mem::take(&mut self.drawn))
        } else {
            String::new()
        };
        self.printer.say(over + &words);
    }

    async fn show(&mut self, runtime: &Runtime) {
        self.report_resume();
        let tree = runtime.root().tree(None).await;
        if !self.look.live {
            let waits = tree.as_ref().map(text::waits_for).unwrap_or_default();
            self.printer.say(format!("progress: {}{waits}\n", text::progress(&self.board)));
            return;
        }
        // A root that does not answer leaves the last frame standing.
        let Ok(tree) = tree else { return };
        let lines = live::frame(&tree, &self.board, self.why.make_contiguous(), self.look);
        self.printer.say(live::draw(&lines, self.drawn));
        self.drawn = lines.len();
    }

    fn on_event(&mut self, event: &EventKind) {
        if let EventKind::Decided { why } = event {
            self.remember(why);
        }
    }

    fn remember(&mut self, why: &WhyRecord) {
        if self.why.len() == KEPT_WHY {
            self.why.pop_front();
        }
        self.why.push_back(text::why(why));
    }

    /// Does what a key asks for: faults go to the next file, verbs to the tree.
    async fn act(&mut self, key: Key, runtime: &Runtime) {
        let fault = match key {
            Key::Crash => Fault::PanicAfterAwait,
            Key::Hang => Fault::Hang,
            Key::Block => Fault::Block,
            Key::Kill | Key::Suspend | Key::Pipeline | Key::Quit => {
                return self.steer(key, runtime).await;
            }
        };
        self.faults.order(fault);
    }

    async fn steer(&mut self, key: Key, runtime: &Runtime) {
        let Ok(tree) = runtime.root().tree(None).await else { return };
        let Some((target, verb)) = self.target(key, &tree) else { return };
        // The next frame shows the result.
        let _ = runtime.root().steer(&target.status.path, verb).await;
    }

    fn target<'a>(&mut self, key: Key, tree: &'a TreeNode) -> Option<(&'a TreeNode, Verb)> {
        if key == Key::Pipeline {
            let dispatcher = tree.walk().find(|node| node.id.as_str() == "dispatcher")?;
            return Some((dispatcher, Verb::Kill));
        }
        let auditors = &tree.walk().find(|node| node.id.as_str() == AUDITORS)?.children;
        if key == Key::Suspend
            && let Some(suspended) =
                auditors.iter().find(|node| node.status.lifecycle == Lifecycle::Suspended)
        {
            return Some((suspended, Verb::Resume));
        }
        self.turn += 1;
        let auditor = auditors.get(self.turn % auditors.len().max(1))?;
        Some((auditor, if key == Key::Suspend { Verb::Suspend } else { Verb::Kill }))
    }
}

async fn pressed(presses: &mut Option<mpsc::Receiver<Key>>) -> Option<Key> {
    match presses {
        Some(presses) => presses.recv().await,
        None => std::future::pending().await,
    }
}
