//! The actor that owns the file.
//!
//! Requests are taken out of the mailbox at once and wait in a queue of the actor's own. Requests
//! that arrive while a commit runs form the next group. So under load a commit carries many
//! requests, and without load a request waits for nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, ActorContext, AsyncContext, Handler, Running, WrapFuture};
use ms_actor::{Context, OpenResource, Ref, StateValue};
use ms_core::Tick;
use ms_core::emergency::CRITICAL_ERROR;
use ms_core::health::{FEATURES_OFF, FEATURES_ON};
use ms_core::task::StoreError;
use ms_core::view::EventKind;
use tokio::sync::watch;

use crate::config::{MAX_WAITING, StoreConfig};
use crate::guard::Guard;
use crate::job::Job;
use crate::marks::Loss;
use crate::messages::{CloseFile, Read, Reply, Touch, Write};
use crate::open::{Store, open};
use crate::read::Reader;
use crate::tenancy::{Holding, Tenancy};
use crate::totals::{SharedTotals, Totals, lost_error, malformed};
use crate::write::Writer;

/// Most tasks of one commit. It bounds the length of a commit, and so every caller's wait.
const MAX_GROUP: usize = 1_024;
/// A commit that takes longer is reported in [`Totals::trouble`].
const LONG_COMMIT: Duration = Duration::from_secs(1);
/// Interval at which the files are checked when nothing is written.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The feature that is off while nothing can be written.
const WRITING: &str = "writing";

/// Owns the database: one connection that writes, a few that read.
pub struct StoreActor {
    config: StoreConfig,
    /// The lock is held for as long as this is.
    guard: Option<Arc<Guard>>,
    holding: Holding,
    /// `None` until the file is open.
    tenancy: Option<Tenancy>,
    /// `None` while it is busy.
    writer: Option<Box<Writer>>,
    writes: VecDeque<Write>,
    touches: Vec<Touch>,
    by_id: ReadQueue,
    lists: ReadQueue,
    totals: Totals,
    /// The totals as callers that were answered may know them.
    shared: Option<SharedTotals>,
    /// Damage that a reader found while the writer was busy.
    found: Option<Loss>,
    /// The loss that was reported last.
    reported: Option<Loss>,
    /// Whether it is time to check the files.
    look: bool,
    /// Whether the last job was a commit: commits and the removal of ended tasks take turns.
    committed: bool,
    /// The start of the commit under way.
    began: Option<Tick>,
    largest_group: usize,
    closing: Closing,
    /// Callers that wait for the file to be closed while the actor stays.
    closed: Vec<Reply<()>>,
    /// The connections, on the list of what is open.
    listed: Option<OpenResource>,
}

/// Readers that are free, and the reads that wait for one.
#[derive(Default)]
struct ReadQueue {
    free: Vec<Reader>,
    waiting: VecDeque<Read>,
}

/// The stage of an orderly stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// The waiting requests are still written.
    Draining,
    /// The connection is being closed: the log goes into the main file.
    Now,
    Done,
}

impl StoreActor {
    pub(crate) fn new(config: StoreConfig, holding: Holding) -> Self {
        Self {
            config,
            guard: None,
            holding,
            tenancy: None,
            writer: None,
            writes: VecDeque::new(),
            touches: Vec::new(),
            by_id: ReadQueue::default(),
            lists: ReadQueue::default(),
            totals: Totals::default(),
            shared: None,
            found: None,
            reported: None,
            look: false,
            committed: false,
            began: None,
            largest_group: 0,
            closing: Closing::No,
            closed: Vec::new(),
            listed: None,
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        let reads = self.by_id.waiting.len() + self.lists.waiting.len();
        StateValue::map([
            ("commits", StateValue::from(self.totals.commits)),
            ("requests", StateValue::from(self.totals.requests)),
            ("largest_group", StateValue::from(self.largest_group as u64)),
            ("waiting_writes", StateValue::from(self.writes.len() as u64)),
            ("waiting_reads", StateValue::from(reads as u64)),
            ("lost", StateValue::from(self.totals.lost.is_some())),
        ])
    }

    /// Gives the writer its next job, unless it is busy or there is none.
    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.writer.is_none() {
            return;
        }
        self.refuse_if_lost();
        let Some(tenancy) = self.tenancy.clone() else { return };
        let Some(job) = self.next_job() else { return self.close(ctx) };
        let Some(writer) = self.writer.take() else { return };
        if let Job::Commit(group, _) = &job {
            self.largest_group = self.largest_group.max(group.len());
        }
        self.committed = matches!(job, Job::Commit(..));
        self.began = Some(ctx.node().now());
        let work = tenancy.carry_out(writer, job);
        ctx.spawn(work.into_actor(self).map(|writer, this, ctx| {
            this.began = None;
            this.came_back(writer, ctx);
            this.work(ctx);
        }));
    }

    fn came_back(&mut self, mut writer: Box<Writer>, ctx: &Context<Self>) {
        if let Some(found) = self.found.take() {
            drop(writer.lose(found));
        }
        self.totals = writer.totals();
        self.writer = Some(writer);
        self.report_loss(ctx);
    }

    /// Stops the writer for damage that a reader found in the file.
    fn found(&mut self, error: Option<StoreError>, ctx: &Context<Self>) {
        let Some(StoreError::Corrupt { what, .. }) = error else { return };
        self.found.get_or_insert_with(|| Loss::Altered(malformed(&what)));
        if let Some(writer) = self.writer.take() {
            self.came_back(writer, ctx);
        }
    }

    /// Publishes on the node's event stream that nothing can be written, or that writing works
    /// again.
    fn report_loss(&mut self, ctx: &Context<Self>) {
        if self.reported == self.totals.lost {
            return;
        }
        self.reported.clone_from(&self.totals.lost);
        let (topic, text) = match &self.totals.lost {
            Some(loss) => {
                let error = lost_error(&self.config, loss, &self.totals.counts);
                (FEATURES_OFF, format!("{WRITING}: {error}"))
            }
            None => (FEATURES_ON, WRITING.to_owned()),
        };
        let note = |topic: &str, text| {
            let (path, topic) = (ctx.path().clone(), topic.to_owned());
            ctx.node().publish(EventKind::Noted { path, topic, text });
        };
        if topic == FEATURES_OFF {
            // Acknowledged tasks may be gone, and nothing mends that from within.
            note(CRITICAL_ERROR, text.clone());
        }
        note(topic, text);
    }

    fn lost(&self) -> Option<StoreError> {
        let lost = self.found.as_ref().or(self.totals.lost.as_ref())?;
        Some(lost_error(&self.config, lost, &self.totals.counts))
    }

    /// Returns why requests are refused, if the file is closed.
    fn is_closed(&self) -> Option<StoreError> {
        let closed = matches!(self.closing, Closing::Now | Closing::Done);
        closed.then(|| StoreError::Away("its file is closed".to_owned()))
    }

    fn refuse_if_lost(&mut self) {
        if let Some(error) = self.lost() {
            self.writes.drain(..).for_each(|write| write.refuse(error.clone()));
            self.touches.drain(..).for_each(|touch| touch.refuse(error.clone()));
        }
    }

    fn next_job(&mut self) -> Option<Job> {
        let lost = self.totals.lost.is_some();
        let stopping = self.closing != Closing::No;
        let prune = self.totals.prune && !lost && !stopping;
        // In turn with commits, so that neither removing nor writing can starve the other.
        if prune && (self.committed || self.writes.is_empty()) {
            return Some(Job::Prune);
        }
        if !self.writes.is_empty() || !self.touches.is_empty() {
            return Some(Job::Commit(self.next_group(), std::mem::take(&mut self.touches)));
        }
        if stopping || !std::mem::take(&mut self.look) {
            return None;
        }
        let trouble = self.totals.trouble.is_some() && !lost;
        Some(if trouble { Job::TryAgain } else { Job::Look })
    }

    /// Closes the file, once it is to be closed and the writer does nothing.
    fn close(&mut self, ctx: &mut Context<Self>) {
        if self.closing != Closing::Draining {
            return;
        }
        let Some(writer) = self.writer.take() else { return };
        let listed = self.listed.take();
        self.closing = Closing::Now;
        let mut readers = std::mem::take(&mut self.by_id.free);
        readers.append(&mut self.lists.free);
        let altered = matches!(self.totals.lost, Some(Loss::Altered(_)));
        let holding = self.holding.clone();
        let work = async move {
            for reader in readers {
                match altered {
                    true => reader.abandon(),
                    false => reader.close().await,
                }
            }
            writer.close().await;
            drop(listed);
            holding.leave();
        };
        ctx.wait(work.into_actor(self).map(|(), this, ctx| {
            this.closing = Closing::Done;
            match this.closed.is_empty() {
                true => ctx.stop(),
                // The caller may have given up.
                false => this.closed.drain(..).for_each(|reply| drop(reply.send(Ok(())))),
            }
        }));
    }

    fn next_group(&mut self) -> Vec<Write> {
        let mut weight = 0;
        let fits = |write: &&Write| {
            // The first always fits, or one that is larger than a group would wait for ever.
            let first = weight == 0;
            weight += write.weight().max(1);
            first || weight <= MAX_GROUP
        };
        let count = self.writes.iter().take_while(fits).count();
        self.writes.drain(..count).collect()
    }

    /// Returns the totals, with a commit that takes long as their trouble.
    fn totals_at(&self, now: Tick) -> Totals {
        let mut totals = self.totals.clone();
        if let Some(shared) = self.shared.as_ref().filter(|_| self.writer.is_none()) {
            let shared = shared.now();
            (totals.commits, totals.requests) = (shared.commits, shared.requests);
            totals.counts = shared.counts;
            totals.trouble = shared.trouble;
        }
        let long = self.began.map(|began| now.since(began)).filter(|took| *took > LONG_COMMIT);
        if let Some(took) = long {
            totals.trouble = Some(format!("a commit has been under way for {} s", took.as_secs()));
        }
        totals
    }

    fn queue(&mut self, by_id: bool) -> &mut ReadQueue {
        if by_id { &mut self.by_id } else { &mut self.lists }
    }

    /// Begins reads for as long as readers are free. Reads by id never wait behind a list.
    fn read(&mut self, by_id: bool, ctx: &mut Context<Self>) {
        loop {
            let queue = self.queue(by_id);
            if queue.waiting.is_empty() {
                return;
            }
            let Some(mut reader) = queue.free.pop() else { return };
            let Some(read) = queue.waiting.pop_front() else { return queue.free.push(reader) };
            let totals = self.totals_at(ctx.node().now());
            let work = async move {
                let error = reader.serve(read, totals).await;
                (reader, error)
            };
            ctx.spawn(work.into_actor(self).map(move |(reader, error), this, ctx| {
                this.queue(by_id).free.push(reader);
                this.found(error, ctx);
                this.read(by_id, ctx);
            }));
        }
    }

    fn opened(&mut self, store: Store, ctx: &mut Context<Self>) {
        let Store { guard, writer, readers } = store;
        self.config = writer.config().clone();
        self.by_id.free = readers.by_id;
        self.lists.free = readers.lists;
        self.guard = Some(guard);
        self.totals = writer.totals();
        let open = format!("connections to the task store {}", self.config.path.display());
        self.listed = Some(ctx.node().resources().open(open));
        self.shared = Some(writer.shared());
        self.writer = Some(Box::new(writer));
        ctx.run_interval(LOOK_EVERY, |this, ctx| {
            this.look = true;
            this.work(ctx);
        });
    }
}

impl Actor for StoreActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let open = open(self.config.clone(), ctx.node().clone(), self.holding.clone());
        ctx.wait(open.into_actor(self).map(|opened, this, ctx| match opened {
            Ok((tenancy, store)) => {
                this.tenancy = Some(tenancy);
                this.opened(store, ctx);
            }
            Err(error) => ctx.fail(error),
        }));
    }

    /// Writes what was accepted, then closes the file.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        match self.closing {
            Closing::Done => return Running::Stop,
            Closing::Draining | Closing::Now => return Running::Continue,
            Closing::No if self.guard.is_none() => return Running::Stop,
            Closing::No => {}
        }
        self.closing = Closing::Draining;
        self.work(ctx);
        Running::Continue
    }
}

impl Handler<Write> for StoreActor {
    type Result = ();

    fn handle(&mut self, write: Write, ctx: &mut Self::Context) {
        if let Some(error) = self.lost() {
            return write.refuse(error);
        }
        if let Some(error) = self.is_closed() {
            return write.refuse(error);
        }
        if self.writes.len() >= MAX_WAITING {
            return write.refuse(StoreError::Overloaded(MAX_WAITING));
        }
        self.writes.push_back(write);
        self.work(ctx);
    }
}

impl Handler<Touch> for StoreActor {
    type Result = ();

    fn handle(&mut self, touch: Touch, ctx: &mut Self::Context) {
        if let Some(error) = self.is_closed() {
            return touch.refuse(error);
        }
        if self.touches.len() >= MAX_WAITING {
            return touch.refuse(StoreError::Overloaded(MAX_WAITING));
        }
        self.touches.push(touch);
        self.work(ctx);
    }
}

impl Handler<CloseFile> for StoreActor {
    type Result = ();

    fn handle(&mut self, CloseFile(reply): CloseFile, ctx: &mut Self::Context) {
        match self.closing {
            // The caller may have given up.
            Closing::Done => drop(reply.send(Ok(()))),
            _ if self.guard.is_none() => drop(reply.send(Ok(()))),
            Closing::No => {
                self.closing = Closing::Draining;
                self.closed.push(reply);
                self.work(ctx);
            }
            Closing::Draining | Closing::Now => self.closed.push(reply),
        }
    }
}

impl Handler<Read> for StoreActor {
    type Result = ();

    fn handle(&mut self, read: Read, ctx: &mut Self::Context) {
        if let Some(error) = self.is_closed() {
            return read.refuse(error);
        }
        // A file that only moved can still be read; but statistics report the loss at once.
        let altered = self.found.is_some() || matches!(self.totals.lost, Some(Loss::Altered(_)));
        if (altered || matches!(read, Read::Stats(_)))
            && let Some(error) = self.lost()
        {
            return read.refuse(error);
        }
        let by_id = read.is_by_id();
        let queue = self.queue(by_id);
        if queue.waiting.len() >= MAX_WAITING {
            return read.refuse(StoreError::Overloaded(MAX_WAITING));
        }
        queue.waiting.push_back(read);
        self.read(by_id, ctx);
    }
}

impl std::fmt::Debug for StoreActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreActor").field("path", &self.config.path).finish_non_exhaustive()
    }
}

/// The actor, once it has started; its handles read it.
pub(crate) type LateRef = Arc<watch::Sender<Option<Ref<StoreActor>>>>;
