//! Lives of actors as the node's events tell of them: begun, ended, how long they ran.

use std::collections::HashMap;

use ms_core::view::{EventKind, Lifecycle, NodeEvent, TreeNode};
use ms_core::{ActorPath, Incarnation};

/// Actors whose start is remembered; of more, how many there are is known, and not since when.
const MAX_KNOWN: usize = 65_536;
/// An actor's first start.
const FIRST: Incarnation = Incarnation(1);

/// What an event told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A life began.
    Started {
        /// It is not the actor's first.
        again: bool,
        /// How long the actor was away, where its life before ended by a fault.
        away_ms: Option<u64>,
    },
    /// A life ended.
    Ended {
        /// By a fault.
        failed: bool,
        /// How long it ran; `None` where its start was not seen.
        ran_ms: Option<u64>,
    },
}

/// The lives under way.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    known: HashMap<ActorPath, (Incarnation, u64)>,
    /// Whose life ended by a fault, and when.
    away: HashMap<ActorPath, u64>,
    /// Those that there was no room for.
    beyond: usize,
}

impl Lives {
    /// What an event tells; `None` if it is not about a life.
    pub(crate) fn event(&mut self, event: &NodeEvent) -> Option<Seen> {
        match &event.kind {
            EventKind::Started { path, incarnation } => {
                self.started(path, *incarnation, event.at_ms);
                let away = self.away.remove(path);
                let away_ms = away.map(|since| event.at_ms.saturating_sub(since));
                Some(Seen::Started { again: *incarnation > FIRST, away_ms })
            }
            EventKind::Exited { path, incarnation, reason } => {
                let began = self.ended(path, *incarnation);
                let ran_ms = began.map(|began| event.at_ms.saturating_sub(began));
                let failed = !reason.is_clean();
                if failed && self.away.len() < MAX_KNOWN {
                    self.away.insert(path.clone(), event.at_ms);
                }
                Some(Seen::Ended { failed, ran_ms })
            }
            _ => None,
        }
    }

    fn started(&mut self, path: &ActorPath, incarnation: Incarnation, at_ms: u64) {
        if self.known.len() < MAX_KNOWN || self.known.contains_key(path) {
            self.known.insert(path.clone(), (incarnation, at_ms));
        } else {
            self.beyond += 1;
        }
    }

    /// Gives when it began.
    fn ended(&mut self, path: &ActorPath, incarnation: Incarnation) -> Option<u64> {
        match self.known.get(path) {
            Some((known, began)) if *known == incarnation => {
                let began = *began;
                self.known.remove(path);
                Some(began)
            }
            // The end of a life before: a later one has begun.
            Some(_) => None,
            None => {
                self.beyond = self.beyond.saturating_sub(1);
                None
            }
        }
    }

    /// Takes over what the tree shows, in place of what was known: events may have been missed.
    pub(crate) fn are(&mut self, tree: &TreeNode, now_ms: u64) {
        *self = Self::default();
        for status in tree.walk().map(|node| &node.status) {
            let runs = !matches!(status.lifecycle, Lifecycle::Restarting | Lifecycle::Stopped);
            if let Some(up) = status.uptime_ms.filter(|_| runs) {
                self.started(&status.path, status.incarnation, now_ms.saturating_sub(up));
            }
        }
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.known.len() + self.beyond
    }
}

#[cfg(test)]
mod tests {
    use ms_core::ExitReason;

    use super::*;

    fn path(text: &str) -> ActorPath {
        ActorPath::new(text).expect("valid")
    }

    fn started(name: &str, incarnation: u64, at_ms: u64) -> NodeEvent {
        let kind = EventKind::Started { path: path(name), incarnation: Incarnation(incarnation) };
        NodeEvent { seq: 1, at_ms, kind }
    }

    fn exited(name: &str, incarnation: u64, at_ms: u64, reason: ExitReason) -> NodeEvent {
        let (path, incarnation) = (path(name), Incarnation(incarnation));
        NodeEvent { seq: 1, at_ms, kind: EventKind::Exited { path, incarnation, reason } }
    }

    /// S2.2-12: spawned, failed, restarted, running, with durations.
    #[test]
    fn s2_2_12_lives_are_counted_with_how_long_they_ran() {
        let mut lives = Lives::default();
        let first = Some(Seen::Started { again: false, away_ms: None });
        assert_eq!(lives.event(&started("/r/a", 1, 100)), first);
        assert_eq!(lives.event(&started("/r/b", 1, 100)), first);
        assert_eq!(lives.running(), 2);
        let crashed = exited("/r/a", 1, 350, ExitReason::Killed);
        let ended = |failed, ran_ms| Some(Seen::Ended { failed, ran_ms });
        assert_eq!(lives.event(&crashed), ended(true, Some(250)));
        assert_eq!(lives.running(), 1);
        let again = Some(Seen::Started { again: true, away_ms: Some(10) });
        assert_eq!(lives.event(&started("/r/a", 2, 360)), again);
        assert_eq!(lives.event(&exited("/r/a", 1, 370, ExitReason::Killed)), ended(true, None));
        assert_eq!(lives.running(), 2, "the end of an earlier life ends no later one");
        let stopped = exited("/r/b", 1, 1_100, ExitReason::Shutdown);
        assert_eq!(lives.event(&stopped), ended(false, Some(1_000)));
        assert_eq!(lives.running(), 1);
    }

    #[test]
    fn more_lives_than_there_is_room_for_are_still_counted() {
        let mut lives = Lives::default();
        for n in 0..MAX_KNOWN + 10 {
            lives.event(&started(&format!("/r/{n}"), 1, 0));
        }
        assert_eq!((lives.running(), lives.known.len()), (MAX_KNOWN + 10, MAX_KNOWN));
        let seen = lives.event(&exited(&format!("/r/{MAX_KNOWN}"), 1, 9, ExitReason::Normal));
        assert_eq!(seen, Some(Seen::Ended { failed: false, ran_ms: None }));
        assert_eq!(lives.running(), MAX_KNOWN + 9);
    }
}
