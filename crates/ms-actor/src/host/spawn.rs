//! Actors outside any tree.

use std::any::type_name;
use std::sync::Mutex;

use ms_core::{ActorPath, ChildType, ExitReason};

use crate::cell::hosted::Hosted;
use crate::error::StartError;
use crate::host::blueprint::{CellSeed, factory_of};
use crate::host::child_cell::ChildCell;
use crate::mail::spec::MailboxSpec;
use crate::node::handle::Node;
use crate::node::placement::Placement;
use crate::refs::handle::Ref;
use crate::sync::lock;

/// Starts an actor outside any tree, on this thread, at `/local/NAME`.
///
/// It ends by itself when nobody holds a reference to it, as actix actors do.
/// Nobody restarts it: for that, give it to a supervisor.
pub fn spawn<A: Hosted + Send>(
    node: &Node,
    name: &str,
    actor: A,
) -> Result<Ref<A>, ms_core::IdError> {
    let path = ActorPath::new(format!("/local/{name}"))?;
    let slot = Mutex::new(Some(actor));
    let factory = factory_of(move |_: &Ref<A>| {
        lock(&slot).take().ok_or_else(|| {
            StartError::Failed(ExitReason::failed(
                "an actor that was moved in cannot be made again",
            ))
        })
    });
    // No blueprint: nobody will make another cell of it.
    let (mailbox, kind) = (MailboxSpec::default(), ChildType::Worker);
    let seed = CellSeed { node: node.clone(), path, parent: None, mailbox, kind };
    let cell = ChildCell::new(A::cell(seed.into_core(type_name::<A>(), A::TIER), factory, None));
    let reference = cell.typed::<A>();
    cell.launch(Placement::WithParent);
    // A cell of this very type was made above.
    reference.ok_or(ms_core::IdError::Empty)
}
