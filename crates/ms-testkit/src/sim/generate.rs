//! Makes a script from a seed. All randomness of a run is used here.

use std::time::Duration;

use fastrand::Rng;
use ms_core::{AutoShutdown, Restart, Shutdown, Strategy};

use super::script::{
    Act, ChildOptions, Full, Kind, LeafPlan, Pause, Plan, Script, Step, SupPlan, Trick, What,
};

/// Most levels of supervisors; leaves come below the last.
const MAX_LEVELS: usize = 5;
/// Most actors in a planned tree; steps may add some.
const MAX_ACTORS: usize = 400;

/// Returns the script of a seed.
#[must_use]
pub fn generate(seed: u64) -> Script {
    // The order of all random choices below is fixed: with another order, every seed that is kept
    // because it once failed would mean another script.
    let mut maker = Maker { rng: Rng::with_seed(seed), left: 0, named: 0, routed: false };
    maker.left = maker.size();
    let mut root = maker.sup(1);
    root.name = "root".to_owned();
    root.options = ChildOptions {
        restart: Restart::Permanent,
        ..maker.supervisor_options(AutoShutdown::Never)
    };
    // A root that does not start tests nothing.
    root.tricks.clear();
    if root.strategy == Strategy::SimpleOneForOne {
        root.strategy = Strategy::OneForOne;
    }
    maker.seat_services(&mut root);
    let paths = Paths::of(&root);
    let steps = maker.steps(&paths);
    Script { seed, root, steps }
}

/// The paths of a planned tree.
#[derive(Default)]
struct Paths {
    leaves: Vec<String>,
    sups: Vec<String>,
    dynamic: Vec<String>,
}

impl Paths {
    fn of(root: &SupPlan) -> Self {
        let mut paths = Self::default();
        paths.visit(root, "");
        paths
    }

    fn visit(&mut self, sup: &SupPlan, above: &str) {
        let path = format!("{above}/{}", sup.name);
        if sup.strategy == Strategy::SimpleOneForOne {
            self.dynamic.push(path.clone());
        } else {
            for child in &sup.children {
                match child {
                    Plan::Leaf(leaf) => self.leaves.push(format!("{path}/{}", leaf.name)),
                    Plan::Sup(below) => self.visit(below, &path),
                }
            }
        }
        self.sups.push(path);
    }
}

struct Maker {
    rng: Rng,
    /// Actors that may still be planned.
    left: usize,
    named: u32,
    routed: bool,
}

impl Maker {
    fn percent(&mut self, share: u32) -> bool {
        self.rng.u32(0..100) < share
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.rng.usize(0..of.len())]
    }

    fn name(&mut self, prefix: char) -> String {
        self.named += 1;
        format!("{prefix}{}", self.named)
    }

    /// Chooses the size of the tree. Most are small, as most bugs need few actors; some have hundreds.
    fn size(&mut self) -> usize {
        match self.rng.u32(0..100) {
            0..=59 => self.rng.usize(3..16),
            60..=84 => self.rng.usize(16..50),
            85..=96 => self.rng.usize(50..130),
            _ => self.rng.usize(130..MAX_ACTORS),
        }
    }

    // ---- the tree --------------------------------------------------------------

    fn sup(&mut self, level: usize) -> SupPlan {
        self.left = self.left.saturating_sub(1);
        let strategy = match self.rng.u32(0..100) {
            0..=39 => Strategy::OneForOne,
            40..=61 => Strategy::OneForAll,
            62..=83 => Strategy::RestForOne,
            _ => Strategy::SimpleOneForOne,
        };
        let auto = match self.rng.u32(0..10) {
            0 => AutoShutdown::AnySignificant,
            1 => AutoShutdown::AllSignificant,
            _ => AutoShutdown::Never,
        };
        let name = self.name('s');
        let children = if strategy == Strategy::SimpleOneForOne {
            vec![Plan::Leaf(self.leaf(auto))]
        } else {
            self.children(level, auto)
        };
        let tricks = self.tricks(|maker| {
            if maker.percent(70) { Trick::FactoryFails } else { Trick::FactoryIgnores }
        });
        SupPlan {
            name,
            strategy,
            max_restarts: self.rng.u32(0..9),
            period: self.rng.u64(1..8),
            auto,
            options: self.supervisor_options(auto),
            children,
            tricks,
        }
    }

    fn children(&mut self, level: usize, auto: AutoShutdown) -> Vec<Plan> {
        let share = self.rng.usize(1..9).max(if level == 1 { 3 } else { 1 });
        let many = share.min(self.left.max(1));
        let mut children = Vec::new();
        for _ in 0..many {
            let deeper = level < MAX_LEVELS && self.left > 3 && self.percent(35);
            children.push(if deeper {
                let mut below = self.sup(level + 1);
                below.options = self.supervisor_options(auto);
                Plan::Sup(below)
            } else {
                Plan::Leaf(self.leaf(auto))
            });
        }
        // The actors that a big tree still lacks go into wide upper levels.
        while level <= 2 && self.left > 60 {
            let mut below = self.sup(level + 1);
            below.options = self.supervisor_options(auto);
            children.push(Plan::Sup(below));
        }
        children
    }

    fn supervisor_options(&mut self, above: AutoShutdown) -> ChildOptions {
        let shutdown = match self.rng.u32(0..10) {
            0 => Shutdown::BrutalKill,
            1..=3 => Shutdown::Timeout(Duration::from_millis(self.rng.u64(1..8_000))),
            _ => Shutdown::Infinity,
        };
        ChildOptions { shutdown, ..self.child_options(above) }
    }

    fn child_options(&mut self, above: AutoShutdown) -> ChildOptions {
        let restart = match self.rng.u32(0..10) {
            0..=5 => Restart::Permanent,
            6..=7 => Restart::Transient,
            _ => Restart::Temporary,
        };
        let shutdown = match self.rng.u32(0..10) {
            0..=1 => Shutdown::BrutalKill,
            2..=4 => Shutdown::Timeout(Duration::from_millis(self.rng.u64(1..500))),
            _ => Shutdown::Timeout(Duration::from_millis(self.rng.u64(500..5_000))),
        };
        let may_be_significant = above != AutoShutdown::Never && restart != Restart::Permanent;
        let significant = may_be_significant && self.percent(60);
        let backoff = self.percent(15).then(|| {
            let min = self.rng.u64(1..400);
            (min, min * self.rng.u64(1..10))
        });
        ChildOptions { restart, shutdown, significant, backoff }
    }

    fn leaf(&mut self, above: AutoShutdown) -> LeafPlan {
        self.left = self.left.saturating_sub(1);
        let kind = match self.rng.u32(0..10) {
            0..=4 => Kind::Kernel,
            5..=7 => Kind::Agent,
            _ => Kind::Actix,
        };
        let overflow = *self.pick(&[
            Full::Block,
            Full::Block,
            Full::Reject,
            Full::DropNewest,
            Full::DropOldest,
        ]);
        LeafPlan {
            name: self.name('a'),
            kind,
            options: self.child_options(above),
            capacity: if self.percent(50) { self.rng.usize(1..6) } else { 64 },
            overflow,
            keep: self.percent(25),
            drain: self.percent(20),
            refuse_while_down: self.percent(20),
            heartbeat: self.percent(20),
            start_timeout: self.rng.u64(50..4_000),
            tricks: self.tricks(Self::leaf_trick),
        }
    }

    /// Chooses tricks, mostly for later lives: a tree that does not start tests little.
    fn tricks(&mut self, mut make: impl FnMut(&mut Self) -> Trick) -> Vec<(u64, Trick)> {
        let mut tricks = Vec::new();
        for life in 1..=4 {
            if self.percent(if life == 1 { 3 } else { 14 }) {
                tricks.push((life, make(self)));
            }
        }
        if tricks.is_empty() && self.percent(8) {
            // The same trick in each of several lives.
            let trick = make(self);
            tricks.extend((2..8).map(|life| (life, trick)));
        }
        tricks
    }

    fn leaf_trick(&mut self) -> Trick {
        let ms = self.ms();
        match self.rng.u32(0..20) {
            0 => Trick::FactoryPanics,
            1 => Trick::FactoryFails,
            2 => Trick::FactoryIgnores,
            3 => Trick::InitPanics,
            4 => Trick::InitFails,
            5 => Trick::InitIgnores,
            6..=8 => Trick::InitSlow(ms),
            9 => Trick::InitHangs,
            10 => Trick::InitDeferred(ms),
            11 => Trick::TimerPanics(ms),
            12 => Trick::TimerStops(ms),
            13 => Trick::FuturePanics(ms),
            _ => self.last_trick(),
        }
    }

    fn last_trick(&mut self) -> Trick {
        let ms = self.ms();
        match self.rng.u32(0..5) {
            0 => Trick::StopPanics,
            1 => Trick::StopSlow(ms),
            2 => Trick::StopNever,
            3 => Trick::StoppedPanics,
            _ => Trick::DropPanics,
        }
    }

    fn ms(&mut self) -> u64 {
        match self.rng.u32(0..4) {
            0 => self.rng.u64(0..5),
            1 => self.rng.u64(5..100),
            _ => self.rng.u64(100..3_000),
        }
    }

    /// Adds the registry and the router below the root.
    fn seat_services(&mut self, root: &mut SupPlan) {
        for (name, kind) in [("registry", Kind::Registry), ("router", Kind::Router)] {
            let mut leaf = self.leaf(AutoShutdown::Never);
            leaf.name = name.to_owned();
            leaf.kind = kind;
            leaf.capacity = 1024;
            leaf.tricks.clear();
            leaf.options.restart = Restart::Permanent;
            let at = self.rng.usize(0..=root.children.len().min(2));
            root.children.insert(at, Plan::Leaf(leaf));
        }
    }

    // ---- the steps -------------------------------------------------------------

    fn steps(&mut self, paths: &Paths) -> Vec<Step> {
        let many = self.rng.usize(10..80);
        // Some runs concentrate on a few actors, others use all of them.
        let focus: Vec<String> = if self.percent(50) && !paths.leaves.is_empty() {
            (0..self.rng.usize(1..4)).map(|_| self.pick(&paths.leaves).clone()).collect()
        } else {
            Vec::new()
        };
        let mut steps = Vec::new();
        let mut added = Vec::new();
        for _ in 0..many {
            let what = self.what(paths, &focus, &mut added);
            let then = self.pause();
            steps.push(Step { what, then });
        }
        steps
    }

    fn pause(&mut self) -> Pause {
        match self.rng.u32(0..100) {
            0..=29 => Pause::No,
            30..=49 => Pause::Turns(self.rng.u8(1..6)),
            50..=79 => Pause::Quiet,
            _ => Pause::Ms(self.ms()),
        }
    }

    fn leaf_path(&mut self, paths: &Paths, focus: &[String], added: &[String]) -> String {
        if !added.is_empty() && self.percent(25) {
            return self.pick(added).clone();
        }
        match focus {
            [] if paths.leaves.is_empty() => "/root/none".to_owned(),
            [] => self.pick(&paths.leaves).clone(),
            _ if self.percent(80) => self.pick(focus).clone(),
            _ => self.pick(&paths.leaves).clone(),
        }
    }

    /// Chooses an actor or a supervisor, and rarely the root.
    fn any_path(&mut self, paths: &Paths, focus: &[String], added: &[String]) -> String {
        if self.percent(30) {
            let sup = self.pick(&paths.sups).clone();
            if sup != "/root" || self.percent(5) {
                return sup;
            }
        }
        self.leaf_path(paths, focus, added)
    }

    fn what(&mut self, paths: &Paths, focus: &[String], added: &mut Vec<String>) -> What {
        let leaf = self.leaf_path(paths, focus, added);
        let any = self.any_path(paths, focus, added);
        let sup = self.pick(&paths.sups).clone();
        let ms = self.ms();
        match self.rng.u32(0..100) {
            0..=17 => What::Tell(leaf, self.act(paths), 1),
            18..=23 => What::Tell(leaf, Act::Nothing, self.rng.u32(2..24)),
            24..=27 => What::TellWaiting(leaf, self.act(paths), ms),
            28..=37 => What::Ask(leaf, self.act(paths), ms + 1),
            38..=40 => What::AskAndLeave(leaf, self.act(paths), ms),
            41..=46 => What::Kill(any),
            47..=49 => What::Exit(any, self.percent(80)),
            50..=51 => What::StopDirectly(any),
            52..=54 => What::Inject(leaf, self.percent(70)),
            55..=57 => What::Suspend(any),
            58..=60 => What::Resume(any),
            61..=64 => What::Monitor(any),
            65..=67 => {
                let plan = self.leaf(AutoShutdown::Never);
                added.push(format!("{sup}/{}", plan.name));
                What::StartChild(sup, Box::new(plan))
            }
            68..=72 if !paths.dynamic.is_empty() => {
                let sup = self.pick(&paths.dynamic).clone();
                let plan = self.leaf(AutoShutdown::Never);
                added.push(format!("{sup}/{}", plan.name));
                What::StartDynamic(sup, Box::new(plan))
            }
            68..=76 => What::Terminate(any),
            77..=79 => What::Restart(any),
            80..=81 => What::Delete(any),
            82..=83 => What::Renew(any),
            84..=85 => What::SteerKill(any),
            86..=87 => What::Count(sup),
            88..=91 => What::Register(leaf),
            92..=94 => {
                self.routed = true;
                What::Route(leaf)
            }
            95..=97 if self.routed => What::Publish,
            98 if self.routed => What::AskOne(ms + 1),
            _ => What::Wait,
        }
    }

    fn act(&mut self, paths: &Paths) -> Act {
        let ms = self.ms();
        match self.rng.u32(0..100) {
            0..=19 => Act::Nothing,
            20..=41 => Act::Panic,
            42..=47 => Act::Fail,
            48..=55 => Act::Stop,
            56..=64 => Act::Slow(ms),
            65..=69 => Act::Hang,
            70..=75 => Act::PanicAfterAwait(ms),
            76..=81 => Act::PanicLater(ms),
            82..=91 => Act::Arm(self.last_trick()),
            _ if paths.leaves.is_empty() => Act::Nothing,
            _ => Act::Ask(self.pick(&paths.leaves).clone(), ms + 1),
        }
    }
}
