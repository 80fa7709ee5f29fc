//! The store of finished files, on a thread of its own because every call blocks.

use std::sync::Arc;

use actix::Message;
use ms_actor::StateValue;
use ms_audit::{FileOutcome, SourceFile, Store, StoreError};
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::board::Board;
use crate::roster::{Failing, Roster};

/// What the store agent is made of. The open database is shared by all its
/// incarnations: transactions are whole or nothing, so a crash leaves nothing behind.
#[derive(Clone)]
pub(crate) struct StoreArgs {
    pub(crate) store: Arc<Store>,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
}

#[derive(Debug)]
pub(crate) struct StoreAgent {
    store: Arc<Store>,
    board: Arc<Board>,
    saved: u64,
}

impl Agent for StoreAgent {
    type Args = StoreArgs;

    async fn init(args: StoreArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.roster.enter(|parts| parts.store = Some(cx.me().clone()));
        Ok(Self { store: args.store, board: args.board, saved: 0 })
    }

    fn state(&self) -> StateValue {
        StateValue::map([("saved", self.saved.into())])
    }
}

/// Divides files into finished and pending.
#[derive(Clone)]
pub(crate) struct Divide(pub(crate) Arc<[SourceFile]>);

/// Notes that these files are about to be worked on.
#[derive(Clone)]
pub(crate) struct Claim(pub(crate) Arc<[SourceFile]>);

/// Records outcomes; they are on disk when this is answered.
#[derive(Clone)]
pub(crate) struct Save(pub(crate) Arc<[FileOutcome]>);

/// Records that a file killed its auditor, and tells how often it has.
#[derive(Clone)]
pub(crate) struct RecordKill(pub(crate) Arc<SourceFile>);

impl Message for Divide {
    type Result = Result<ms_audit::store::Resume, Failing>;
}
impl Message for Claim {
    type Result = Result<(), Failing>;
}
impl Message for Save {
    type Result = Result<(), Failing>;
}
impl Message for RecordKill {
    type Result = Result<u32, Failing>;
}

impl Handles<Divide> for StoreAgent {
    async fn on(
        &mut self,
        Divide(files): Divide,
        cx: &mut Cx<Self>,
    ) -> <Divide as Message>::Result {
        let resume = or_fail(self.store.resume(files.to_vec()), cx)?;
        self.board.found_finished(resume.finished.iter().map(|outcome| &outcome.label));
        Ok(resume)
    }
}

impl Handles<Claim> for StoreAgent {
    async fn on(&mut self, Claim(files): Claim, cx: &mut Cx<Self>) -> Result<(), Failing> {
        or_fail(self.store.put_in_flight(&files), cx)
    }
}

impl Handles<Save> for StoreAgent {
    async fn on(&mut self, Save(outcomes): Save, cx: &mut Cx<Self>) -> Result<(), Failing> {
        or_fail(self.store.put_batch(&outcomes), cx)?;
        self.board.saved(outcomes.iter().map(|outcome| &outcome.label));
        self.saved += outcomes.len() as u64;
        Ok(())
    }
}

impl Handles<RecordKill> for StoreAgent {
    async fn on(
        &mut self,
        RecordKill(file): RecordKill,
        cx: &mut Cx<Self>,
    ) -> Result<u32, Failing> {
        or_fail(self.store.record_kill(&file), cx)
    }
}

/// "Let it crash": a store that fails ends, and the pipeline begins anew; if that
/// does not help, the root gives up with this very error.
fn or_fail<T>(result: Result<T, StoreError>, cx: &Cx<StoreAgent>) -> Result<T, Failing> {
    result.map_err(|error| {
        cx.fail(error);
        Failing
    })
}
