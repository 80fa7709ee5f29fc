//! Cuts a failing script down: fewer steps, fewer actors, fewer tricks, while it breaks the same
//! invariant.

use super::script::{Plan, Script, SupPlan};
use super::{Violation, run};

/// A script that was cut down.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The script.
    pub script: Script,
    /// The invariant it breaks.
    pub violation: Violation,
    /// Runs that the search took.
    pub runs: usize,
}

/// Cuts a failing script down with at most `max_runs` runs. Returns `None` if it does not fail.
#[must_use]
pub fn shrink(script: &Script, max_runs: usize) -> Option<Shrunk> {
    let violation = run(script).violations.into_iter().next()?;
    let mut cutter = Cutter { rule: violation.rule, left: max_runs, found: violation };
    let mut small = script.clone();
    // Most scripts do not need what comes after the step that broke the invariant, and cutting that
    // off at once saves many runs.
    small.steps.truncate(cutter.found.step + 1);
    if !cutter.fails(&small) {
        small = script.clone();
    }
    loop {
        let before = weight(&small);
        cutter.fewer_steps(&mut small);
        cutter.fewer_children(&mut small, &mut Vec::new());
        cutter.fewer_tricks(&mut small);
        if weight(&small) == before || cutter.left == 0 {
            break;
        }
    }
    Some(Shrunk { script: small, violation: cutter.found, runs: max_runs - cutter.left })
}

fn weight(script: &Script) -> usize {
    script.steps.len() + script.root.size() + tricks(&script.root)
}

fn tricks(sup: &SupPlan) -> usize {
    let below = |plan: &Plan| match plan {
        Plan::Leaf(leaf) => leaf.tricks.len(),
        Plan::Sup(sup) => tricks(sup),
    };
    sup.tricks.len() + sup.children.iter().map(below).sum::<usize>()
}

struct Cutter {
    rule: &'static str,
    left: usize,
    found: Violation,
}

impl Cutter {
    fn fails(&mut self, script: &Script) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let first = run(script).violations.into_iter().next();
        match first.filter(|violation| violation.rule == self.rule) {
            Some(violation) => {
                self.found = violation;
                true
            }
            None => false,
        }
    }

    /// Keeps a change if the script still fails. Says whether it does.
    fn keep(&mut self, script: &mut Script, changed: Script) -> bool {
        let fails = self.fails(&changed);
        if fails {
            *script = changed;
        }
        fails
    }

    /// Cuts out sequences of steps: halves first, then shorter and shorter ones.
    fn fewer_steps(&mut self, script: &mut Script) {
        let mut size = script.steps.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < script.steps.len() {
                let mut changed = script.clone();
                changed.steps.drain(at..(at + size).min(changed.steps.len()));
                if !self.keep(script, changed) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// Cuts out children, whole subtrees first. `at` has the indices that lead to the supervisor.
    fn fewer_children(&mut self, script: &mut Script, at: &mut Vec<usize>) {
        let mut index = sup_at(&mut script.root, at).children.len();
        while index > 0 {
            index -= 1;
            let mut changed = script.clone();
            let sup = sup_at(&mut changed.root, at);
            if matches!(sup.strategy, ms_core::Strategy::SimpleOneForOne) {
                return;
            }
            sup.children.remove(index);
            if self.keep(script, changed) {
                continue;
            }
            if matches!(sup_at(&mut script.root, at).children[index], Plan::Sup(_)) {
                at.push(index);
                self.fewer_children(script, at);
                at.pop();
            }
        }
    }

    /// Drops tricks, one at a time, wherever they are.
    fn fewer_tricks(&mut self, script: &mut Script) {
        let mut nth = tricks(&script.root);
        while nth > 0 {
            nth -= 1;
            let mut changed = script.clone();
            let mut left = nth;
            drop_trick(&mut changed.root, &mut left);
            self.keep(script, changed);
        }
    }
}

fn sup_at<'a>(root: &'a mut SupPlan, at: &[usize]) -> &'a mut SupPlan {
    match at.split_first() {
        None => root,
        Some((&first, rest)) => {
            // The indices were collected over supervisors, so this is always one.
            let at_leaf = matches!(root.children.get(first), None | Some(Plan::Leaf(_)));
            if at_leaf {
                return root;
            }
            match &mut root.children[first] {
                Plan::Sup(below) => sup_at(below, rest),
                Plan::Leaf(_) => unreachable!("looked at above"),
            }
        }
    }
}

/// Drops the trick with this number, counted over the tree. Returns true once it is dropped.
fn drop_trick(sup: &mut SupPlan, left: &mut usize) -> bool {
    let take = |tricks: &mut Vec<_>, left: &mut usize| {
        if *left < tricks.len() {
            tricks.remove(*left);
            return true;
        }
        *left -= tricks.len();
        false
    };
    if take(&mut sup.tricks, left) {
        return true;
    }
    sup.children.iter_mut().any(|child| match child {
        Plan::Leaf(leaf) => take(&mut leaf.tricks, left),
        Plan::Sup(below) => drop_trick(below, left),
    })
}
