//! The walker: lists the files and hands them to the dispatcher, batch by batch.
//!
//! It may be killed at any moment: its successor walks again from the beginning,
//! and the dispatcher passes over what it knows.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_audit::{Sources, UnitFacts};
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::board::Board;
use crate::dispatcher::{WalkOver, Walked};
use crate::roster::Roster;

/// Files in one batch.
const BATCH: usize = 128;
/// Pause while the dispatcher has enough.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub(crate) struct WalkerArgs {
    pub(crate) sources: Arc<Sources>,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
}

pub(crate) struct WalkerAgent {
    walker: ms_audit::Walker,
    board: Arc<Board>,
    roster: Roster,
    /// Listed, counted here and nowhere else.
    input: u64,
    /// What the dispatcher did not take yet.
    held: Option<Walked>,
    over: bool,
}

impl Agent for WalkerAgent {
    type Args = WalkerArgs;

    async fn init(args: WalkerArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        cx.schedule(Duration::ZERO, Step);
        let walker = ms_audit::Walker::new(&args.sources);
        Ok(Self {
            walker,
            board: args.board,
            roster: args.roster,
            input: 0,
            held: None,
            over: false,
        })
    }
}

/// One batch further.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Step;

impl Handles<Step> for WalkerAgent {
    async fn on(&mut self, _: Step, cx: &mut Cx<Self>) {
        match self.step().await {
            Next::Now => cx.schedule(Duration::ZERO, Step),
            Next::Later => cx.schedule(PAUSE, Step),
            Next::Over => cx.stop(),
        }
    }
}

enum Next {
    Now,
    Later,
    Over,
}

impl WalkerAgent {
    async fn step(&mut self) -> Next {
        let Some(dispatcher) = self.roster.parts().dispatcher.clone() else { return Next::Later };
        if self.held.is_none() && !self.over {
            self.held = self.next_batch();
            self.over = self.held.is_none();
        }
        if self.over {
            return match dispatcher.ask(WalkOver { input: self.input }).await {
                Ok(()) => Next::Over,
                Err(_) => Next::Later,
            };
        }
        let Some(walked) = self.held.clone() else { return Next::Now };
        match dispatcher.ask(walked).await {
            Ok(has_enough) => {
                self.held = None;
                if has_enough { Next::Later } else { Next::Now }
            }
            Err(_) => Next::Later,
        }
    }

    /// Blocks for some directories; the walker has a thread of its own.
    fn next_batch(&mut self) -> Option<Walked> {
        let batch = self.walker.next_batch(BATCH)?;
        self.input += batch.input();
        self.board.input.set(self.input);
        Some(Walked {
            units: batch.units.iter().map(UnitFacts::gather).collect(),
            files: batch.files.into(),
            unreadable: batch.unreadable.into(),
        })
    }
}
