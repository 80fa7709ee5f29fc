//! A message on its way to its handler, and what becomes of the answer.

use std::any::type_name;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll, Wake, Waker};

use actix::dev::{
    Envelope as ActixEnvelope, EnvelopeProxy, MessageResponse, OneshotSender, ToEnvelope,
};
use actix::fut::ActorFuture;
use actix::{Actor, AsyncContext, Handler, Message};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::mail::message::ErasedMessage;
use crate::panics::{self, RawPanic};
use crate::run::context::Context;
use crate::sync::lock;

/// A message with its type, and the way back for its answer.
pub(crate) struct Typed<M: Message> {
    pub(crate) message: M,
    pub(crate) reply: Option<OneshotSender<M::Result>>,
    pub(crate) deadline: Option<Instant>,
}

impl<A, M> ErasedMessage<A> for Typed<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    #[inline]
    fn wanted(&self) -> Option<&'static str> {
        let stale = self.reply.as_ref().is_some_and(OneshotSender::is_closed);
        (!stale).then_some(type_name::<M>())
    }

    #[inline]
    fn deliver(self: Box<Self>, actor: &mut A, ctx: &mut Context<A>) {
        let Self { message, reply, deadline } = *self;
        ctx.begin_message(type_name::<M>(), deadline);
        let response = <A as Handler<M>>::handle(actor, message, ctx);
        respond::<A, M>(response, ctx, reply);
    }
}

/// A message that came through a plain actix `Addr`.
struct ThroughAddr<M: Message>(Option<Typed<M>>);

impl<A, M> EnvelopeProxy<A> for ThroughAddr<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut Context<A>) {
        if let Some(typed) = self.0.take()
            && ErasedMessage::<A>::wanted(&typed).is_some()
        {
            Box::new(typed).deliver(actor, ctx);
        }
    }
}

impl<A, M> ToEnvelope<A, M> for Context<A>
where
    A: Actor<Context = Self> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(message: M, reply: Option<OneshotSender<M::Result>>) -> ActixEnvelope<A> {
        let typed = Typed { message, reply, deadline: None };
        ActixEnvelope::with_proxy(Box::new(ThroughAddr(Some(typed))))
    }
}

/// An actix envelope as a message of ours: what came through an `Addr` queues with the rest.
pub(crate) struct AddrMessage<A: Actor>(pub(crate) ActixEnvelope<A>);

impl<A: Actor<Context = Context<A>>> ErasedMessage<A> for AddrMessage<A> {
    fn message_type(&self) -> &'static str {
        "message through Addr"
    }

    fn wanted(&self) -> Option<&'static str> {
        Some(ErasedMessage::<A>::message_type(self))
    }

    fn deliver(mut self: Box<Self>, actor: &mut A, ctx: &mut Context<A>) {
        self.0.handle(actor, ctx);
    }
}

/// Hands a handler's response on, watching it where actix would lose sight of it.
#[inline]
fn respond<A, M>(response: A::Result, ctx: &mut Context<A>, reply: Option<OneshotSender<M::Result>>)
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    if !is_detached::<<A as Handler<M>>::Result>() {
        return response.handle(ctx, reply);
    }
    let (watched, mut outcome) = oneshot::channel();
    response.handle(ctx, Some(watched));
    // Looked at from the beginning: the response may panic before this actor's next turn.
    let watch = Arc::new(PanicWatch::new(Waker::noop()));
    match Pin::new(&mut outcome).poll_future(&Waker::from(Arc::clone(&watch))) {
        Poll::Ready(Ok(answer)) => drop(reply.map(|reply| reply.send(answer))),
        _ => drop(ctx.spawn(Detached { outcome, reply, watch: Some(watch) })),
    }
}

/// Returns whether `R` is actix's `ResponseFuture` or its `Response`, which run in a task of its
/// own: a panic there neither ends the actor nor reaches anybody (fact 5 of
/// `tests/it/actix_facts.rs`). Decided at compile time but for the name's compare.
#[inline]
fn is_detached<R>() -> bool {
    // By the name, for want of specialisation: the types are actix's, and `R` may be any.
    const BOXED_FUTURE: &str =
        "core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output";
    const EITHER: &str = "actix::handler::Response<";
    let name = type_name::<R>();
    size_of::<R>() >= 2 * size_of::<usize>()
        && (name.starts_with(BOXED_FUTURE) || name.starts_with(EITHER))
}

/// Waits beside a detached response: passes its answer on, or its panic to the actor.
struct Detached<T> {
    outcome: oneshot::Receiver<T>,
    reply: Option<OneshotSender<T>>,
    watch: Option<Arc<PanicWatch>>,
}

// The answer is moved through, never pinned.
impl<T> Unpin for Detached<T> {}

impl<A, T> ActorFuture<A> for Detached<T>
where
    A: Actor<Context = Context<A>>,
    T: 'static,
{
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        _: &mut A,
        ctx: &mut Context<A>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        let this = self.get_mut();
        let caught = this.watch.as_ref().and_then(|earlier| earlier.caught());
        let watch = this.watch.insert(Arc::new(PanicWatch::new(task.waker())));
        let waker = Waker::from(Arc::clone(watch));
        match Pin::new(&mut this.outcome).poll_future(&waker) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(answer)) => {
                if let Some(reply) = this.reply.take() {
                    // The asker may have gone; its loss.
                    drop(reply.send(answer));
                }
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) => {
                if let Some(raw) = caught.or_else(|| watch.caught()) {
                    ctx.crash(raw);
                }
                Poll::Ready(())
            }
        }
    }
}

trait PollWith: Future {
    fn poll_future(self: Pin<&mut Self>, waker: &Waker) -> Poll<Self::Output> {
        self.poll(&mut Task::from_waker(waker))
    }
}

impl<F: Future> PollWith for F {}

/// A waker that notices when it is used from a thread that is unwinding: the
/// response's task dropped its sender because it panicked, and the record of
/// that very panic is the last one on this thread.
struct PanicWatch {
    inner: Waker,
    caught: Mutex<Option<RawPanic>>,
}

impl PanicWatch {
    fn new(inner: &Waker) -> Self {
        Self { inner: inner.clone(), caught: Mutex::new(None) }
    }

    fn caught(&self) -> Option<RawPanic> {
        lock(&self.caught).take()
    }
}

impl Wake for PanicWatch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if std::thread::panicking() {
            *lock(&self.caught) = panics::take_last();
        }
        self.inner.wake_by_ref();
    }
}
