//! Where the shared state of a cell takes its locks and atomics from.
//!
//! They are std's. With the feature `model` they are loom's, so that the tests in `model/` run this
//! very code under every interleaving of its threads. Nothing works outside of a loom model then,
//! so the feature is off everywhere else. What a node shares between its models (its registers of
//! arbiters, its log) stays std's.

#[cfg(not(feature = "model"))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread_local;

    use std::sync::PoisonError;

    /// Locks without poisoning: nothing that can panic runs under these locks.
    pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "model")]
mod modelled {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    use std::sync::PoisonError;

    /// loom's, in std's spelling.
    macro_rules! modelled_local {
        (static $name:ident: $type:ty = const { $init:expr };) => {
            loom::thread_local! { static $name: $type = $init; }
        };
    }
    pub(crate) use modelled_local as thread_local;

    /// A lock of a cell, which the model schedules, or one of the node, which it does not.
    pub(crate) trait Lock {
        type Guard<'a>
        where
            Self: 'a;

        fn guard(&self) -> Self::Guard<'_>;
    }

    impl<T> Lock for Mutex<T> {
        type Guard<'a>
            = loom::sync::MutexGuard<'a, T>
        where
            Self: 'a;

        fn guard(&self) -> Self::Guard<'_> {
            self.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T> Lock for std::sync::Mutex<T> {
        type Guard<'a>
            = std::sync::MutexGuard<'a, T>
        where
            Self: 'a;

        fn guard(&self) -> Self::Guard<'_> {
            self.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// Locks as the real one does, over both kinds.
    pub(crate) fn lock<L: Lock>(mutex: &L) -> L::Guard<'_> {
        mutex.guard()
    }
}

#[cfg(feature = "model")]
pub(crate) use modelled::*;
#[cfg(not(feature = "model"))]
pub(crate) use real::*;
