//! Providers, which carry operations out, behind one type.

use std::any::Any;
use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::caller::{Door, Principal};
use crate::error::OpError;
use crate::operation::Operation;

/// What a provider learns beside the operation itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The door the request came through.
    pub door: Door,
    /// The caller, which the desk has found permitted.
    pub by: Principal,
    /// The time the provider has.
    pub within: Duration,
}

/// Takes the items of a stream from its provider. It is bounded, so that the provider waits for a
/// slow reader.
pub type Sink<T> = mpsc::Sender<T>;

/// The provider of some operation: [`Answers`] or [`Sends`].
pub(super) struct Provider(Box<dyn Any + Send + Sync>);

impl Provider {
    pub(super) fn new(provider: impl Any + Send + Sync) -> Self {
        Self(Box::new(provider))
    }

    pub(super) fn get<P: Any>(&self) -> Option<&P> {
        self.0.downcast_ref()
    }
}

type Answering<O> = BoxFuture<'static, Result<<O as Operation>::Answer, OpError>>;

/// Answers an operation once.
pub(super) struct Answers<O: Operation>(Box<dyn Fn(Asked, O) -> Answering<O> + Send + Sync>);

impl<O: Operation> Answers<O> {
    pub(super) fn new<F>(provider: impl Fn(Asked, O) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<O::Answer, OpError>> + Send + 'static,
    {
        Self(Box::new(move |asked, op| Box::pin(provider(asked, op))))
    }

    pub(super) fn call(&self, asked: Asked, op: O) -> Answering<O> {
        (self.0)(asked, op)
    }
}

type Sending = BoxFuture<'static, Result<(), OpError>>;

type SendItems<O> = dyn Fn(Asked, O, Sink<<O as Operation>::Answer>) -> Sending + Send + Sync;

/// Answers an operation item by item.
pub(super) struct Sends<O: Operation>(Box<SendItems<O>>);

impl<O: Operation> Sends<O> {
    pub(super) fn new<F>(
        provider: impl Fn(Asked, O, Sink<O::Answer>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), OpError>> + Send + 'static,
    {
        Self(Box::new(move |asked, op, sink| Box::pin(provider(asked, op, sink))))
    }

    pub(super) fn call(&self, asked: Asked, op: O, sink: Sink<O::Answer>) -> Sending {
        (self.0)(asked, op, sink)
    }
}
