//! What an actor keeps on behalf of others, counted: nothing of those that have gone.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use actix::{Actor, Handler, Message};
use ms_core::ExitReason;

use crate::cell::follow::LifeChange;
use crate::cell::life::Life;
use crate::mail::line::WaitFor;
use crate::refs::handle::Ref;
use crate::refs::messages::LifecycleEvent;
use crate::sync::lock;
use crate::{AnyRef, Blueprint, Context, Down, MailboxSpec, Node, NodeConfig, Placement};

struct Idle;

impl Actor for Idle {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Nothing;

impl Handler<Nothing> for Idle {
    type Result = ();

    fn handle(&mut self, _: Nothing, _: &mut Self::Context) {}
}

type Hook = Box<dyn FnOnce(&mut Context<Idle>) + Send>;

/// Has an actor do what a closure says.
#[derive(Message)]
#[rtype(result = "()")]
struct Do(Hook);

impl Handler<Do> for Idle {
    type Result = ();

    fn handle(&mut self, Do(what): Do, ctx: &mut Self::Context) {
        what(ctx);
    }
}

impl Handler<Down> for Idle {
    type Result = ();

    fn handle(&mut self, _: Down, _: &mut Self::Context) {}
}

impl Handler<LifecycleEvent> for Idle {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        assert!(!matches!(event.change, LifeChange::Started(_)), "nobody is started again here");
    }
}

fn paused<F: Future>(test: impl FnOnce(Node) -> F) {
    actix::System::new().block_on(async {
        tokio::time::pause();
        test(Node::boot(NodeConfig::single_arbiter()).expect("boots")).await;
    });
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn start(node: &Node, name: &str, spec: MailboxSpec) -> Ref<Idle> {
    let path = ms_core::ActorPath::new(format!("/test/{name}")).expect("a path");
    let cell = Blueprint::actor(|| Idle).mailbox(spec).cell(node, path, None);
    let actor = cell.typed::<Idle>().expect("its type");
    cell.launch(Placement::Pool);
    settle().await;
    actor
}

/// What `actor` says of itself, under the lock of its life.
fn life<R>(actor: &AnyRef, count: impl FnOnce(&Life) -> R) -> R {
    actor.cell().core().life(|life| count(life))
}

fn watchers(actor: &AnyRef) -> usize {
    life(actor, |life| life.rare.as_ref().map_or(0, |rare| rare.watchers.len()))
}

fn watching(actor: &AnyRef) -> usize {
    life(actor, |life| life.rare.as_ref().map_or(0, |rare| rare.watching.len()))
}

fn links(actor: &AnyRef) -> usize {
    life(actor, |life| life.rare.as_ref().map_or(0, |rare| rare.links.len()))
}

/// Followers, and those followed.
fn follows(actor: &AnyRef) -> (usize, usize) {
    life(actor, |life| life.follows.as_ref().map_or((0, 0), |follows| follows.counts()))
}

fn in_line(actor: &Ref<Idle>, line: WaitFor) -> usize {
    let mailbox = actor.any().cell().clone().into_any();
    let cell = mailbox.downcast::<crate::cell::hosted::Cell<Idle>>().expect("its type");
    lock(&cell.mailbox).in_line(line)
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Task::from_waker(Waker::noop()))
}

const MANY: usize = 1_000;
const FEW: usize = 100;

#[test]
fn k20_sends_that_gave_up_leave_nothing() {
    paused(async |node: Node| {
        let actor = start(&node, "a", MailboxSpec::bounded(1)).await;
        actor.any().suspend();
        settle().await;
        actor.try_tell(Nothing).expect("room for one");
        for _ in 0..MANY {
            let mut tell = Box::pin(actor.tell(Nothing));
            assert!(poll_once(tell.as_mut()).is_pending());
            assert!(poll_once(tell.as_mut()).is_pending(), "in the same place");
            let mut ask = Box::pin(actor.ask(Nothing));
            assert!(poll_once(ask.as_mut()).is_pending());
            assert_eq!(in_line(&actor, WaitFor::Room), 2);
        }
        assert_eq!(in_line(&actor, WaitFor::Room), 0, "dropped");
        for _ in 0..10 {
            let late = actor.tell(Nothing).within(Duration::from_secs(1)).await;
            assert!(late.is_err());
        }
        assert_eq!(in_line(&actor, WaitFor::Room), 0, "out of time");
        let waiting = actix::spawn({
            let actor = actor.clone();
            async move { actor.tell(Nothing).await }
        });
        settle().await;
        assert_eq!(in_line(&actor, WaitFor::Room), 1);
        actor.any().resume();
        waiting.await.expect("not cancelled").expect("room");
        assert_eq!(in_line(&actor, WaitFor::Room), 0, "taken");
    });
}

/// An actor whose thread stands still ends no turn: what is asked of it meanwhile and dropped by
/// its mailbox waits to hear why, and gives up.
#[test]
fn k20_asks_that_gave_up_on_a_turn_leave_nothing() {
    paused(async |node: Node| {
        let spec = MailboxSpec::bounded(1).overflow(crate::Overflow::DropNewest);
        let actor = start(&node, "a", spec).await;
        actor.try_tell(Nothing).expect("room for one");
        let (me, (tell, counted)) = (actor.clone(), std::sync::mpsc::channel());
        let within_a_turn = Do(Box::new(move |_| {
            me.try_tell(Nothing).expect("the newest goes");
            // Fewer than tokio lets a task poll in one turn.
            for _ in 0..FEW {
                let mut ask = Box::pin(me.ask(Nothing));
                assert!(poll_once(ask.as_mut()).is_pending(), "the turn is not over");
                tell.send(in_line(&me, WaitFor::TurnEnd)).expect("the test waits");
            }
            tell.send(in_line(&me, WaitFor::TurnEnd)).expect("the test waits");
        }));
        settle().await;
        actor.try_tell(within_a_turn).expect("room for one");
        settle().await;
        let counts: Vec<_> = counted.try_iter().collect();
        assert_eq!(counts.len(), FEW + 1);
        assert_eq!(counts[..FEW], [1; FEW]);
        assert_eq!(counts[FEW], 0);
    });
}

#[test]
fn k20_monitors_that_were_dropped_leave_nothing() {
    paused(async |node: Node| {
        let held = start(&node, "a", MailboxSpec::default()).await;
        let actor = held.any();
        let kept = actor.monitor();
        for _ in 0..MANY {
            drop(actor.monitor());
            let mut given_up = Box::pin(actor.monitor());
            assert!(poll_once(given_up.as_mut()).is_pending());
        }
        assert_eq!(watchers(&actor), 1);
        actor.kill();
        assert_eq!(kept.await.reason, ExitReason::Killed);
        assert_eq!(watchers(&actor), 0);
    });
}

#[test]
fn k20_the_monitors_and_links_of_an_actor_end_with_it() {
    paused(async |node: Node| {
        let watched = start(&node, "watched", MailboxSpec::default()).await;
        let target = watched.any();
        for n in 0..50 {
            let watcher = start(&node, &format!("w{n}"), MailboxSpec::default()).await;
            let other = target.clone();
            let sets = Do(Box::new(move |ctx| {
                ctx.monitor(&other);
                let taken_back = ctx.monitor(&other);
                ctx.demonitor(&other, taken_back);
                ctx.link(&other);
                ctx.unlink(&other);
                ctx.monitor(&other);
            }));
            watcher.ask(sets).await.expect("done");
            assert_eq!((watchers(&target), watching(&watcher.any())), (2, 2));
            watcher.any().kill();
            settle().await;
            assert_eq!((watchers(&target), links(&target)), (0, 0));
        }
    });
}

#[test]
fn k20_the_monitored_that_have_ended_leave_nothing_with_who_monitored_them() {
    paused(async |node: Node| {
        let watcher = start(&node, "watcher", MailboxSpec::default()).await;
        for n in 0..50 {
            let short = start(&node, &format!("s{n}"), MailboxSpec::default()).await;
            let other = short.any();
            let sets = Do(Box::new(move |ctx| {
                ctx.monitor(&other);
            }));
            watcher.ask(sets).await.expect("done");
            assert_eq!(watching(&watcher.any()), 1);
            short.any().kill();
            settle().await;
            assert_eq!(watching(&watcher.any()), 0);
        }
    });
}

#[test]
fn k20_followers_and_followed_that_have_ended_leave_nothing() {
    paused(async |node: Node| {
        let lasting = start(&node, "lasting", MailboxSpec::default()).await;
        for n in 0..50 {
            let short = start(&node, &format!("s{n}"), MailboxSpec::default()).await;
            let (one, other) = (lasting.any(), short.any());
            let follows_lasting = Do(Box::new(move |ctx| {
                ctx.follow(&one);
                ctx.follow(&one);
            }));
            short.ask(follows_lasting).await.expect("done");
            let follows_short = Do(Box::new(move |ctx| ctx.follow(&other)));
            lasting.ask(follows_short).await.expect("done");
            assert_eq!((follows(&lasting.any()), follows(&short.any())), ((1, 1), (1, 1)));
            short.any().kill();
            settle().await;
            assert_eq!((follows(&lasting.any()), follows(&short.any())), ((0, 0), (0, 0)));
        }
        // The end of one that is gone already is reported at once, and nothing is kept of it.
        let gone = start(&node, "gone", MailboxSpec::default()).await.any();
        settle().await;
        let late = Do(Box::new(move |ctx| ctx.follow(&gone)));
        lasting.ask(late).await.expect("done");
        assert_eq!(follows(&lasting.any()), (0, 0));
    });
}

#[test]
fn a_trace_that_has_ended_leaves_no_timer() {
    paused(async |node: Node| {
        let actor = start(&node, "a", MailboxSpec::default()).await;
        let cell = actor.any().cell().clone();
        settle().await;
        let before = std::sync::Arc::weak_count(&cell);
        for _ in 0..20 {
            let mut lines = actor.any().trace(1, Duration::from_secs(3_600));
            settle().await;
            actor.ask(Nothing).await.expect("answered");
            assert!(lines.recv().await.is_some() && lines.recv().await.is_none());
        }
        settle().await;
        assert_eq!(std::sync::Arc::weak_count(&cell), before);
    });
}
