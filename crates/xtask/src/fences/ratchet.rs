//! Counts that may only fall.

use std::collections::BTreeMap;

use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Counts by name.
pub(crate) type Counts = BTreeMap<String, usize>;

/// A count for each name, and a file of baselines with a line `NAME<TAB>COUNT` for each.
pub(crate) struct Ratchet {
    pub(crate) file: &'static str,
    /// The things that are counted, in the plural.
    pub(crate) what: &'static str,
    /// The advice if there are too many.
    pub(crate) advice: &'static str,
    pub(crate) count: fn(&Workspace) -> Counts,
}

impl Ratchet {
    pub(crate) fn check(&self, workspace: &Workspace) -> Outcome {
        let text = workspace.read(self.file).unwrap_or_default();
        self.judge(&text, &(self.count)(workspace))
    }

    /// Compares counts with the file. More is a problem; less is a note that asks to lower the file.
    pub(crate) fn judge(&self, text: &str, counts: &Counts) -> Outcome {
        let Self { file, what, advice, .. } = self;
        let mut outcome = Outcome::default();
        let mut permitted = BTreeMap::new();
        for line in rows(text) {
            match row(line) {
                Some((name, count)) => drop(permitted.insert(name, count)),
                None => outcome
                    .problems
                    .push(format!("{file}: want NAME and COUNT with a tab between: {line}")),
            }
        }
        for (name, count) in counts {
            let allowed = permitted.remove(name.as_str()).unwrap_or_default();
            if *count > allowed {
                outcome.problems.push(format!(
                    "{name}: {count} {what}, and {file} permits {allowed}: {advice}"
                ));
            } else if *count < allowed {
                outcome.notes.push(format!(
                    "{name}: {count} {what} are left of {allowed}: `cargo xtask lower`"
                ));
            }
        }
        for (name, allowed) in permitted.iter().filter(|(_, allowed)| **allowed > 0) {
            outcome
                .notes
                .push(format!("{name}: no {what} are left of {allowed}: `cargo xtask lower`"));
        }
        let all: usize = counts.values().sum();
        outcome.notes.push(format!("{all} {what}"));
        outcome
    }

    /// Returns the file with the counts that fell, and without the names whose count is 0.
    pub(super) fn lowered(&self, text: &str, counts: &Counts) -> String {
        let lowered = text.lines().filter_map(|line| match row(line) {
            Some((name, allowed)) if !line.starts_with('#') => {
                let count = counts.get(name).copied().unwrap_or_default().min(allowed);
                (count > 0).then(|| format!("{name}\t{count}\n"))
            }
            _ => Some(format!("{line}\n")),
        });
        lowered.collect()
    }
}

fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn row(line: &str) -> Option<(&str, usize)> {
    let (name, count) = line.split_once('\t')?;
    Some((name, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATCHET: Ratchet =
        Ratchet { file: "a.tsv", what: "sins", advice: "repent", count: |_| Counts::new() };

    fn counts(all: &[(&str, usize)]) -> Counts {
        all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn more_than_the_baseline_is_a_problem_and_less_is_noted() {
        let text = "# why\nms-a\t3\nms-b\t2\n";
        assert!(RATCHET.judge(text, &counts(&[("ms-a", 3), ("ms-b", 2)])).is_ok());
        let grown = RATCHET.judge(text, &counts(&[("ms-a", 4), ("ms-b", 1), ("ms-c", 1)]));
        assert_eq!(
            grown.problems,
            [
                "ms-a: 4 sins, and a.tsv permits 3: repent",
                "ms-c: 1 sins, and a.tsv permits 0: repent"
            ]
        );
        assert_eq!(grown.notes[0], "ms-b: 1 sins are left of 2: `cargo xtask lower`");
        let gone = RATCHET.judge(text, &counts(&[("ms-a", 3)]));
        assert!(gone.is_ok());
        assert_eq!(gone.notes[0], "ms-b: no sins are left of 2: `cargo xtask lower`");
        assert_eq!(RATCHET.judge("ms-a 3", &counts(&[])).problems.len(), 1);
    }

    #[test]
    fn a_baseline_is_lowered_and_never_raised() {
        let text = "# why\nms-a\t3\nms-b\t2\nms-c\t1\n";
        let lowered = RATCHET.lowered(text, &counts(&[("ms-a", 9), ("ms-b", 1), ("ms-d", 7)]));
        assert_eq!(lowered, "# why\nms-a\t3\nms-b\t1\n");
    }
}
