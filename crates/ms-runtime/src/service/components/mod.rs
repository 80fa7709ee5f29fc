//! Components: the parts of a service, each an actor under the tree.
//!
//! A user writes a [`Component`]: state with `init`, `start`, `stop` and `health`. Its
//! [`ComponentSpec`] says how to make it, what it needs and in which phase it starts. Each
//! component is hosted by an actor of its own (`host.rs`), a child of the supervisor `components`:
//! it restarts after a crash, and appears in the tree. A whole supervision tree can be a component
//! as well ([`ComponentSpec::tree`]).

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

/// A part of a service that starts at boot, is supervised, and stops at shutdown.
///
/// Every incarnation has an instance of its own: after a crash the factory of the spec makes a
/// fresh one, which is initialised and started as the supervisor's policy says. Methods run one at
/// a time on the arbiter of the component's actor and must not block its thread. All methods have
/// defaults that do nothing.
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
    /// Prepares the component: opens what it needs. Its dependencies run already.
    ///
    /// # Errors
    /// Any error; the start of the component fails with it.
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
    /// Any error; the start of the component fails with it.
    fn start(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<(), ComponentFailure>> {
        let _ = cx;
        ready(Ok(()))
    }

    /// Stops taking new work. Work in progress goes on.
    fn stop_accepting(&mut self, cx: &ComponentContext) -> impl Future<Output = ()> {
        let _ = cx;
        ready(())
    }

    /// Stops the component in order, and returns the state to be saved, if it has any. The instance
    /// is dropped later: it may release what it holds in its drop.
    ///
    /// # Errors
    /// Any error; the component counts as stopped all the same.
    fn stop(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<Option<StateSnapshot>, ComponentFailure>> {
        let _ = cx;
        ready(Ok(None))
    }

    /// Returns its health. It is asked while it runs, and has a few seconds to answer. Everybody
    /// who may ask for the health of the service can read the message: no secrets.
    fn health(&mut self, cx: &ComponentContext) -> impl Future<Output = HealthResult> {
        let _ = cx;
        ready(HealthResult::Healthy)
    }

    /// Reloads what may have changed outside, at SIGHUP, and returns what has changed.
    ///
    /// # Errors
    /// Any error: what was in force stays, and the reload is reported as incomplete.
    fn reload(
        &mut self,
        cx: &ComponentContext,
    ) -> impl Future<Output = Result<ReloadOutcome, ComponentFailure>> {
        let _ = cx;
        ready(Ok(ReloadOutcome::Unchanged))
    }
}
