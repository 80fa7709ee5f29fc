//! What the tests of the kernel share: a node on paused time, a sink that records
//! what a supervisor would be told, and an actor that does what a test tells it.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests; each file uses its part"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ms_actor::host::{ChildCell, ChildEvent, ChildSink, Parent};
use ms_actor::{Blueprint, Hosted, Node, NodeConfig, Placement, Ref};
use ms_core::{ActorPath, ChildExit, ExitFacts, ExitReason};
use tokio::sync::mpsc;

/// Longest a test waits for what must come. Costs nothing where time is paused.
pub const PAUSED_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for what must happen, in real time: the machine may have other things to do.
const REAL_LIMIT: Duration = Duration::from_secs(60);

/// Runs a test on one thread whose clock is paused.
pub fn paused(test: impl AsyncFnOnce(Node)) {
    system_paused(async || test(Node::boot(NodeConfig::single_arbiter()).expect("boots")).await);
}

/// The same without a node: what plain actix needs.
pub fn system_paused(test: impl AsyncFnOnce()) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().expect("a runtime")
    };
    actix::System::with_tokio_rt(runtime).block_on(test());
}

/// Runs a test beside `arbiters` threads, in real time.
pub fn threads(arbiters: usize, test: impl AsyncFnOnce(Node)) {
    let config = NodeConfig { arbiters, quiet_panics: true, ..NodeConfig::default() };
    threads_with(config, test);
}

pub fn threads_with(config: NodeConfig, test: impl AsyncFnOnce(Node)) {
    actix::System::new().block_on(async {
        let node = Node::boot(config).expect("boots");
        test(node.clone()).await;
        assert_eq!(node.halt(REAL_LIMIT), 0, "every thread ends");
    });
}

/// What must happen, and soon.
pub async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(REAL_LIMIT, what).await.expect("in time")
}

/// Lets everything that is ready run.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Waits until something is so, without a bound of its own on how it comes about.
pub async fn until(mut so: impl FnMut() -> bool) {
    soon(async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// The number that the test knows its child by.
const KEY: u64 = 7;

struct Recorder(mpsc::UnboundedSender<ChildEvent>);

impl ChildSink for Recorder {
    fn child_event(&self, key: u64, event: ChildEvent) {
        assert_eq!(key, KEY);
        drop(self.0.send(event));
    }
}

/// A child whose supervisor is the test.
pub struct Child<A: Hosted> {
    pub cell: ChildCell,
    pub actor: Ref<A>,
    events: mpsc::UnboundedReceiver<ChildEvent>,
}

impl<A: Hosted> Child<A> {
    /// Makes the cell; nothing runs yet.
    pub fn new(node: &Node, name: &str, blueprint: &Blueprint) -> Self {
        let (sink, events) = mpsc::unbounded_channel();
        let parent = Parent { sink: Arc::new(Recorder(sink)), key: KEY };
        let cell = blueprint.cell(node, path(name), Some(parent));
        let actor = cell.typed::<A>().expect("its type");
        Self { cell, actor, events }
    }

    /// Makes the cell, launches and waits for the news of its start.
    pub async fn start(node: &Node, name: &str, blueprint: &Blueprint) -> Self {
        let mut child = Self::new(node, name, blueprint);
        child.launch().await;
        child
    }

    /// Launches with its parent and waits for the news of its start.
    pub async fn launch(&mut self) {
        self.launch_on(Placement::Pool).await;
    }

    pub async fn launch_on(&mut self, placement: Placement) {
        let incarnation = self.cell.launch(placement);
        let event = self.event().await;
        assert!(matches!(event, ChildEvent::Started(of) if of == incarnation), "{event:?}");
    }

    pub async fn event(&mut self) -> ChildEvent {
        soon(self.events.recv()).await.expect("a sink")
    }

    /// The end it was told of, exactly one.
    pub async fn end(&mut self) -> ChildExit {
        let event = self.event().await;
        let ChildEvent::Exited(exit) = event else { panic!("no end: {event:?}") };
        assert_eq!(exit.path(), self.cell.path());
        settle().await;
        self.quiet();
        exit
    }

    /// The same, where the test looks at what was known of the run.
    pub async fn facts(&mut self) -> ExitFacts {
        self.end().await.facts().expect("it ran").clone()
    }

    /// The failed start it was told of, exactly one.
    pub async fn failed(&mut self) -> ExitReason {
        let event = self.event().await;
        let ChildEvent::StartFailed(exit) = event else { panic!("no failed start: {event:?}") };
        assert_eq!(exit.facts(), None, "there was no run");
        settle().await;
        self.quiet();
        exit.into_reason()
    }

    /// Nothing was told that was not looked at.
    pub fn quiet(&mut self) {
        if let Ok(event) = self.events.try_recv() {
            panic!("one event too many: {event:?}");
        }
    }
}

pub fn path(name: &str) -> ActorPath {
    ActorPath::new(format!("/test/{name}")).expect("a path")
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| *line == what).count()
    }

    pub fn has(&self, what: &str) -> bool {
        self.count(what) > 0
    }
}

/// An actor that does what a test tells it, once for each kind of context.
macro_rules! probe {
    ($context:ty) => {
        use actix::prelude::*;

        use super::Log;

        pub type Ctx = $context;
        pub type Hook = Box<dyn FnOnce(&mut Probe, &mut Ctx) + Send>;

        #[derive(Default)]
        pub struct Probe {
            pub log: Log,
            pub started: Option<Hook>,
            pub stopping: Option<Box<dyn FnMut(&mut Probe, &mut Ctx) -> Running + Send>>,
            pub stopped: Option<Hook>,
            pub item: Option<Box<dyn FnMut(&mut Probe, &mut Ctx, u32) + Send>>,
            pub stream_started: Option<Hook>,
            pub stream_finished: Option<Hook>,
            pub sink_error: Option<Hook>,
            pub dropped: Option<Box<dyn FnOnce() + Send>>,
            pub count: u64,
        }

        impl Probe {
            pub fn new(log: &Log) -> Self {
                let mut probe = Self::default();
                probe.log = log.clone();
                probe
            }

            pub fn started(
                mut self,
                hook: impl FnOnce(&mut Self, &mut Ctx) + Send + 'static,
            ) -> Self {
                self.started = Some(Box::new(hook));
                self
            }

            pub fn stopped(
                mut self,
                hook: impl FnOnce(&mut Self, &mut Ctx) + Send + 'static,
            ) -> Self {
                self.stopped = Some(Box::new(hook));
                self
            }

            pub fn stopping(
                mut self,
                hook: impl FnMut(&mut Self, &mut Ctx) -> Running + Send + 'static,
            ) -> Self {
                self.stopping = Some(Box::new(hook));
                self
            }

            pub fn dropped(mut self, hook: impl FnOnce() + Send + 'static) -> Self {
                self.dropped = Some(Box::new(hook));
                self
            }
        }

        impl Actor for Probe {
            type Context = Ctx;

            fn started(&mut self, ctx: &mut Ctx) {
                self.log.add("started");
                if let Some(hook) = self.started.take() {
                    hook(self, ctx);
                }
            }

            fn stopping(&mut self, ctx: &mut Ctx) -> Running {
                self.log.add("stopping");
                match self.stopping.take() {
                    Some(mut hook) => {
                        let running = hook(self, ctx);
                        self.stopping.get_or_insert(hook);
                        running
                    }
                    None => Running::Stop,
                }
            }

            fn stopped(&mut self, ctx: &mut Ctx) {
                self.log.add("stopped");
                if let Some(hook) = self.stopped.take() {
                    hook(self, ctx);
                }
            }
        }

        impl Drop for Probe {
            fn drop(&mut self) {
                if let Some(hook) = self.dropped.take() {
                    hook();
                }
            }
        }

        /// Runs a closure in the actor.
        #[derive(Message)]
        #[rtype(result = "()")]
        pub struct Do(pub Hook);

        /// So that a closure's types are known where it is written.
        pub fn act(hook: impl FnOnce(&mut Probe, &mut Ctx) + Send + 'static) -> Do {
            Do(Box::new(hook))
        }

        impl Handler<Do> for Probe {
            type Result = ();
            fn handle(&mut self, message: Do, ctx: &mut Ctx) {
                (message.0)(self, ctx);
            }
        }

        /// Writes itself into the log.
        #[derive(Message)]
        #[rtype(result = "()")]
        pub struct Say(pub &'static str);

        impl Handler<Say> for Probe {
            type Result = ();
            fn handle(&mut self, message: Say, _: &mut Ctx) {
                self.log.add(message.0);
            }
        }

        /// Counts up and answers.
        #[derive(Message)]
        #[rtype(result = "u64")]
        pub struct Count;

        impl Handler<Count> for Probe {
            type Result = u64;
            fn handle(&mut self, _: Count, _: &mut Ctx) -> u64 {
                self.count += 1;
                self.count
            }
        }

        pub type Later = ResponseActFuture<Probe, u64>;

        /// Answers with a future beside others.
        #[derive(Message)]
        #[rtype(result = "u64")]
        pub struct Beside(pub Box<dyn FnOnce(&mut Probe) -> Later + Send>);

        pub fn beside(future: impl FnOnce(&mut Probe) -> Later + Send + 'static) -> Beside {
            Beside(Box::new(future))
        }

        impl Handler<Beside> for Probe {
            type Result = Later;
            fn handle(&mut self, message: Beside, _: &mut Ctx) -> Later {
                (message.0)(self)
            }
        }

        /// Answers with a future that has the actor to itself.
        #[derive(Message)]
        #[rtype(result = "u64")]
        pub struct Alone(pub Box<dyn FnOnce(&mut Probe) -> Later + Send>);

        pub fn alone(future: impl FnOnce(&mut Probe) -> Later + Send + 'static) -> Alone {
            Alone(Box::new(future))
        }

        impl Handler<Alone> for Probe {
            type Result = AtomicResponse<Probe, u64>;
            fn handle(&mut self, message: Alone, _: &mut Ctx) -> Self::Result {
                AtomicResponse::new((message.0)(self))
            }
        }

        /// Answers with a future in a task of its own.
        #[derive(Message)]
        #[rtype(result = "u64")]
        pub struct Away(pub Box<dyn FnOnce(&mut Probe, &mut Ctx) -> ResponseFuture<u64> + Send>);

        pub fn away(
            future: impl FnOnce(&mut Probe, &mut Ctx) -> ResponseFuture<u64> + Send + 'static,
        ) -> Away {
            Away(Box::new(future))
        }

        impl Handler<Away> for Probe {
            type Result = ResponseFuture<u64>;
            fn handle(&mut self, message: Away, ctx: &mut Ctx) -> Self::Result {
                (message.0)(self, ctx)
            }
        }

        /// As [`Away`], in actix's other wrapping.
        #[derive(Message)]
        #[rtype(result = "u64")]
        pub struct Either(pub Option<u64>);

        impl Handler<Either> for Probe {
            type Result = Response<u64>;
            fn handle(&mut self, message: Either, _: &mut Ctx) -> Self::Result {
                match message.0 {
                    Some(answer) => Response::reply(answer),
                    None => Response::fut(async { panic!("away in a response") }),
                }
            }
        }

        impl StreamHandler<u32> for Probe {
            fn handle(&mut self, item: u32, ctx: &mut Ctx) {
                self.log.add(format!("item {item}"));
                if let Some(mut hook) = self.item.take() {
                    hook(self, ctx, item);
                    self.item = Some(hook);
                }
            }
            fn started(&mut self, ctx: &mut Ctx) {
                self.log.add("stream started");
                if let Some(hook) = self.stream_started.take() {
                    hook(self, ctx);
                }
            }
            fn finished(&mut self, ctx: &mut Ctx) {
                self.log.add("stream finished");
                if let Some(hook) = self.stream_finished.take() {
                    hook(self, ctx);
                }
            }
        }

        impl actix::io::WriteHandler<String> for Probe {
            fn error(&mut self, error: String, ctx: &mut Ctx) -> Running {
                self.log.add(format!("sink error {error}"));
                if let Some(hook) = self.sink_error.take() {
                    hook(self, ctx);
                }
                Running::Continue
            }
            fn finished(&mut self, _: &mut Ctx) {
                self.log.add("sink finished");
            }
        }
    };
}

/// The probe in our context.
pub mod ours {
    probe!(ms_actor::Context<Probe>);

    impl Handler<ms_actor::Down> for Probe {
        type Result = ();
        fn handle(&mut self, down: ms_actor::Down, _: &mut Ctx) {
            self.log.add(format!("down {} {} {}", down.path, down.incarnation, down.reason));
            assert!(down.reason.label() != "shutdown", "told to panic by a notice");
        }
    }
}

/// The same probe in actix's.
pub mod plain {
    probe!(actix::Context<Probe>);
}

/// A blueprint of probes that log to `log`.
pub fn probes(log: &Log) -> Blueprint {
    let log = log.clone();
    Blueprint::actor(move || ours::Probe::new(&log))
}

/// A blueprint of probes as `make` makes them.
pub fn made(make: impl Fn() -> ours::Probe + Send + Sync + 'static) -> Blueprint {
    Blueprint::actor(make)
}
