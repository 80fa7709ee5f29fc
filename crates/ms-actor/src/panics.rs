//! Catching panics of user code, with their message and place.
//!
//! The hook only records, in thread-local state, and hands on to the hook that
//! was installed before it. It takes no lock, waits for nothing and ends nothing.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use ms_core::{Backtrace, Location, PanicRecord};

/// A panic as the hook saw it, before it is known whose it was.
#[derive(Debug, Clone)]
pub(crate) struct RawPanic {
    pub(crate) message: String,
    location: Option<Location>,
    backtrace: Option<Backtrace>,
}

impl RawPanic {
    /// Says what was going on when it was raised.
    pub(crate) fn into_record(self, during: &str, handling: Option<&str>) -> PanicRecord {
        PanicRecord {
            message: self.message,
            location: self.location,
            handling: handling.map(str::to_owned),
            during: during.to_owned(),
            backtrace: self.backtrace,
        }
    }
}

thread_local! {
    static LAST: RefCell<Option<RawPanic>> = const { RefCell::new(None) };
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Installs the recording hook in front of the present one; once a process.
pub(crate) fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            record(info);
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
}

fn record(info: &PanicHookInfo<'_>) {
    let location = info.location().map(|at| Location {
        file: at.file().to_owned(),
        line: at.line(),
        column: at.column(),
    });
    let message = text_of(info.payload());
    let raw = RawPanic { message, location, backtrace: Backtrace::capture() };
    // A panic raised while this very cell is borrowed loses its record, not the process.
    LAST.with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(raw);
        }
    });
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "<payload of an unknown type>".to_owned())
}

/// Takes the last panic recorded on this thread.
pub(crate) fn take_last() -> Option<RawPanic> {
    LAST.with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take()))
}

/// Runs user code; a panic comes back as a value.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, RawPanic> {
    panic::catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = text_of(payload.as_ref());
        // A record of another panic, one that user code caught itself, is not this one's.
        let raw = take_last().filter(|last| last.message == message);
        let raw = raw.unwrap_or(RawPanic { message, location: None, backtrace: None });
        discard(payload);
        raw
    })
}

/// Drops a panic payload, whose own `Drop` may panic again.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A payload that panics when dropped may hold another of its kind: let it leak.
        std::mem::forget(second);
    }
}

/// Drops a value of a user's type; a panic in its `Drop` comes back as a value.
pub(crate) fn drop_caught<T>(value: T) -> Result<(), RawPanic> {
    catch(|| drop(value))
}

/// Runs `code` with the previous hook kept silent if `quiet` says so.
///
/// The kernel reports a supervised crash itself; a backtrace on standard error
/// beside it is noise to some and wanted by others.
pub(crate) fn with_quiet<R>(quiet: bool, code: impl FnOnce() -> R) -> R {
    let before = QUIET.replace(quiet);
    let out = code();
    QUIET.set(before);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_with_message_and_place() {
        install_hook();
        let raw = with_quiet(true, || catch(|| panic!("boom {}", 7))).expect_err("panicked");
        let record = raw.into_record("handle", Some("Ping"));
        assert_eq!(record.message, "boom 7");
        assert!(record.location.expect("known").file.ends_with("panics.rs"));
        assert_eq!(record.handling.as_deref(), Some("Ping"));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("second");
            }
        }
        install_hook();
        let caught = with_quiet(true, || catch(|| panic::panic_any(Bomb)));
        assert!(caught.is_err());
    }
}
