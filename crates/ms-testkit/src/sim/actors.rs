//! The actors of a run: one of each tier, all with the same behaviour.

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, AsyncContext, AtomicResponse, Handler, Message, Running, WrapFuture,
};
use ms_actor::{Accepts, Blueprint, Context, Hosted, Ref, StartError};
use ms_core::ExitReason;
use ms_worker::{Agent, AgentRef, Cx, Handles, InitError, agent_blueprint};

use super::script::{Act, Kind, LeafPlan, Trick};
use super::world::{Bulletin, Path, Ports, Work, World};

/// Makes an agent play a trick later, in a handler of its own.
#[derive(Message)]
#[rtype(result = "()")]
struct Later(Trick);

/// Returns the blueprint of the actor that a plan describes.
pub(crate) fn blueprint(world: &World, path: &Path, plan: &LeafPlan) -> Blueprint {
    let (world, path) = (world.clone(), Arc::clone(path));
    match plan.kind {
        Kind::Actix => Blueprint::fallible(move |me: &Ref<ActixActor>| {
            Life::begin(&world, &path, me).map(|life| ActixActor { life, stop: Ending::No })
        }),
        Kind::Agent => agent_blueprint::<AgentActor>(AgentArgs { world, path, life: None }),
        _ => Blueprint::fallible(move |me: &Ref<KernelActor>| {
            Life::begin(&world, &path, me).map(|life| KernelActor { life, stop: Ending::No })
        }),
    }
}

/// One life of an actor. It begins in the factory, and reports its end when it is dropped.
pub(crate) struct Life {
    world: World,
    id: usize,
    tricks: Vec<Trick>,
}

impl Life {
    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn begin<A>(world: &World, path: &Path, me: &Ref<A>) -> Result<Self, StartError>
    where
        A: Hosted,
        A::Context: Accepts<A, Work> + Accepts<A, Bulletin>,
    {
        reach(world, path, me);
        let tricks = world.factory(path);
        for trick in &tricks {
            let of_factory =
                matches!(trick, Trick::FactoryPanics | Trick::FactoryFails | Trick::FactoryIgnores);
            if of_factory {
                world.lock().fault(trick.label());
            }
            match trick {
                Trick::FactoryPanics => panic!("the factory panics"),
                Trick::FactoryFails => {
                    return Err(StartError::Failed(ExitReason::failed("the factory fails")));
                }
                Trick::FactoryIgnores => return Err(StartError::Ignore),
                _ => {}
            }
        }
        let id = world.made(path, me.any().incarnation().0, &tricks);
        Ok(Self { world: world.clone(), id, tricks })
    }

    fn hook(&self, what: &'static str, incarnation: u64) {
        self.world.hook(self.id, what, incarnation);
    }

    /// Returns the tricks of this life's start that `which` picks, and counts them as faults.
    fn tricks(&self, which: impl Fn(Trick) -> bool) -> Vec<Trick> {
        let tricks: Vec<Trick> = self.tricks.iter().copied().filter(|t| which(*t)).collect();
        tricks.iter().for_each(|trick| self.world.lock().fault(trick.label()));
        tricks
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn panic_if(&self, armed: Trick) {
        if self.world.armed(self.id, |trick| trick == armed).is_some() {
            panic!("{}", armed.label());
        }
    }

    /// Says how it resists a stop: `None` not at all, `Some(Some(ms))` for a while, `Some(None)` for
    /// ever.
    fn reluctance(&self) -> Option<Option<u64>> {
        let reluctant = |trick| matches!(trick, Trick::StopSlow(_) | Trick::StopNever);
        match self.world.armed(self.id, reluctant)? {
            Trick::StopSlow(ms) => Some(Some(ms)),
            _ => Some(None),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.world.gone(self.id);
        // A panic while another one unwinds aborts the process.
        if !std::thread::panicking() {
            self.panic_if(Trick::DropPanics);
        }
    }
}

fn reach<A>(world: &World, path: &Path, me: &Ref<A>)
where
    A: Hosted,
    A::Context: Accepts<A, Work> + Accepts<A, Bulletin>,
{
    world.reach(path, Ports { work: me.port(), bulletin: me.port(), any: me.any() });
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Does what a message asks for, in the async part of a handler of any tier.
#[allow(clippy::panic, reason = "faults on demand are what this is for")]
async fn perform(world: World, id: usize, act: Act) -> u64 {
    match act {
        Act::Slow(time) => tokio::time::sleep(ms(time)).await,
        Act::Hang => std::future::pending().await,
        Act::PanicAfterAwait(time) => {
            tokio::time::sleep(ms(time)).await;
            world.hook(id, "panics", 0);
            panic!("panic after an await");
        }
        Act::Ask(other, within) => {
            let ports = world.ports(&other);
            if let Some((to, ports)) = ports {
                let (asking, token) = world.asking(&to, &ports.any, within);
                let work = Work { token, act: Act::Nothing };
                // Locals are dropped in reverse order. If this actor ends here, the ask must be given up
                // before its message is dropped, or the model takes the message for lost.
                let mut answer = ports.work.ask(work, ms(within));
                let asking = asking.by_actor();
                let answered = answer.as_mut().await;
                asking.answered(answered);
            }
        }
        _ => {}
    }
    world.hook(id, "answers", 0);
    id as u64
}

/// The stage of a delayed stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Waits,
    Over,
}

/// An actor of the first or the second tier. The behaviour is the same; the calls of their contexts
/// differ, and are the required methods.
trait SimActor: Actor<Context: AsyncContext<Self>> {
    fn life(&self) -> &Life;
    fn stop(&mut self) -> &mut Ending;
    /// Returns the incarnation if the context knows it, else 0.
    fn number(ctx: &Self::Context) -> u64;
    /// Fails, as far as the context can express a failure.
    fn fail(ctx: &mut Self::Context);
    /// Makes a future of the actor panic after `time` milliseconds.
    fn future_panics(&mut self, time: u64, ctx: &mut Self::Context);

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn work(
        &mut self,
        Work { token, act }: Work,
        ctx: &mut Self::Context,
    ) -> AtomicResponse<Self, u64> {
        self.life().hook("handle", Self::number(ctx));
        let (world, id) = (self.life().world.clone(), self.life().id);
        token.handled(id);
        match &act {
            Act::Panic => panic!("a handler panics"),
            Act::Fail => Self::fail(ctx),
            Act::Stop => ctx.stop(),
            Act::PanicLater(time) => self.future_panics(*time, ctx),
            Act::Arm(trick) => world.arm(id, *trick),
            _ => {}
        }
        AtomicResponse::new(Box::pin(perform(world, id, act).into_actor(self)))
    }

    fn bulletin(&mut self, Bulletin(token): Bulletin, ctx: &Self::Context) -> u64 {
        self.life().hook("bulletin", Self::number(ctx));
        token.handled(self.life().id);
        self.life().id as u64
    }

    /// Starts a trick that takes effect some time after the start.
    fn later(&mut self, trick: Trick, ctx: &mut Self::Context) {
        match trick {
            Trick::TimerPanics(time) => Self::timer_panics(time, ctx),
            Trick::TimerStops(time) => {
                ctx.run_later(ms(time), |this, ctx| {
                    this.life().hook("timer", 0);
                    ctx.stop();
                });
            }
            Trick::FuturePanics(time) => self.future_panics(time, ctx),
            _ => {}
        }
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn timer_panics(time: u64, ctx: &mut Self::Context) {
        ctx.run_later(ms(time), |this, _| {
            this.life().hook("timer", 0);
            panic!("a timer panics");
        });
    }

    /// Stops, now or later or not at all, as its tricks say.
    fn stop_in_its_time(&mut self, ctx: &mut Self::Context) -> Running {
        self.life().panic_if(Trick::StopPanics);
        let reluctance = self.life().reluctance();
        match (*self.stop(), reluctance) {
            (Ending::Over, _) | (_, None) => return Running::Stop,
            (Ending::No, Some(Some(time))) => {
                ctx.run_later(ms(time), |this, ctx| {
                    *this.stop() = Ending::Over;
                    ctx.stop();
                });
            }
            _ => {}
        }
        *self.stop() = Ending::Waits;
        Running::Continue
    }

    fn has_stopped(&self) {
        self.life().hook("stopped", 0);
        self.life().panic_if(Trick::StoppedPanics);
    }
}

impl SimActor for KernelActor {
    fn life(&self) -> &Life {
        &self.life
    }

    fn stop(&mut self) -> &mut Ending {
        &mut self.stop
    }

    fn number(ctx: &Self::Context) -> u64 {
        ctx.incarnation().0
    }

    fn fail(ctx: &mut Self::Context) {
        ctx.exit_with(ExitReason::failed("a handler fails"));
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn future_panics(&mut self, time: u64, ctx: &mut Self::Context) {
        let (world, id) = (self.life.world.clone(), self.life.id);
        let future = async move {
            tokio::time::sleep(ms(time)).await;
            world.hook(id, "future", 0);
            panic!("a future panics");
        };
        ctx.spawn(future.into_actor(self));
    }
}

impl SimActor for ActixActor {
    fn life(&self) -> &Life {
        &self.life
    }

    fn stop(&mut self) -> &mut Ending {
        &mut self.stop
    }

    fn number(_: &Self::Context) -> u64 {
        0
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn fail(_: &mut Self::Context) {
        panic!("a handler panics");
    }

    fn future_panics(&mut self, time: u64, ctx: &mut Self::Context) {
        // An unchanged actor has actix's own futures, which the kernel does not poll; a timer takes the
        // same path through the kernel.
        Self::timer_panics(time, ctx);
    }
}

// ---- tier 1 ------------------------------------------------------------------------

/// An actor with the kernel's context.
struct KernelActor {
    life: Life,
    stop: Ending,
}

impl Actor for KernelActor {
    type Context = Context<Self>;

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn started(&mut self, ctx: &mut Self::Context) {
        self.life.hook("started", ctx.incarnation().0);
        for trick in self.life.tricks(|trick| trick.is_of_start()) {
            match trick {
                Trick::InitPanics => panic!("the init panics"),
                Trick::InitFails => ctx.exit_with(ExitReason::failed("the init fails")),
                Trick::InitIgnores => ctx.ignore(),
                Trick::InitSlow(time) => ctx.wait(tokio::time::sleep(ms(time)).into_actor(self)),
                Trick::InitHangs => ctx.wait(std::future::pending::<()>().into_actor(self)),
                Trick::InitDeferred(time) => {
                    ctx.defer_init();
                    ctx.run_later(ms(time), |_, ctx| ctx.init_done());
                }
                other => self.later(other, ctx),
            }
        }
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        self.life.world.stopping(self.life.id, ctx.stop_reason());
        self.stop_in_its_time(ctx)
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.has_stopped();
    }
}

impl Handler<Work> for KernelActor {
    type Result = AtomicResponse<Self, u64>;

    fn handle(&mut self, work: Work, ctx: &mut Self::Context) -> Self::Result {
        self.work(work, ctx)
    }
}

impl Handler<Bulletin> for KernelActor {
    type Result = u64;

    fn handle(&mut self, bulletin: Bulletin, ctx: &mut Self::Context) -> u64 {
        self.bulletin(bulletin, ctx)
    }
}

// ---- tier 2 ------------------------------------------------------------------------

/// An unchanged actix actor.
struct ActixActor {
    life: Life,
    stop: Ending,
}

impl Actor for ActixActor {
    type Context = actix::Context<Self>;

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn started(&mut self, ctx: &mut Self::Context) {
        self.life.hook("started", 0);
        for trick in self.life.tricks(|trick| trick.is_of_start()) {
            match trick {
                Trick::InitPanics | Trick::InitFails => panic!("the init panics"),
                Trick::InitSlow(time) => ctx.wait(tokio::time::sleep(ms(time)).into_actor(self)),
                other => self.later(other, ctx),
            }
        }
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        self.life.world.stopping(self.life.id, None);
        self.stop_in_its_time(ctx)
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.has_stopped();
    }
}

impl Handler<Work> for ActixActor {
    type Result = AtomicResponse<Self, u64>;

    fn handle(&mut self, work: Work, ctx: &mut Self::Context) -> Self::Result {
        self.work(work, ctx)
    }
}

impl Handler<Bulletin> for ActixActor {
    type Result = u64;

    fn handle(&mut self, bulletin: Bulletin, ctx: &mut Self::Context) -> u64 {
        self.bulletin(bulletin, ctx)
    }
}

// ---- tier 3 ------------------------------------------------------------------------

/// The arguments of an agent. They are cloned for each start, in the factory, so a life begins in
/// `clone`.
pub(crate) struct AgentArgs {
    world: World,
    path: Path,
    life: Option<Life>,
}

impl Clone for AgentArgs {
    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn clone(&self) -> Self {
        let tricks = self.world.factory(&self.path);
        if tricks.contains(&Trick::FactoryPanics) {
            self.world.lock().fault(Trick::FactoryPanics.label());
            panic!("the factory panics");
        }
        let id = self.world.made(&self.path, 0, &tricks);
        let life = Life { world: self.world.clone(), id, tricks };
        Self { world: self.world.clone(), path: Arc::clone(&self.path), life: Some(life) }
    }
}

/// An agent.
struct AgentActor {
    life: Life,
}

impl Agent for AgentActor {
    type Args = AgentArgs;

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    async fn init(args: AgentArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        let AgentArgs { world, path, life } = args;
        let Some(life) = life else { return Err(InitError::failed("made without a life")) };
        let me: &AgentRef<Self> = cx.me();
        reach(&world, &path, me);
        life.hook("started", cx.incarnation().0);
        let of_init = |trick: Trick| {
            trick.is_of_start() || matches!(trick, Trick::FactoryFails | Trick::FactoryIgnores)
        };
        for trick in life.tricks(of_init) {
            match trick {
                Trick::InitPanics => panic!("the init panics"),
                Trick::InitFails | Trick::FactoryFails => {
                    return Err(InitError::failed("the init fails"));
                }
                Trick::InitIgnores | Trick::FactoryIgnores => return Err(InitError::Ignore),
                Trick::InitSlow(time) | Trick::InitDeferred(time) => {
                    tokio::time::sleep(ms(time)).await;
                    life.hook("init", 0);
                }
                Trick::InitHangs => std::future::pending().await,
                Trick::TimerPanics(time) | Trick::FuturePanics(time) | Trick::TimerStops(time) => {
                    cx.schedule(ms(time), Later(trick));
                }
                _ => {}
            }
        }
        Ok(Self { life })
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &mut Cx<Self>) {
        self.life.world.stopping(self.life.id, Some(reason));
        self.life.panic_if(Trick::StopPanics);
        match self.life.reluctance() {
            Some(Some(time)) => tokio::time::sleep(ms(time)).await,
            Some(None) => std::future::pending().await,
            None => {}
        }
        self.life.hook("terminated", 0);
        self.life.panic_if(Trick::StoppedPanics);
    }
}

impl Handles<Work> for AgentActor {
    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    async fn on(&mut self, Work { token, act }: Work, cx: &mut Cx<Self>) -> u64 {
        self.life.hook("handle", cx.incarnation().0);
        token.handled(self.life.id);
        drop(token);
        match &act {
            Act::Panic => panic!("a handler panics"),
            Act::Fail => cx.fail("a handler fails"),
            Act::Stop => cx.stop(),
            Act::PanicLater(time) => cx.schedule(ms(*time), Later(Trick::TimerPanics(*time))),
            Act::Arm(trick) => self.life.world.arm(self.life.id, *trick),
            _ => {}
        }
        perform(self.life.world.clone(), self.life.id, act).await
    }
}

impl Handles<Bulletin> for AgentActor {
    async fn on(&mut self, Bulletin(token): Bulletin, cx: &mut Cx<Self>) -> u64 {
        self.life.hook("bulletin", cx.incarnation().0);
        token.handled(self.life.id);
        self.life.id as u64
    }
}

impl Handles<Later> for AgentActor {
    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    async fn on(&mut self, Later(trick): Later, cx: &mut Cx<Self>) {
        self.life.hook("timer", 0);
        match trick {
            Trick::TimerStops(_) => cx.stop(),
            _ => panic!("a timer panics"),
        }
    }
}

impl Trick {
    /// Says whether it takes effect at the start of an actor, or is started there.
    fn is_of_start(self) -> bool {
        !matches!(
            self,
            Self::FactoryPanics
                | Self::FactoryFails
                | Self::FactoryIgnores
                | Self::StopPanics
                | Self::StopSlow(_)
                | Self::StopNever
                | Self::StoppedPanics
                | Self::DropPanics
        )
    }
}
