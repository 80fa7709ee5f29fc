//! Plays a script: builds its tree on one thread in virtual time, takes the steps, and checks the
//! invariants after each.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::{AnyRef, Fault, Node, NodeConfig};
use ms_core::{ActorPath, ChildId, ExitReason};
use ms_policy::CommandError;
use ms_registry::{Registry, RegistryConfig};
use ms_router::{Delivery, RouteError, Router, RouterConfig};
use ms_supervisor::{DynamicChild, Root, SupervisorError, SupervisorRef, Verb, start_root};

use super::build::Builder;
use super::invariants::Invariants;
use super::script::{Act, LeafPlan, Pause, Plan, Script, SupPlan, What};
use super::world::{Aim, Bulletin, Path, Ports, Token, Work, World};

/// Turns after which everything that a timer woke is idle again.
const SETTLING_TURNS: usize = 64;

/// Longest wait for an answer of a supervisor, in virtual time.
const WITHIN: Duration = Duration::from_secs(3_600);
/// Longest time that the tree may take to stop at the end.
const TO_STOP: Duration = Duration::from_secs(7_200);
/// Time after that for actors that were told to stop and are slow.
const TO_CLEAR: Duration = Duration::from_secs(30);

/// A script that is being played.
pub(crate) struct Player {
    world: World,
    builder: Builder,
    invariants: Invariants,
    root: Option<Arc<Root>>,
    plan: SupPlan,
}

/// Plays the script inside a runtime with a paused clock.
pub(crate) async fn play(script: &Script, world: &World) {
    let config = NodeConfig { seed: Some(script.seed), ..NodeConfig::single_arbiter() };
    let node = match Node::boot(config) {
        Ok(node) => node,
        Err(error) => return world.lock().violate("boot", error.to_string()),
    };
    world.lock().node = Some(node.clone());
    let registry = Registry::new(RegistryConfig::default()).within(WITHIN);
    let router = Router::new(RouterConfig::default()).within(WITHIN);
    let builder = Builder { world: world.clone(), registry, router };
    let invariants = Invariants::new(&node, world, &builder);
    let mut player =
        Player { world: world.clone(), builder, invariants, root: None, plan: script.root.clone() };
    player.run(&node, script).await;
    let virtual_ms = node.now().as_millis();
    let mut inner = world.lock();
    inner.virtual_ms = virtual_ms;
    inner.over = true;
}

impl Player {
    async fn run(&mut self, node: &Node, script: &Script) {
        let tree = self.builder.root(&script.root);
        match tokio::time::timeout(WITHIN, start_root(node, tree)).await {
            Ok(Ok(root)) => self.root = Some(Arc::new(root)),
            // A tree may fail to start, as its tricks say. The checks at the end find what it leaves.
            Ok(Err(_)) => self.world.lock().fault("boot fails"),
            Err(_) => self.world.lock().violate("boot", "the tree starts for ever".to_owned()),
        }
        if let Some(root) = self.root.clone() {
            self.invariants.root = Some(Arc::clone(&root));
            for (at, step) in script.steps.iter().enumerate() {
                self.world.lock().step = at;
                self.take(&step.what);
                self.wait(step.then).await;
                // What follows a broken invariant is mostly its consequence, and a shorter run is
                // easier to read.
                if !self.world.lock().violations.is_empty() {
                    return;
                }
            }
            root.stop(TO_STOP).await;
        }
        tokio::time::sleep(TO_CLEAR).await;
        self.invariants.at_the_end();
    }

    async fn wait(&mut self, pause: Pause) {
        match pause {
            Pause::No => {}
            Pause::Turns(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            Pause::Quiet => tokio::time::sleep(Duration::from_millis(1)).await,
            Pause::Ms(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
        self.invariants.at_any_time();
        if matches!(pause, Pause::Quiet | Pause::Ms(_)) {
            // Other timers may have fired together with ours. What they woke must have its turns before
            // anything can be called quiet.
            for _ in 0..SETTLING_TURNS {
                tokio::task::yield_now().await;
            }
            self.invariants.when_quiet().await;
        }
    }

    // ---- steps -----------------------------------------------------------------

    fn take(&self, what: &What) {
        {
            let mut inner = self.world.lock();
            inner.fault(what.label());
            inner.note(|| format!("--- {what:?}"));
        }
        match what {
            What::Tell(to, act, times) => self.tell(to, act, *times),
            What::TellWaiting(to, act, ms) => self.tell_waiting(to, act, *ms),
            What::Ask(to, act, ms) => drop(self.ask(to, act, *ms)),
            What::AskAndLeave(to, act, ms) => self.ask_and_leave(to, act, *ms),
            What::Kill(at) => self.with(at, |any| any.kill()),
            What::Exit(at, true) => {
                self.with(at, |any| any.exit(ExitReason::failed("a stranger's signal")));
            }
            What::Exit(at, false) => self.with(at, |any| any.exit(ExitReason::Normal)),
            What::StopDirectly(at) => {
                self.with(at, |any| any.stop(ExitReason::shutdown_with("past its supervisor")));
            }
            What::Inject(at, panics) => {
                let fault = if *panics { Fault::Panic } else { Fault::Hang };
                self.with(at, move |any| any.inject(fault));
            }
            What::Suspend(at) => self.steer(at, Verb::Suspend, false),
            What::Resume(at) => self.steer(at, Verb::Resume, false),
            What::Monitor(at) => {
                let world = self.world.clone();
                self.with(at, move |any| drop(actix_rt::spawn(world.watching(any))));
            }
            What::Renew(at) => self.steer(at, Verb::Restart, true),
            What::SteerKill(at) => self.steer(at, Verb::Kill, false),
            What::StartChild(sup, plan) => self.start_child(sup, plan),
            What::StartDynamic(sup, plan) => self.start_dynamic(sup, plan),
            What::Terminate(at) => self.command(at, Aim::Terminate, |sup, path, id| async move {
                let done = sup.terminate_child(&id).await;
                let dynamic = CommandError::SimpleOneForOne;
                match &done {
                    Err(SupervisorError::Command(why)) if *why == dynamic => {
                        sup.terminate_dynamic(&path).await.is_ok()
                    }
                    done => done.is_ok(),
                }
            }),
            What::Restart(at) => self.command(at, Aim::Start, |sup, _, id| async move {
                sup.restart_child(&id).await.is_ok()
            }),
            What::Delete(at) => self.command(at, Aim::Delete, |sup, _, id| async move {
                sup.delete_child(&id).await.is_ok()
            }),
            What::Count(sup) => self.invariants.count(sup),
            What::Register(at) => self.invariants.register(at),
            What::Route(at) => self.invariants.route(at),
            What::Publish => self.publish(),
            What::AskOne(ms) => self.ask_one(*ms),
            What::Wait => {}
        }
    }

    /// Does something with the actor at a path: at once if its reference is known, else as soon as the
    /// tree was searched for it.
    fn with(&self, at: &str, what: impl FnOnce(&AnyRef) + 'static) {
        if let Some(any) = self.world.any(at) {
            return what(&any);
        }
        let (Some(root), Ok(path)) = (self.root.clone(), ActorPath::new(at)) else { return };
        actix_rt::spawn(async move {
            if let Ok(any) = root.as_supervisor().clone().within(WITHIN).find(&path).await {
                what(&any);
            }
        });
    }

    fn tell(&self, to: &str, act: &Act, times: u32) {
        for _ in 0..times {
            let Some((path, ports)) = self.world.ports(to) else { return };
            let (id, token) = self.world.message(&path, &ports.any);
            let sent = ports.work.try_tell(Work { token, act: act.clone() });
            self.world.sent(id, sent);
        }
    }

    fn tell_waiting(&self, to: &str, act: &Act, ms: u64) {
        let Some((path, ports)) = self.world.ports(to) else { return };
        let (id, token) = self.world.message(&path, &ports.any);
        let (world, act) = (self.world.clone(), act.clone());
        actix_rt::spawn(async move {
            let sent = ports.work.tell(Work { token, act }, Duration::from_millis(ms)).await;
            world.sent(id, sent);
        });
    }

    fn ask(&self, to: &str, act: &Act, ms: u64) -> Option<tokio::task::JoinHandle<()>> {
        let (path, ports) = self.world.ports(to)?;
        let (asking, token) = self.world.asking(&path, &ports.any, ms);
        let act = act.clone();
        let mut answer = ports.work.ask(Work { token, act }, Duration::from_millis(ms));
        Some(actix_rt::spawn(async move {
            // Moved in here, so that it is dropped before `answer` if the task is aborted: the model
            // must see the ask given up before its message is dropped.
            let asking = asking;
            let answered = answer.as_mut().await;
            asking.answered(answered);
        }))
    }

    /// Asks, and drops the future of the ask after `ms` milliseconds.
    fn ask_and_leave(&self, to: &str, act: &Act, ms: u64) {
        // A deadline that is never reached: the ask is given up before.
        let Some(asking) = self.ask(to, act, ms + 60_000) else { return };
        actix_rt::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            asking.abort();
        });
    }

    fn steer(&self, at: &str, verb: Verb, starts: bool) {
        let (Some(root), Ok(path)) = (self.root.clone(), ActorPath::new(at)) else { return };
        let commanded = starts.then(|| self.world.commanding(at, Aim::Start));
        actix_rt::spawn(async move {
            // An order that makes no sense here is refused, which is an answer too.
            drop(root.as_supervisor().clone().within(WITHIN).steer(&path, verb).await);
            drop(commanded);
        });
    }

    /// Sends a command about a child to its supervisor. `what` says whether it was carried out.
    fn command<F>(
        &self,
        at: &str,
        aim: Aim,
        what: impl FnOnce(SupervisorRef, ActorPath, ChildId) -> F + 'static,
    ) where
        F: Future<Output = bool> + 'static,
    {
        let Some((sup, name)) = at.rsplit_once('/') else { return };
        let (Some(sup), Ok(path), Ok(id)) =
            (self.world.supervisor(sup), ActorPath::new(at), ChildId::new(name))
        else {
            return;
        };
        let mut commanded = self.world.commanding(at, aim);
        actix_rt::spawn(async move {
            if !what(sup.within(WITHIN), path, id).await {
                commanded.gone.clear();
            }
            drop(commanded);
        });
    }

    fn start_child(&self, sup: &str, plan: &LeafPlan) {
        let Some(reference) = self.world.supervisor(sup) else { return };
        let (parent, path): (Path, Path) =
            (Arc::from(sup), Arc::from(format!("{sup}/{}", plan.name)));
        let spec = self.builder.leaf(plan, &path, &parent);
        self.command(&path, Aim::Start, |_, _, _| async move {
            // A dynamic supervisor refuses this.
            reference.within(WITHIN).start_child(spec).await.is_ok()
        });
    }

    fn start_dynamic(&self, sup: &str, plan: &LeafPlan) {
        let (parent, path): (Path, Path) =
            (Arc::from(sup), Arc::from(format!("{sup}/{}", plan.name)));
        let (Some(reference), Some(Plan::Leaf(template))) = (
            self.world.supervisor(sup),
            find(&self.plan, sup).and_then(|sup| sup.children.first()),
        ) else {
            return;
        };
        let plan = LeafPlan { options: template.options.clone(), ..plan.clone() };
        let blueprint = self.builder.blueprint(&plan, &path);
        self.world.plan_leaf(&path, &parent, &plan);
        let child = DynamicChild::blueprint(blueprint).name(&plan.name);
        self.command(&path, Aim::Start, |_, _, _| async move {
            reference.within(WITHIN).start_dynamic(child).await.is_ok()
        });
    }

    fn publish(&self) {
        let first = self.world.messages();
        let sent = self.builder.router.publish(Bulletin(Token::pattern(&self.world)));
        let deliveries: Vec<_> = sent.unwrap_or_default().into_iter().collect();
        let known: Vec<_> = deliveries
            .iter()
            .filter_map(|Delivery { path, result }| {
                let (path, ports) = self.world.ports(path.as_str())?;
                let closed = matches!(result, Err(RouteError::HandlerGone { .. }));
                Some((path, ports.any, result.is_ok(), closed))
            })
            .collect();
        self.world.delivered(first, &known);
    }

    fn ask_one(&self, ms: u64) {
        let router = self.builder.router.within(Duration::from_millis(ms));
        let world = self.world.clone();
        let (asking, token) = world.asking_one(ms);
        actix_rt::spawn(async move {
            let answer = router.ask_one(Bulletin(token)).await;
            asking.answered_by_one(answer);
        });
    }
}

/// Returns the plan of the supervisor at a path.
fn find<'a>(root: &'a SupPlan, path: &str) -> Option<&'a SupPlan> {
    let rest = path.strip_prefix('/')?.strip_prefix(root.name.as_str())?;
    rest.split('/').filter(|name| !name.is_empty()).try_fold(root, |at, name| {
        at.children.iter().find_map(|child| match child {
            Plan::Sup(sup) if sup.name == name => Some(sup),
            _ => None,
        })
    })
}

/// Marks a child as the subject of a command while the command is carried out.
pub(crate) struct Commanding {
    world: World,
    path: Path,
    aim: Aim,
    /// The cells that are given up if the spec is deleted.
    gone: Vec<(Path, AnyRef)>,
}

impl Drop for Commanding {
    fn drop(&mut self) {
        let mut inner = self.world.lock();
        let mine = |(path, aim): &(Path, Aim)| *path == self.path && *aim == self.aim;
        if let Some(at) = inner.commanded.iter().position(mine) {
            inner.commanded.swap_remove(at);
        }
        inner.let_go(&self.gone);
    }
}

impl World {
    fn commanding(&self, path: &str, aim: Aim) -> Commanding {
        let path: Path = Arc::from(path);
        let mut inner = self.lock();
        inner.commanded.push((Arc::clone(&path), aim));
        let gone = if aim == Aim::Delete { inner.cells_at_and_below(&path) } else { Vec::new() };
        drop(inner);
        Commanding { world: self.clone(), path, aim, gone }
    }

    /// Returns the references to the leaf at a path, once it was made.
    pub(crate) fn ports(&self, path: &str) -> Option<(Path, Ports)> {
        let inner = self.lock();
        let (path, place) = inner.places.get_key_value(path)?;
        Some((Arc::clone(path), place.ports.clone()?))
    }

    fn supervisor(&self, path: &str) -> Option<SupervisorRef> {
        self.lock().sups.get(path)?.reference.clone()
    }

    fn any(&self, path: &str) -> Option<AnyRef> {
        let leaf = self.ports(path).map(|(_, ports)| ports.any);
        leaf.or_else(|| self.supervisor(path).map(|sup| sup.any()))
    }
}
