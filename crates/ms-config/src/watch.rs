//! The notice that the files may have changed.

use std::time::Duration;

use notify_debouncer_full::notify::{
    Error, Event, EventKind, RecommendedWatcher, RecursiveMode,
    event::{AccessKind, AccessMode},
};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use crate::places::Places;

/// Time for which the files must be quiet before a change is reported, so that none is read
/// half-written.
pub const DEBOUNCE: Duration = Duration::from_millis(200);

/// A watch of the places of a configuration, until it is dropped.
///
/// It watches directories and not the files in them, because editors replace files by renaming,
/// and Kubernetes swaps the symlink `..data` beside them. It does not tell what has changed, only
/// that the files should be read again.
pub struct DirWatch(#[expect(dead_code, reason = "held for its drop")] Inner);

type Inner = Debouncer<RecommendedWatcher, RecommendedCache>;

impl DirWatch {
    /// Starts a watch. It calls `changed` from a thread of its own, once for each burst of changes,
    /// and with the text of an error when the operating system stops reporting.
    ///
    /// # Errors
    /// An [`Error`] when one of the directories cannot be watched.
    pub fn start(
        places: &Places,
        mut changed: impl FnMut(Result<(), String>) + Send + 'static,
    ) -> Result<Self, Error> {
        let of = places.clone();
        let notify = move |result: DebounceEventResult| match result {
            Ok(events) if !events.iter().any(|event| concerns(&of, &event.event)) => {}
            Ok(_) => changed(Ok(())),
            Err(errors) => {
                changed(Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
            }
        };
        // With an explicit tick the debouncer wakes once in that time, and not four times as it
        // does by default.
        let mut debouncer = new_debouncer(DEBOUNCE, Some(DEBOUNCE), notify)?;
        places.dirs().try_for_each(|dir| debouncer.watch(dir, RecursiveMode::NonRecursive))?;
        Ok(Self(debouncer))
    }
}

/// Returns whether an event may concern the configuration. An event without a path stands for
/// events that were lost.
fn concerns(places: &Places, event: &Event) -> bool {
    let paths = &event.paths;
    !is_read(&event.kind) && (paths.is_empty() || paths.iter().any(|path| places.concern(path)))
}

/// Returns whether an event is a read access. Those include our own, which would make each reload
/// cause the next.
fn is_read(kind: &EventKind) -> bool {
    let written = AccessKind::Close(AccessMode::Write);
    matches!(kind, EventKind::Access(access) if *access != written)
}

impl std::fmt::Debug for DirWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirWatch")
    }
}
