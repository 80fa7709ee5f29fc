//! Noticing that the files may have changed.

use std::time::Duration;

use notify_debouncer_full::notify::{
    Error, Event, EventKind, RecommendedWatcher, RecursiveMode,
    event::{AccessKind, AccessMode},
};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use crate::places::Places;

/// How long a file must be quiet before it is read: half-written files settle.
pub const DEBOUNCE: Duration = Duration::from_millis(200);

/// Watches the places of a configuration until it is dropped.
///
/// Directories and not the files in them: editors replace files by renaming, and
/// Kubernetes swaps the symlink `..data` beside them. The news is only "look again".
pub struct DirWatch(#[expect(dead_code, reason = "held for its drop")] Inner);

type Inner = Debouncer<RecommendedWatcher, RecommendedCache>;

impl DirWatch {
    /// Calls `changed` from a thread of its own, once for each burst of changes; with an
    /// error's text when the operating system stops telling.
    ///
    /// # Errors
    /// One of the directories cannot be watched.
    pub fn start(
        places: &Places,
        mut changed: impl FnMut(Result<(), String>) + Send + 'static,
    ) -> Result<Self, Error> {
        let of = places.clone();
        let told = move |result: DebounceEventResult| match result {
            Ok(events) if !events.iter().any(|event| concerns(&of, &event.event)) => {}
            Ok(_) => changed(Ok(())),
            Err(errors) => {
                changed(Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
            }
        };
        // It looks at the clock once in that time, and not four times as it would unasked.
        let mut debouncer = new_debouncer(DEBOUNCE, Some(DEBOUNCE), told)?;
        places.dirs().try_for_each(|dir| debouncer.watch(dir, RecursiveMode::NonRecursive))?;
        Ok(Self(debouncer))
    }
}

/// Whether an event may be a change of the configuration. One without a path stands for events
/// that were lost.
fn concerns(places: &Places, event: &Event) -> bool {
    let paths = &event.paths;
    !is_read(&event.kind) && (paths.is_empty() || paths.iter().any(|path| places.concern(path)))
}

/// Our own reading is an access, too.
fn is_read(kind: &EventKind) -> bool {
    let written = AccessKind::Close(AccessMode::Write);
    matches!(kind, EventKind::Access(access) if *access != written)
}

impl std::fmt::Debug for DirWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirWatch")
    }
}
