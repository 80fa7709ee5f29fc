//! Claims whose answers are lost: what the store holds and the dispatcher does not know of is
//! released, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use ms_core::task::{FencingToken, TaskId};
use ms_task::{Claims, Held, NextAsk};
use proptest::prelude::*;
use uuid::Uuid;

const TASKS: u128 = 6;

#[derive(Debug, Clone)]
enum Op {
    /// The dispatcher asks what it is to ask.
    Ask,
    /// The store carries a question out: so many tasks at most.
    CarryOut(usize),
    /// The answer arrives, or is lost.
    Answer { lost: bool },
    /// An attempt ends: its outcome is on its way.
    End(usize),
    /// An outcome is written, or the attempt to write it was in vain.
    Write { which: usize, lost: bool },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Ask),
        3 => (1..4_usize).prop_map(Op::CarryOut),
        3 => prop::bool::weighted(0.4).prop_map(|lost| Op::Answer { lost }),
        2 => any::<usize>().prop_map(Op::End),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, lost)| Op::Write { which, lost }),
    ]
}

enum Question {
    Claim { brought: Vec<(TaskId, FencingToken)>, done: bool },
    Release { but: Held, done: bool },
}

/// A dispatcher, its store, and what is under way between them.
#[derive(Default)]
struct World {
    claims: Claims,
    /// The live token of each task that is assigned, in the store.
    leased: BTreeMap<TaskId, FencingToken>,
    tokens: BTreeMap<TaskId, u64>,
    question: Option<Question>,
    running: Vec<(TaskId, FencingToken)>,
    ended: Vec<(TaskId, FencingToken)>,
}

impl World {
    fn act(&mut self, op: Op) {
        match op {
            Op::Ask => self.ask(),
            Op::CarryOut(most) => self.carry_out(most),
            Op::Answer { lost } => self.answer(lost),
            Op::End(which) if !self.running.is_empty() => {
                let at = which % self.running.len();
                self.ended.push(self.running.remove(at));
            }
            Op::Write { which, lost } if !self.ended.is_empty() => {
                let at = which % self.ended.len();
                let (id, token) = self.ended[at];
                // In vain it may have been written all the same; then it is written again.
                if self.leased.get(&id) == Some(&token) {
                    self.leased.remove(&id);
                }
                if !lost {
                    self.ended.remove(at);
                    self.claims.settled(id, token);
                }
            }
            Op::End(_) | Op::Write { .. } => {}
        }
    }

    fn ask(&mut self) {
        let question = match self.claims.next_ask() {
            NextAsk::Wait => return assert!(self.question.is_some(), "it waits for nothing"),
            NextAsk::Claim => Question::Claim { brought: Vec::new(), done: false },
            NextAsk::Release(but) => Question::Release { but, done: false },
        };
        assert!(self.question.is_none(), "one question at a time");
        self.claims.asked();
        self.question = Some(question);
    }

    fn carry_out(&mut self, most: usize) {
        match &mut self.question {
            Some(Question::Claim { brought, done }) if !*done => {
                *done = true;
                let all = (0..TASKS).map(|n| TaskId::new(Uuid::from_u128(n)));
                let free: Vec<_> = all.filter(|id| !self.leased.contains_key(id)).collect();
                for id in free.into_iter().take(most) {
                    let token = self.tokens.entry(id).or_default();
                    *token += 1;
                    self.leased.insert(id, FencingToken(*token));
                    brought.push((id, FencingToken(*token)));
                }
            }
            Some(Question::Release { but, done }) if !*done => {
                *done = true;
                let before = self.leased.clone();
                self.leased.retain(|&id, &mut token| but.contains(&(id, token)));
                for task in self.running.iter().chain(&self.ended) {
                    let held = |leased: &BTreeMap<_, _>| leased.get(&task.0) == Some(&task.1);
                    let released = held(&before) && !held(&self.leased);
                    assert!(!released, "{task:?} is in an agent's hands and was released");
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, lost: bool) {
        match self.question.take() {
            // Lost before it was carried out, or after it.
            Some(Question::Claim { .. }) if lost => drop(self.claims.claim_answered(true)),
            Some(Question::Release { .. }) if lost => self.claims.release_answered(false),
            Some(Question::Claim { brought, done: true }) => {
                self.claims.claim_answered(false);
                for (id, token) in brought {
                    self.claims.given(id, token);
                    self.running.push((id, token));
                }
            }
            Some(Question::Release { done: true, .. }) => self.claims.release_answered(true),
            not_yet => self.question = not_yet,
        }
    }

    /// From here on nothing is lost.
    fn come_to_rest(&mut self) {
        self.carry_out(0);
        self.answer(false);
        while self.claims.next_ask() != NextAsk::Claim {
            self.ask();
            self.carry_out(0);
            self.answer(false);
        }
    }
}

proptest! {
    /// Nothing in an agent's hands is ever released, and at rest the store holds nothing that
    /// the dispatcher does not know of.
    #[test]
    fn t17_what_a_lost_claim_took_is_released_and_nothing_else(
        ops in prop::collection::vec(op(), 0..80)
    ) {
        let mut world = World::default();
        for op in ops {
            world.act(op);
        }
        world.come_to_rest();
        let known: Held = world.running.iter().chain(&world.ended).copied().collect();
        for leased in &world.leased {
            prop_assert!(known.contains(&(*leased.0, *leased.1)), "{leased:?} waits for its lease");
        }
    }
}

#[test]
fn a_wake_during_a_question_is_remembered() {
    let mut claims = Claims::default();
    claims.asked();
    assert_eq!(claims.next_ask(), NextAsk::Wait);
    assert!(claims.claim_answered(false));
    claims.asked();
    assert!(!claims.claim_answered(false));
}
