//! The levers of a supervisor are out of the reach of everybody else: examples that must not
//! compile, each beside one that does and differs in nothing but the type.
//!
//! A stable rustdoc does not look at the error's code; the neighbour that compiles shows that
//! nothing else is wrong, and `tests/it/levers.rs` shows the same of every lever without an error.

/// Starting a life.
///
/// ```
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.launch(ms_actor::Placement::Pool);
/// }
/// ```
/// ```compile_fail,E0599
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.launch(ms_actor::Placement::Pool);
/// }
/// ```
/// ```compile_fail,E0599
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.launch(ms_actor::Placement::Pool);
/// }
/// ```
struct Launch;

/// Taking an actor over from its supervisor.
///
/// ```
/// fn supervisor(child: &ms_actor::host::ChildCell, parent: ms_actor::host::Parent) {
///     child.adopt(parent);
/// }
/// ```
/// ```compile_fail,E0599
/// fn anybody(child: &ms_actor::AnyRef, parent: ms_actor::host::Parent) {
///     child.adopt(parent);
/// }
/// ```
/// ```compile_fail,E0599
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>, parent: ms_actor::host::Parent) {
///     child.adopt(parent);
/// }
/// ```
struct Adopt;

/// Ending a life from outside.
///
/// ```
/// # use ms_core::{ExitReason, Incarnation};
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.fence(Incarnation(1), ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::{ExitReason, Incarnation};
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.fence(Incarnation(1), ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::{ExitReason, Incarnation};
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.fence(Incarnation(1), ExitReason::Killed);
/// }
/// ```
struct Fence;

/// Giving up a life with its arbiter.
///
/// ```
/// # use ms_core::{ExitReason, Incarnation};
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.abandon(Incarnation(1), ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::{ExitReason, Incarnation};
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.abandon(Incarnation(1), ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::{ExitReason, Incarnation};
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.abandon(Incarnation(1), ExitReason::Killed);
/// }
/// ```
struct Abandon;

/// Closing a cell, at once or at its end.
///
/// ```
/// # use ms_core::ExitReason;
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.close(&ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.close(&ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.close(&ExitReason::Killed);
/// }
/// ```
struct Close;

/// Having a cell refuse mail.
///
/// ```
/// # use ms_core::ExitReason;
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.refuse(&ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.refuse(&ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.refuse(&ExitReason::Killed);
/// }
/// ```
struct Refuse;

/// Killing with the reason of a supervisor.
///
/// ```
/// # use ms_core::ExitReason;
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.kill_for(ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.kill_for(ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.kill_for(ExitReason::Killed);
/// }
/// ```
struct KillFor;

/// Speaking for the parent.
///
/// ```
/// # use ms_core::ExitReason;
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.parent_exit(ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.parent_exit(ExitReason::Killed);
/// }
/// ```
/// ```compile_fail,E0599
/// # use ms_core::ExitReason;
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.parent_exit(ExitReason::Killed);
/// }
/// ```
struct ParentExit;

/// Writing the record of restarts.
///
/// ```
/// fn supervisor(child: &ms_actor::host::ChildCell) {
///     child.mark_restarting();
/// }
/// ```
/// ```compile_fail,E0599
/// fn anybody(child: &ms_actor::AnyRef) {
///     child.mark_restarting();
/// }
/// ```
/// ```compile_fail,E0599
/// fn caller<A: ms_actor::Hosted>(child: &ms_actor::Ref<A>) {
///     child.mark_restarting();
/// }
/// ```
struct MarkRestarting;

/// Making a cell of a reference.
///
/// ```
/// fn supervisor(child: &ms_actor::host::ChildCell) -> ms_actor::AnyRef {
///     child.any()
/// }
/// ```
/// ```compile_fail,E0423
/// fn anybody(child: ms_actor::AnyRef) -> ms_actor::host::ChildCell {
///     ms_actor::host::ChildCell(child)
/// }
/// ```
/// ```compile_fail,E0308
/// fn anybody(child: ms_actor::AnyRef) -> ms_actor::host::ChildCell {
///     child
/// }
/// ```
struct FromReference;
