//! The actor that owns the file.
//!
//! Requests are taken out of the mailbox at once and wait in a queue of the actor's own;
//! while one commit runs, what arrives is the next group. So under load a commit carries
//! many requests, and without load a request waits for nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, ActorContext, AsyncContext, Handler, Running, WrapFuture};
use ms_actor::{Context, Ref, StateValue};
use ms_core::Tick;
use ms_core::task::StoreError;
use tokio::sync::watch;

use crate::config::{MAX_WAITING, StoreConfig};
use crate::guard::Guard;
use crate::messages::{Read, Write};
use crate::open::open;
use crate::read::Reader;
use crate::write::{Totals, Writer};

/// Most tasks that one commit deals with: what bounds its length, and with it everybody's wait.
const MAX_GROUP: usize = 1_024;
/// A commit under way for longer is told by [`Totals::trouble`].
const LONG_COMMIT: Duration = Duration::from_secs(1);

/// Owns the database: one connection that writes, a few that read.
pub struct StoreActor {
    config: StoreConfig,
    /// The lock is held for as long as this is.
    guard: Option<Guard>,
    /// `None` while a commit runs.
    writer: Option<Box<Writer>>,
    writes: VecDeque<Write>,
    readers: Vec<Reader>,
    reads: VecDeque<Read>,
    totals: Totals,
    /// When the commit under way began.
    began: Option<Tick>,
    largest_group: usize,
    closing: Closing,
}

/// How far an orderly stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// What waits is still written.
    Draining,
    /// The connection is being closed: the log goes into the main file.
    Now,
    Done,
}

impl StoreActor {
    pub(crate) fn new(config: StoreConfig) -> Self {
        let readers = config.readers.clamp(1, 16);
        let readers = (0..readers).map(|_| Reader::new(config.clone())).collect();
        Self {
            config,
            guard: None,
            writer: None,
            writes: VecDeque::new(),
            readers,
            reads: VecDeque::new(),
            totals: Totals::default(),
            began: None,
            largest_group: 0,
            closing: Closing::No,
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        StateValue::map([
            ("commits", StateValue::from(self.totals.commits)),
            ("requests", StateValue::from(self.totals.requests)),
            ("largest_group", StateValue::from(self.largest_group as u64)),
            ("waiting_writes", StateValue::from(self.writes.len() as u64)),
            ("waiting_reads", StateValue::from(self.reads.len() as u64)),
        ])
    }

    /// Begins the next commit, unless one runs or nothing waits.
    fn commit(&mut self, ctx: &mut Context<Self>) {
        if self.writes.is_empty() {
            return self.close(ctx);
        }
        let Some(mut writer) = self.writer.take() else { return };
        let group = self.next_group();
        self.largest_group = self.largest_group.max(group.len());
        self.began = Some(ctx.node().now());
        let work = async move {
            writer.commit(group).await;
            writer
        };
        ctx.spawn(work.into_actor(self).map(|writer, this, ctx| {
            this.totals = writer.totals();
            this.began = None;
            this.writer = Some(writer);
            this.commit(ctx);
        }));
    }

    /// Closes the file, once it is to be closed and no commit runs.
    fn close(&mut self, ctx: &mut Context<Self>) {
        if self.closing != Closing::Draining {
            return;
        }
        let Some(writer) = self.writer.take() else { return };
        self.closing = Closing::Now;
        let readers = std::mem::take(&mut self.readers);
        let work = async move {
            for reader in readers {
                reader.close().await;
            }
            writer.close().await;
        };
        ctx.wait(work.into_actor(self).map(|(), this, ctx| {
            this.closing = Closing::Done;
            ctx.stop();
        }));
    }

    fn next_group(&mut self) -> Vec<Write> {
        let mut weight = 0;
        let fits = |write: &&Write| {
            let first = weight == 0;
            weight += write.weight().max(1);
            first || weight <= MAX_GROUP
        };
        let count = self.writes.iter().take_while(fits).count();
        self.writes.drain(..count).collect()
    }

    /// The totals, with a commit that takes long as their trouble.
    fn totals_at(&self, now: Tick) -> Totals {
        let mut totals = self.totals.clone();
        let long = self.began.map(|began| now.since(began)).filter(|took| *took > LONG_COMMIT);
        if let Some(took) = long {
            totals.trouble = Some(format!("a commit has been under way for {} s", took.as_secs()));
        }
        totals
    }

    /// Begins reads for as long as readers are free.
    fn read(&mut self, ctx: &mut Context<Self>) {
        while !self.reads.is_empty() {
            let Some(mut reader) = self.readers.pop() else { return };
            let Some(read) = self.reads.pop_front() else { return };
            let totals = self.totals_at(ctx.node().now());
            let work = async move {
                reader.serve(read, totals).await;
                reader
            };
            ctx.spawn(work.into_actor(self).map(|reader, this, ctx| {
                this.readers.push(reader);
                this.read(ctx);
            }));
        }
    }
}

impl Actor for StoreActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let open = open(self.config.clone(), ctx.node().clone());
        ctx.wait(open.into_actor(self).map(|opened, this, ctx| match opened {
            Ok((guard, writer)) => {
                this.guard = Some(guard);
                this.writer = Some(Box::new(writer));
            }
            Err(error) => ctx.fail(error),
        }));
    }

    /// What was accepted is written, then the file is closed.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        match self.closing {
            Closing::Done => return Running::Stop,
            Closing::Draining | Closing::Now => return Running::Continue,
            Closing::No if self.guard.is_none() => return Running::Stop,
            Closing::No => {}
        }
        self.closing = Closing::Draining;
        self.commit(ctx);
        Running::Continue
    }
}

impl Handler<Write> for StoreActor {
    type Result = ();

    fn handle(&mut self, write: Write, ctx: &mut Self::Context) {
        if self.writes.len() >= MAX_WAITING {
            return write.refuse(StoreError::Overloaded(MAX_WAITING));
        }
        self.writes.push_back(write);
        self.commit(ctx);
    }
}

impl Handler<Read> for StoreActor {
    type Result = ();

    fn handle(&mut self, read: Read, ctx: &mut Self::Context) {
        if self.reads.len() >= MAX_WAITING {
            return read.refuse(StoreError::Overloaded(MAX_WAITING));
        }
        self.reads.push_back(read);
        self.read(ctx);
    }
}

impl std::fmt::Debug for StoreActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreActor").field("path", &self.config.path).finish_non_exhaustive()
    }
}

/// Tells the handles where the actor is.
pub(crate) type Whereabouts = Arc<watch::Sender<Option<Ref<StoreActor>>>>;
