//! The saves that are kept, and those that are removed.

use std::collections::{HashMap, HashSet};

use ms_core::ActorPath;

use crate::manifest::Manifest;

/// Number of saves that are kept of each component: the newest, and one to fall back to.
const KEPT_OF_EACH: usize = 2;

/// A save whose manifest is authentic.
pub(crate) struct GoodSave {
    pub(crate) sequence: u64,
    pub(crate) folder: String,
    pub(crate) manifest: Manifest,
}

/// Returns the folders to remove: saves that are older than the newest `keep` ones, and those that
/// were begun and not finished. `all` are the sequences and names of all folders, `good` the good
/// saves, newest first; `newest` is the sequence of the save that was just made.
///
/// A save that is one of the last two with some component stays, however old it is. The component
/// may be down for long or save seldom, and when the newest save of it is damaged there must be
/// one before.
pub(crate) fn to_remove<'a>(
    all: &'a [(u64, String)],
    good: &[GoodSave],
    keep: usize,
    newest: u64,
    is_unfinished: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    let kept = kept(good, keep);
    let oldest = good.get(keep - 1).map_or(0, |save| save.sequence);
    let removed = all.iter().filter(|(sequence, name)| {
        let is_good = good.iter().any(|save| save.folder == *name);
        // A higher sequence than the newest is not ours to judge: it may be a forged name.
        let unfinished = *sequence <= newest && !is_good && is_unfinished(name);
        let old = *sequence < oldest && !kept.contains(name.as_str());
        old || unfinished
    });
    removed.map(|(_, name)| name.as_str()).collect()
}

/// Returns the folders of the newest `keep` saves, and of the last two with each component.
fn kept(good: &[GoodSave], keep: usize) -> HashSet<&str> {
    let mut seen = HashMap::<&ActorPath, usize>::new();
    let mut names = HashSet::new();
    for (index, save) in good.iter().enumerate() {
        let mut is_needed = index < keep;
        for line in &save.manifest.files {
            let times = seen.entry(&line.id).or_default();
            is_needed |= *times < KEPT_OF_EACH;
            *times += 1;
        }
        if is_needed {
            names.insert(save.folder.as_str());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Saved;

    fn save(sequence: u64, components: &[&str]) -> GoodSave {
        let line = |id: &&str| Saved {
            id: ActorPath::new(format!("/root/{id}")).expect("a path"),
            file: String::new(),
            size: 0,
            checksum: String::new(),
        };
        let files = components.iter().map(line).collect();
        let manifest = Manifest { unix_ms: 0, files };
        GoodSave { sequence, folder: sequence.to_string(), manifest }
    }

    #[test]
    fn old_saves_go_but_the_last_two_of_each_component() {
        let good = [
            save(6, &["a"]),
            save(5, &["a"]),
            save(4, &["a", "b"]),
            save(3, &["a"]),
            save(2, &["a", "b"]),
            save(1, &["a", "b"]),
        ];
        let mut all: Vec<_> =
            good.iter().map(|save| (save.sequence, save.folder.clone())).collect();
        assert_eq!(to_remove(&all, &good, 2, 6, |_| false), ["3", "1"]);
        // Folders without a good manifest: unfinished, damaged, and of a forged sequence.
        all.extend([(2, "cut".to_owned()), (6, "damaged".to_owned()), (9, "forged".to_owned())]);
        let removed = to_remove(&all, &good, 2, 6, |name| name != "damaged");
        assert_eq!(removed, ["3", "1", "cut"]);
    }
}
