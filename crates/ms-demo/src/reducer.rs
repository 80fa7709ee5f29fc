//! The reducer: from outcomes to the report. Built anew from the store when it dies.

use std::sync::Arc;

use actix::Message;
use ms_actor::StateValue;
use ms_audit::source::MissingPackage;
use ms_audit::{FileOutcome, Reducer, Report, UnitFacts};
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::board::Board;
use crate::roster::{Failing, Roster};

#[derive(Clone)]
pub(crate) struct ReducerArgs {
    pub(crate) scope: String,
    pub(crate) missing: Vec<MissingPackage>,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
}

pub(crate) struct ReducerAgent {
    reducer: Reducer,
    board: Arc<Board>,
}

impl ReducerAgent {
    fn show(&self) {
        let totals = self.reducer.totals();
        self.board.done.set(totals.done);
        self.board.quarantined.set(totals.quarantined);
        self.board.unsafe_lines.set(totals.unsafe_lines);
    }
}

impl Agent for ReducerAgent {
    type Args = ReducerArgs;

    async fn init(args: ReducerArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.roster.enter(|parts| parts.reducer = Some(cx.me().clone()));
        let this = Self { reducer: Reducer::new(args.scope, args.missing), board: args.board };
        this.show();
        Ok(this)
    }

    fn state(&self) -> StateValue {
        let totals = self.reducer.totals();
        StateValue::map(
            [
                ("units", totals.units),
                ("done", totals.done),
                ("quarantined", totals.quarantined),
                ("unsafe_lines", totals.unsafe_lines),
            ]
            .map(|(name, value)| (name, value.into())),
        )
    }
}

/// Facts and outcomes to add. Adding them twice changes nothing.
#[derive(Clone)]
pub(crate) struct Add {
    pub(crate) units: Arc<[UnitFacts]>,
    pub(crate) outcomes: Arc<[FileOutcome]>,
}

impl Message for Add {
    type Result = Result<(), Failing>;
}

impl Handles<Add> for ReducerAgent {
    async fn on(&mut self, add: Add, _: &mut Cx<Self>) -> Result<(), Failing> {
        add.units.iter().cloned().for_each(|facts| self.reducer.add_unit(facts));
        for outcome in add.outcomes.iter().cloned() {
            self.reducer.add(outcome);
        }
        self.show();
        Ok(())
    }
}

/// Asks for the ranked report of everything added so far.
#[derive(Clone)]
pub(crate) struct GetReport;

impl Message for GetReport {
    type Result = Result<Box<Report>, Failing>;
}

impl Handles<GetReport> for ReducerAgent {
    async fn on(&mut self, _: GetReport, _: &mut Cx<Self>) -> Result<Box<Report>, Failing> {
        Ok(Box::new(self.reducer.report()))
    }
}
