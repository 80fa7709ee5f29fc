//! The record of a cell's present life, and what hangs on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ms_core::{ActorPath, ExitReason, Incarnation, Tick};

use crate::cell::any::{AnyCell, Retired};
use crate::cell::edge::Edge;
use crate::cell::follow::Follows;
use crate::cell::monitor::Watcher;
use crate::cell::parent::{ChildNews, Parent};
use crate::cell::state::StateValue;

/// The present life, and what hangs on its end.
#[derive(Default)]
pub(crate) struct Life {
    /// The live incarnation; zero when there is none.
    pub(crate) live: Incarnation,
    /// The number given last.
    pub(crate) last: Incarnation,
    /// The live incarnation's init is done.
    pub(crate) ready: bool,
    /// Starts that are being reported right now: ends have to wait, see `starting.rs`. More
    /// than one where a successor was begun before the life before it had reported its own.
    pub(crate) announcing: u16,
    /// No other comes after the live one: the cell closes when it ends.
    pub(crate) final_life: bool,
    pub(crate) started: Tick,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<Box<ExitReason>>,
    pub(crate) parent: Option<Parent>,
    /// Who is notified over all incarnations, and whom this actor follows; see `follow.rs`.
    pub(crate) follows: Option<Box<Follows>>,
    // Boxed like `follows`: a test limits what an idle actor costs (`sizes` in `lib.rs`).
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few actors have.
#[derive(Default)]
pub(crate) struct Rare {
    /// Who monitors this life, by the monitors' numbers.
    pub(crate) watchers: BTreeMap<u64, Watcher>,
    /// Whom this life monitors, by the same: its monitors end with it.
    pub(crate) watching: BTreeMap<u64, Weak<dyn AnyCell>>,
    /// By the others' numbers.
    pub(crate) links: BTreeMap<u64, Arc<dyn AnyCell>>,
    /// Whom the actor waits for while it serves nothing else; see `edge.rs`.
    pub(crate) waiting_on: BTreeMap<usize, Arc<Edge>>,
    /// What the init handed to whoever started the actor: OTP's `{ok, Pid, Info}`.
    start_info: Option<StateValue>,
    /// Ends to be reported once the starts are: not of one life, as the rest is, but of all.
    pub(crate) held_ends: Vec<UnreportedEnd>,
}

impl Life {
    pub(crate) fn start_info(&self) -> Option<&StateValue> {
        self.rare.as_ref()?.start_info.as_ref()
    }

    pub(crate) fn set_start_info(&mut self, info: StateValue) {
        self.rare.get_or_insert_default().start_info = Some(info);
    }

    /// Takes what belonged to the life that ends.
    pub(crate) fn take_rare(&mut self) -> Option<Box<Rare>> {
        let mut rare = self.rare.take()?;
        // An end held back may be that of an earlier life, whose start is still being reported: it
        // stays with the cell.
        if !rare.held_ends.is_empty() {
            let held_ends = std::mem::take(&mut rare.held_ends);
            self.rare = Some(Box::new(Rare { held_ends, ..Rare::default() }));
        }
        Some(rare)
    }
}

/// An end that is recorded but not reported yet.
pub(crate) struct EndInProgress {
    pub(super) incarnation: Incarnation,
    pub(super) ready: bool,
    pub(super) rare: Option<Box<Rare>>,
    pub(super) waiting_on: Vec<ActorPath>,
    pub(super) retired: Retired,
    pub(super) uptime: Duration,
}

/// An end with all that is to be reported of it.
pub(crate) struct UnreportedEnd {
    pub(super) end: EndInProgress,
    pub(super) reason: ExitReason,
    pub(super) news: ChildNews,
}
