//! Components: the parts of a service, each an actor under the tree.
//!
//! A [`Component`] is what a user writes: state with `init`, `start`, `stop` and `health`.
//! A [`ComponentSpec`] says how it is made, what it needs and in which phase it starts. An
//! actor of its own keeps it (`host.rs`), as a child of the supervisor `components`: so it
//! is restarted when it crashes, and shows in the tree. A whole supervision tree may be a
//! component too ([`ComponentSpec::tree`]).

mod context;
mod dependencies;
mod host;
mod resolve;
mod spec;
mod values;

pub use context::{ComponentContext, TreeContext};
pub(crate) use dependencies::{Absent, Dependencies, Scope, TypeKey};
pub use dependencies::{DependencyError, DependencyErrors};
pub(crate) use host::{
    CheckHealth, ComponentHost, HostArgs, Initialize, QuiesceWork, ReloadComponent, StartComponent,
    StopComponent,
};
pub(crate) use resolve::resolve;
pub use spec::ComponentSpec;
pub(crate) use spec::{Kind, ReloadHook};
pub use values::{ComponentFailure, ReloadOutcome, StateSnapshot};

use std::future::{Future, ready};

use ms_core::health::HealthResult;

/// A part of a service that is started at boot, kept alive, and stopped at shutdown.
///
/// One instance is made for every life: after a crash a fresh one is made by the factory
/// of its spec, initialised and started, as its supervisor's policy says. Methods run one
/// at a time on the arbiter of the component's actor and must not block its thread. All
/// have defaults that do nothing.
///
/// ```
/// use ms_runtime::{Component, ComponentContext, ComponentFailure, StateSnapshot};
/// use ms_core::health::HealthResult;
///
/// struct Counter { seen: u64 }
///
/// impl Component for Counter {
///     async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
///         self.seen = 1;
///         Ok(())
///     }
///     async fn stop(&mut self, cx: &ComponentContext) -> Result<Option<StateSnapshot>, ComponentFailure> {
///         Ok(Some(cx.snapshot(1, self.seen.to_le_bytes().to_vec())))
///     }
///     async fn health(&mut self, _: &ComponentContext) -> HealthResult {
///         HealthResult::Healthy
///     }
/// }
/// ```
pub trait Component: 'static {
    /// Prepares it: opens what it needs. What it depends on runs already.
    ///
    /// # Errors
    /// Anything: the start of the component fails with it.
    fn init(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<(), ComponentFailure>> {
        let _ = cx;
        ready(Ok(()))
    }

    /// Starts it, after [`Component::init`]. A listener binds here; what it takes has to
    /// pass [`gate`](crate::ServiceHandle::gate), which opens when the boot is done.
    ///
    /// # Errors
    /// Anything: the start of the component fails with it.
    fn start(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<(), ComponentFailure>> {
        let _ = cx;
        ready(Ok(()))
    }

    /// Takes no new work from here on; what is in hand goes on.
    fn stop_accepting(&mut self, cx: &ComponentContext) -> impl Future<Output = ()> {
        let _ = cx;
        ready(())
    }

    /// Stops it in order, and hands over the state to be saved, if it has any. The
    /// instance is dropped later: what it holds may be released there.
    ///
    /// # Errors
    /// Anything; it counts as stopped all the same.
    fn stop(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<Option<StateSnapshot>, ComponentFailure>> {
        let _ = cx;
        ready(Ok(None))
    }

    /// Says how it is. It is asked while it runs, and has a few seconds to answer. The
    /// message is shown to whoever asks for the health of the service: no secrets.
    fn health(&mut self, cx: &ComponentContext) -> impl Future<Output = HealthResult> {
        let _ = cx;
        ready(HealthResult::Healthy)
    }

    /// SIGHUP: takes over what may have changed outside, and says what it took over.
    ///
    /// # Errors
    /// Anything: what was in force stays, and the reload is reported as incomplete.
    fn reload(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<ReloadOutcome, ComponentFailure>> {
        let _ = cx;
        ready(Ok(ReloadOutcome::Unchanged))
    }
}
