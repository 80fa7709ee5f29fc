//! Slots: who fills them, who waits for them, and whom they keep alive, which is nobody.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use actix::Actor;
use ms_actor::{Blueprint, Context, Node, Placement, Ref, Slot, spawn};
use ms_core::{ActorPath, ExitReason};
use tokio::time::timeout;

use crate::common::{paused, settle, soon, threads, until};

struct Clerk;

impl Actor for Clerk {
    type Context = Context<Self>;
}

/// A factory that fills `slot`, as that of a supervised actor does.
fn filling(slot: &Slot<Clerk>) -> Blueprint {
    let slot = slot.clone();
    Blueprint::fallible(move |me: &Ref<Clerk>| {
        slot.fill(me);
        Ok(Clerk)
    })
}

fn cell(node: &Node, slot: &Slot<Clerk>) -> ms_actor::host::ChildCell {
    filling(slot).cell(node, ActorPath::new("/local/clerk").expect("a path"), None)
}

#[test]
fn a_slot_is_empty_until_the_factory_fills_it() {
    paused(async |node| {
        let slot = Slot::new();
        let cell = cell(&node, &slot);
        let kept = cell.typed::<Clerk>();
        assert_eq!(slot.get(), None, "its factory has not run");
        cell.launch(Placement::WithParent);
        assert!(soon(slot.late().filled()).await);
        assert_eq!(slot.get(), kept);
        assert_eq!(slot.clone().get(), kept, "clones share it");
    });
}

#[test]
fn what_is_filled_last_is_found() {
    paused(async |node| {
        let (one, two) = (spawn(&node, "a", Clerk).unwrap(), spawn(&node, "b", Clerk).unwrap());
        let slot = Slot::of(&one);
        assert_eq!(slot.get(), Some(one));
        slot.fill(&two);
        assert_eq!(slot.get(), Some(two));
    });
}

#[test]
fn a_slot_does_not_keep_an_actor_alive_that_is_outside_of_any_tree() {
    paused(async |node| {
        let actor = spawn(&node, "clerk", Clerk).unwrap();
        let (slot, any) = (Slot::of(&actor), actor.any());
        let late = slot.late();
        settle().await;
        assert!(any.is_alive());
        drop(actor);
        until(|| any.is_closed()).await;
        drop(any);
        until(|| slot.get().is_none()).await;
        assert!(late.get().is_none());
        assert!(late.filled().await, "it was there once");
    });
}

/// With a strong reference in the slot, the cell would own its factory, the factory the slot, and
/// the slot the cell.
#[test]
fn the_slot_of_a_factory_does_not_keep_its_own_cell() {
    paused(async |node| {
        let slot = Slot::new();
        let cell = cell(&node, &slot);
        let kept = cell.typed::<Clerk>();
        cell.launch(Placement::WithParent);
        settle().await;
        assert!(slot.get().is_some());
        cell.stop(ExitReason::Shutdown);
        until(|| !cell.is_alive()).await;
        assert!(slot.get().is_some(), "an actor that is down is there, and says why it ended");
        cell.close(&ExitReason::Shutdown);
        drop((cell, kept));
        until(|| slot.get().is_none()).await;
    });
}

#[test]
fn who_waits_learns_that_nobody_is_left_to_fill_the_slot() {
    paused(async |node| {
        let slot = Slot::<Clerk>::new();
        let late = slot.late();
        let factory = filling(&slot);
        drop(slot);
        let waits = timeout(Duration::from_secs(60), late.filled()).await;
        assert!(waits.is_err(), "the factory may run yet");
        let other = late.clone();
        drop(factory);
        assert!(!soon(late.filled()).await, "readers do not count");
        assert!(!soon(other.filled()).await);
        drop(node);
    });
}

#[test]
fn who_waits_on_another_thread_is_woken_by_the_first_start() {
    threads(1, async |node| {
        let slot = Slot::new();
        let late = slot.late();
        let waits = tokio::spawn(async move { late.filled().await });
        let cell = cell(&node, &slot);
        cell.launch(Placement::Pool);
        assert!(soon(waits).await.unwrap());
        cell.stop(ExitReason::Shutdown);
        until(|| !cell.is_alive()).await;
    });
}
