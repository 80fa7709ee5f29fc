//! Counts lives of actors from the node's events: begun, ended, how long they ran.

use std::collections::HashMap;

use ms_core::view::{EventKind, Lifecycle, NodeEvent, TreeNode};
use ms_core::{ActorPath, Incarnation};

/// Actors whose start is remembered. More are only counted, and their running time is unknown.
const MAX_KNOWN: usize = 65_536;
/// An actor's first start.
const FIRST: Incarnation = Incarnation(1);

/// A change of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LifeChange {
    /// A life began.
    Began {
        /// Whether the actor has lived before.
        again: bool,
        /// The time since the life before, if that one ended by a failure.
        away_ms: Option<u64>,
    },
    /// A life came to its end.
    Over {
        /// Whether it ended by a failure.
        failed: bool,
        /// Its length; `None` if its start was not seen.
        ran_ms: Option<u64>,
    },
}

/// The lives that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    known: HashMap<ActorPath, (Incarnation, u64)>,
    /// Actors whose life ended by a failure, and the time of that.
    away: HashMap<ActorPath, u64>,
    /// Lives beyond [`MAX_KNOWN`].
    beyond: usize,
}

impl Lives {
    /// Takes an event, and returns the change of a life in it, if there is one.
    pub(crate) fn event(&mut self, event: &NodeEvent) -> Option<LifeChange> {
        match &event.kind {
            EventKind::Started { path, incarnation } => {
                self.started(path, *incarnation, event.at_ms);
                let away = self.away.remove(path);
                let away_ms = away.map(|since| event.at_ms.saturating_sub(since));
                Some(LifeChange::Began { again: *incarnation > FIRST, away_ms })
            }
            EventKind::Exited { path, incarnation, reason } => {
                let began = self.ended(path, *incarnation);
                let ran_ms = began.map(|began| event.at_ms.saturating_sub(began));
                let failed = !reason.is_clean();
                if failed && self.away.len() < MAX_KNOWN {
                    self.away.insert(path.clone(), event.at_ms);
                }
                Some(LifeChange::Over { failed, ran_ms })
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

    /// Takes a life out, and returns when it began.
    fn ended(&mut self, path: &ActorPath, incarnation: Incarnation) -> Option<u64> {
        match self.known.get(path) {
            Some((known, began)) if *known == incarnation => {
                let began = *began;
                self.known.remove(path);
                Some(began)
            }
            // The end of an earlier life, read after the start of a later one.
            Some(_) => None,
            // Either its start was missed, or it was only counted. A count that is too low for a
            // moment is repaired by the next look at the tree.
            None => {
                self.beyond = self.beyond.saturating_sub(1);
                None
            }
        }
    }

    /// Replaces what is known by what the tree shows, after events were missed.
    pub(crate) fn replace_by(&mut self, tree: &TreeNode, now_ms: u64) {
        *self = Self::default();
        for status in tree.walk().map(|node| &node.status) {
            let runs = !matches!(status.lifecycle, Lifecycle::Restarting | Lifecycle::Stopped);
            if let Some(up) = status.uptime_ms.filter(|_| runs) {
                self.started(&status.path, status.incarnation, now_ms.saturating_sub(up));
            }
        }
    }

    /// Returns how many lives have not ended.
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
        let first = Some(LifeChange::Began { again: false, away_ms: None });
        assert_eq!(lives.event(&started("/r/a", 1, 100)), first);
        assert_eq!(lives.event(&started("/r/b", 1, 100)), first);
        assert_eq!(lives.running(), 2);
        let crashed = exited("/r/a", 1, 350, ExitReason::Killed);
        let ended = |failed, ran_ms| Some(LifeChange::Over { failed, ran_ms });
        assert_eq!(lives.event(&crashed), ended(true, Some(250)));
        assert_eq!(lives.running(), 1);
        let again = Some(LifeChange::Began { again: true, away_ms: Some(10) });
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
        let change = lives.event(&exited(&format!("/r/{MAX_KNOWN}"), 1, 9, ExitReason::Normal));
        assert_eq!(change, Some(LifeChange::Over { failed: false, ran_ms: None }));
        assert_eq!(lives.running(), MAX_KNOWN + 9);
    }
}
