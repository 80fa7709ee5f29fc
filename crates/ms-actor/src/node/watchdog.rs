//! The watchdog: a thread that notices arbiters whose loop stands still.
//!
//! A blocked thread cannot be killed, only abandoned: whoever blocks it is
//! declared hung, its neighbours are declared to have lost their arbiter, and
//! their supervisors start both anew elsewhere. The neighbours' mailboxes go
//! with them. The thread itself, should it ever come back, finds its actors
//! fenced off, drops them in silence and ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ms_core::ExitReason;
use ms_core::view::EventKind;

use crate::node::arbiter::ArbiterSlot;
use crate::node::clock::TICK;
use crate::node::handle::Node;
use crate::time::nanos;

/// How often it looks while every loop sleeps: its own wakes are most of what an idle node costs.
const IDLE_TICK: Duration = Duration::from_millis(100);

/// It takes a node for idle after so many looks in a row that found every loop asleep.
const IDLE_AFTER: u32 = 5;

/// Beats a hung actor is said to have missed.
const MISSED: u32 = 3;

/// Starts the thread; it ends when the node does.
#[allow(clippy::disallowed_methods, reason = "a thread of its own, not an arbiter")]
pub(crate) fn start(node: &Node) -> std::io::Result<()> {
    let weak = node.downgrade();
    let limit = node.config().wedged_after.map(nanos);
    std::thread::Builder::new().name("ms-watchdog".to_owned()).spawn(move || {
        let mut idle = 0;
        while let Some(node) = weak.upgrade() {
            if node.is_stopping() {
                return;
            }
            let tick = if idle < IDLE_AFTER { TICK } else { IDLE_TICK };
            node.refresh_coarse(tick);
            idle = if look(&node, limit) { idle.saturating_add(1) } else { 0 };
            // Not kept over the sleep: the last reference to a node ends this thread.
            drop(node);
            std::thread::sleep(tick);
        }
    })?;
    Ok(())
}

/// Returns whether it found every loop asleep.
fn look(node: &Node, limit: Option<u64>) -> bool {
    let now = node.now().as_nanos();
    let awake = node.awake_since(now);
    let mut all_asleep = true;
    for slot in node.watched() {
        all_asleep &= slot.is_asleep();
        slot.feel_pulse(now);
        let wedged = limit.is_some_and(|limit| slot.silent_for(now, awake) > limit);
        if wedged && !slot.abandoned.load(Ordering::Acquire) {
            evacuate(node, &slot);
        }
    }
    all_asleep
}

/// Gives up an arbiter somebody waits for in vain, if its loop stands still indeed.
pub(crate) fn give_up(node: &Node, arbiter: u32) {
    if node.is_stalled(arbiter)
        && let Some(slot) = node.watched().into_iter().find(|slot| slot.id == arbiter)
    {
        evacuate(node, &slot);
    }
}

/// Gives up an arbiter and tells the supervisors of all who lived there.
fn evacuate(node: &Node, slot: &Arc<ArbiterSlot>) {
    node.abandon(slot);
    let residents = slot.residents();
    tracing::error!(arbiter = slot.id, actors = residents.len(), "arbiter hung: moving its actors");
    let mut evacuated = 0;
    for (resident, incarnation) in residents {
        // An older life than the present was fenced off before: its place is elsewhere.
        let present = resident.live() == incarnation;
        let reason = if present && resident.in_turn() {
            ExitReason::HeartbeatLost { missed: MISSED }
        } else {
            evacuated += usize::from(present);
            ExitReason::ArbiterLost
        };
        resident.fence(incarnation, reason);
    }
    slot.clear_residents();
    node.publish(EventKind::ArbiterWedged { arbiter: slot.id, evacuated });
}
