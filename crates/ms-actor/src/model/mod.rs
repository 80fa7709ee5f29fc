//! The kernel's concurrent code under loom: the real cell, mailbox, control queue,
//! references and run loop, driven by a few threads in every order loom finds.
//!
//! Only what one cell shares between threads is modelled (`sync.rs`); the node, its
//! log and the oneshot channels of tokio work as one step each. `cargo xtask model`
//! runs these tests, with `--long` over more preemptions. A lost wake-up shows as a
//! deadlock, which loom reports.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "helpers of tests")]

mod events;
mod fencing;
mod mail;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix::{Actor, ActorContext, AsyncContext, Handler, Message};
use ms_core::view::Tier;
use ms_core::{ActorPath, ChildType, ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::core::Core;
use crate::cell::follow::{Follower, LifeChange};
use crate::cell::hosted::{Cell, KernelContext};
use crate::host::{ChildEvent, ChildSink, Parent, Placement};
use crate::mail::spec::MailboxSpec;
use crate::node::arbiter::ArbiterSlot;
use crate::node::config::NodeConfig;
use crate::node::handle::Node;
use crate::node::residents::Resident;
use crate::run::context::Context;
use crate::run::driver::state::Driver;

/// Preemptions a schedule may have unless `MS_MODEL_PREEMPTIONS` says otherwise; loom's authors
/// found two or three to show nearly all faults.
const PREEMPTIONS: usize = 2;
/// Scheduling points of one schedule, far above what any test here needs.
const MAX_BRANCHES: usize = 20_000;
/// Words of a modelled thread's stack: a run loop needs more than loom's 32 KiB.
const STACK: usize = 64 * 1024;

/// Runs `test` under every schedule within the bound, and says how many those were.
fn explore(name: &str, test: impl Fn(&World) + Send + Sync + 'static) {
    let bound = std::env::var("MS_MODEL_PREEMPTIONS").ok().and_then(|bound| bound.parse().ok());
    let system = actix_rt::System::new();
    let (node, slot, runtime) = system.block_on(async {
        let node = Node::boot(NodeConfig { quiet_panics: false, ..NodeConfig::single_arbiter() })
            .expect("a node");
        let slot = node.place(Placement::Control).expect("its arbiter");
        (node, slot, tokio::runtime::Handle::current())
    });
    let schedules = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&schedules);
    // On a thread that is no arbiter: deadlines then are timers, which never ring here.
    let run = std::thread::spawn(move || {
        let _inside = runtime.enter();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(bound.unwrap_or(PREEMPTIONS));
        builder.max_branches = MAX_BRANCHES;
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            test(&World { node: node.clone(), slot: Arc::clone(&slot) });
        });
    });
    let outcome = run.join();
    println!("model {name}: {} schedules", schedules.load(Ordering::Relaxed));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// What all schedules share: a node whose threads do not run.
#[derive(Clone)]
struct World {
    node: Node,
    slot: Arc<ArbiterSlot>,
}

impl World {
    /// A supervised actor, not started yet, and what its supervisor and a follower hear.
    fn supervised(&self, mailbox: MailboxSpec) -> (Arc<Cell<Probe>>, Heard) {
        let heard = Heard::default();
        let parent = Parent { sink: Arc::new(heard.clone()), key: 7 };
        let cell = self.cell(mailbox, Some(parent));
        let follower = heard.clone();
        let of: std::sync::Weak<dyn AnyCell> = Arc::downgrade(&cell) as _;
        let by = std::sync::Weak::<Cell<Probe>>::new();
        let notify = Box::new(move |_: Arc<dyn AnyCell>, change| follower.follow(change));
        cell.core.add_follower(1, Follower { by, of, notify });
        (cell, heard)
    }

    fn cell(&self, mailbox: MailboxSpec, parent: Option<Parent>) -> Arc<Cell<Probe>> {
        let path = ActorPath::new("/root/probe").expect("a path");
        let node = self.node.clone();
        Arc::new(Cell {
            core: Core::new(node, path, "Probe", Tier::Kernel, ChildType::Worker, mailbox, parent),
            mailbox: <Context<Probe> as KernelContext<Probe>>::mailbox(),
            factory: Arc::new(|_| Ok(Probe::default())),
            view: None,
        })
    }

    /// The next life of an actor, claimed but not begun.
    fn claim(&self, cell: &Arc<Cell<Probe>>) -> Life {
        let (incarnation, epoch) = Context::claim(cell, self.slot.id);
        Life { cell: Arc::clone(cell), slot: Arc::clone(&self.slot), incarnation, epoch }
    }
}

/// A life that can be lived on any thread.
struct Life {
    cell: Arc<Cell<Probe>>,
    slot: Arc<ArbiterSlot>,
    incarnation: Incarnation,
    epoch: u32,
}

impl Life {
    /// Lives it to its end, on this thread. Gives what it handled.
    fn live(self) -> Vec<u32> {
        self.live_as(Probe::default())
    }

    /// The same as an actor with a future of its own: its turns end another way.
    fn live_occupied(self) -> Vec<u32> {
        self.live_as(Probe { occupied: true, ..Probe::default() })
    }

    fn live_as(self, actor: Probe) -> Vec<u32> {
        let seen = actor.seen.clone();
        let me: Arc<dyn AnyCell> = Arc::clone(&self.cell) as Arc<dyn AnyCell>;
        let (cell, incarnation) = (self.cell, self.incarnation);
        let resident = Arc::downgrade(&cell) as std::sync::Weak<dyn Resident>;
        let stay = self.slot.settle(resident, incarnation);
        loom::future::block_on(Driver::new(cell, me, stay, incarnation, self.epoch, actor));
        seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A modelled thread with a stack large enough for a run loop.
fn thread<R: Send + 'static>(
    code: impl FnOnce() -> R + Send + 'static,
) -> loom::thread::JoinHandle<R> {
    loom::thread::Builder::new().stack_size(STACK).spawn(code).expect("a modelled thread")
}

#[derive(Default, Clone)]
struct Seen(Arc<Mutex<Vec<u32>>>);

/// Remembers what it handled; [`STOP`] ends it.
#[derive(Default)]
struct Probe {
    seen: Seen,
    occupied: bool,
}

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.occupied {
            ctx.spawn(actix::fut::wrap_future(std::future::pending()));
        }
    }
}

#[derive(Message, Debug)]
#[rtype(result = "u32")]
struct Put(u32);

/// The number that ends a [`Probe`].
const STOP: u32 = 99;

impl Handler<Put> for Probe {
    type Result = u32;

    fn handle(&mut self, Put(number): Put, ctx: &mut Self::Context) -> u32 {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        if number == STOP {
            ctx.stop();
        }
        number
    }
}

/// Everything reported, in that order: to the supervisor and to a follower.
#[derive(Default, Clone)]
struct Heard(Arc<Mutex<(Vec<String>, Vec<String>)>>);

impl Heard {
    fn follow(&self, change: LifeChange) {
        let line = match change {
            LifeChange::Started(incarnation) => format!("started {incarnation}"),
            LifeChange::Exited { incarnation, .. } => format!("ended {incarnation}"),
            LifeChange::Gone(_) => "gone".to_owned(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.push(line);
    }

    fn by_supervisor(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn by_follower(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl ChildSink for Heard {
    fn child_event(&self, _: u64, event: ChildEvent) {
        let what = match event {
            ChildEvent::Started(_) => "started",
            ChildEvent::Ignored(_) => "ignored",
            ChildEvent::StartFailed(_) => "failed",
            ChildEvent::Exited(_) => "exited",
        };
        let line = format!("{what} {}", event.incarnation());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.push(line);
    }
}

fn lost() -> ExitReason {
    ExitReason::ArbiterLost
}
