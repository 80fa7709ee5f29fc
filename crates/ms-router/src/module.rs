//! Modules: a typed configuration, a state made from it, and a handler for each message type.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use ms_actor::{Blueprint, Context, Hosted, Ref, StartError, StateValue};

/// The part of the system that a module sees when it starts: an immutable snapshot.
pub trait SystemState: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> SystemState for T {}

/// A part of a system with a configuration and a state of its own, hosted by a [`ModuleActor`].
///
/// ```
/// use actix::Message;
/// use ms_router::{Module, ModuleHandler, SystemError};
///
/// #[derive(Message)]
/// #[rtype(result = "Result<u32, SystemError>")]
/// struct Add(u32);
///
/// struct Counter;
///
/// #[derive(Debug, thiserror::Error)]
/// enum CounterError {
///     #[error("the limit must be above 0")]
///     NoLimit,
///     #[error("the limit is reached")]
///     Full,
/// }
///
/// impl Module for Counter {
///     const NAME: &'static str = "counter";
///     type Config = u32;
///     type State = (u32, u32);
///     type Error = CounterError;
///
///     async fn initialize(limit: u32, _system: std::sync::Arc<()>) -> Result<(u32, u32), CounterError> {
///         if limit == 0 { Err(CounterError::NoLimit) } else { Ok((0, limit)) }
///     }
/// }
///
/// impl ModuleHandler<Add> for Counter {
///     type Answer = u32;
///
///     fn handle((count, limit): &mut (u32, u32), Add(more): Add) -> Result<u32, CounterError> {
///         if *count + more > *limit {
///             return Err(CounterError::Full);
///         }
///         *count += more;
///         Ok(*count)
///     }
/// }
/// ```
///
/// All three types must be named:
///
/// ```compile_fail,E0046
/// struct Half;
///
/// impl ms_router::Module for Half {
///     const NAME: &'static str = "half";
///     type Config = ();
///     type State = ();
///     async fn initialize(_: (), _: std::sync::Arc<()>) -> Result<(), Self::Error> { Ok(()) }
/// }
/// ```
pub trait Module<S: SystemState = ()>: Sized + 'static {
    /// The name of the module, for errors.
    const NAME: &'static str;
    /// The configuration it is started with, also at each restart.
    type Config: Clone + Send + Sync + 'static;
    /// The state, which is made anew at each restart.
    type State: 'static;
    /// The error of a start or of a message.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes the state. An error fails the init of the actor.
    fn initialize(
        config: Self::Config,
        system: Arc<S>,
    ) -> impl Future<Output = Result<Self::State, Self::Error>> + 'static;

    /// Returns the part of the state that inspectors may see; nothing by default. Redact secrets
    /// here.
    fn view(state: &Self::State) -> StateValue {
        let _ = state;
        StateValue::Null
    }
}

/// A message type that a module handles.
pub trait ModuleHandler<M, S: SystemState = ()>: Module<S> {
    /// The answer.
    type Answer: Send + 'static;

    /// Handles a message.
    ///
    /// # Errors
    /// The module's own error. The asker gets it as the source of a [`SystemError`].
    fn handle(state: &mut Self::State, message: M) -> Result<Self::Answer, Self::Error>;
}

/// Why a module did not handle a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The module failed; its own error is the source.
    #[error("the module {module} failed")]
    Module {
        /// The name of the module.
        module: &'static str,
        /// The error of the module.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The module was asked before it was ready.
    #[error("the module {module} has not started yet")]
    NotStarted {
        /// The name of the module.
        module: &'static str,
    },
}

impl SystemError {
    /// Wraps the error of a module.
    pub fn of<Mo: Module<S>, S: SystemState>(error: Mo::Error) -> Self {
        Self::Module { module: Mo::NAME, source: Box::new(error) }
    }
}

/// The actor that hosts a module. Its messages are plain actix messages that return a
/// `Result<_, SystemError>`, so references, ports and routes work as for any actor.
pub struct ModuleActor<Mo: Module<S>, S: SystemState = ()> {
    config: Mo::Config,
    system: Arc<S>,
    state: Option<Mo::State>,
}

// Sound without bounds on the parts: they are moved and never pinned.
impl<Mo: Module<S>, S: SystemState> Unpin for ModuleActor<Mo, S> {}

impl<Mo: Module<S>, S: SystemState> ModuleActor<Mo, S> {
    /// Returns an actor that starts the module with this configuration and view of the system.
    pub fn new(config: Mo::Config, system: Arc<S>) -> Self {
        Self { config, system, state: None }
    }

    /// Returns the blueprint of the actor, for a supervisor.
    pub fn blueprint(config: Mo::Config, system: Arc<S>) -> Blueprint {
        Self::blueprint_then(config, system, |_| Ok(()))
    }

    /// Returns the blueprint of the actor. `then` is called at every start with its reference, for
    /// example to add routes with [`Router::add_route_soon`](crate::Router::add_route_soon).
    pub fn blueprint_then(
        config: Mo::Config,
        system: Arc<S>,
        then: impl Fn(&Ref<Self>) -> Result<(), StartError> + Send + Sync + 'static,
    ) -> Blueprint {
        let factory = move |me: &Ref<Self>| {
            then(me)?;
            Ok(Self::new(config.clone(), Arc::clone(&system)))
        };
        Blueprint::with_view(factory, Self::TIER, Some(Self::view))
    }

    fn view(&self) -> StateValue {
        self.state.as_ref().map_or(StateValue::Null, Mo::view)
    }
}

impl<Mo: Module<S>, S: SystemState> Actor for ModuleActor<Mo, S> {
    type Context = Context<Self>;

    // `wait`, so that neither messages nor the supervisor's start go on before the state is made.
    fn started(&mut self, ctx: &mut Self::Context) {
        let state = Mo::initialize(self.config.clone(), Arc::clone(&self.system));
        ctx.wait(state.into_actor(self).map(|state, actor, ctx| match state {
            Ok(state) => actor.state = Some(state),
            Err(error) => ctx.fail(SystemError::of::<Mo, S>(error)),
        }));
    }
}

impl<M, Mo, S> Handler<M> for ModuleActor<Mo, S>
where
    S: SystemState,
    Mo: ModuleHandler<M, S>,
    M: Message<Result = Result<<Mo as ModuleHandler<M, S>>::Answer, SystemError>> + Send + 'static,
{
    type Result = M::Result;

    fn handle(&mut self, message: M, _: &mut Self::Context) -> Self::Result {
        let state = self.state.as_mut().ok_or(SystemError::NotStarted { module: Mo::NAME })?;
        <Mo as ModuleHandler<M, S>>::handle(state, message).map_err(SystemError::of::<Mo, S>)
    }
}

impl<Mo: Module<S>, S: SystemState> fmt::Debug for ModuleActor<Mo, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleActor")
            .field("module", &Mo::NAME)
            .field("started", &self.state.is_some())
            .finish()
    }
}
