//! A message in a mailbox, whose type only its handler knows.

use actix::Actor;

/// A message in a mailbox.
pub(crate) struct Envelope<A: Actor> {
    pub(crate) message: Box<dyn ErasedMessage<A>>,
    /// When it was put in, in nanoseconds since boot; zero when it is not a timed one.
    pub(crate) stamp: u64,
}

/// A message whose type only its handler knows.
pub(crate) trait ErasedMessage<A: Actor>: Send {
    fn message_type(&self) -> &'static str;
    /// Returns its type, or `None` when nobody waits for the answer any more.
    fn wanted(&self) -> Option<&'static str>;
    /// Hands it to its handler, and notes in the context what is handled and until when.
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut A::Context);
}
