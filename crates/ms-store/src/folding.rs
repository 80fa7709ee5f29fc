//! The schedule by which the write-ahead log is folded into the main file.

/// Pages in the log at which it is folded in, as SQLite itself does by default.
const PAGES: u64 = 1_000;
/// Pages per unit of work, until that is measured.
const PAGES_OF_WORK: u64 = 4;
/// Most work between two foldings.
const MOST: u64 = 4_096;

/// The work since the log was last folded in. SQLite tells how long its log is only when it folds
/// it in, so the pages of a unit of work are measured then.
#[derive(Debug)]
pub(crate) struct Folding {
    work: u64,
    due_at: u64,
}

impl Default for Folding {
    fn default() -> Self {
        Self { work: 0, due_at: PAGES / PAGES_OF_WORK }
    }
}

impl Folding {
    /// Adds the work of a commit: about as much as rows were written.
    pub(crate) fn add(&mut self, work: usize) {
        self.work = self.work.saturating_add(work as u64);
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.work >= self.due_at
    }

    /// Notes that the log was folded in and had this many pages.
    pub(crate) fn done(&mut self, pages: u64) {
        self.due_at = (self.work.saturating_mul(PAGES) / pages.max(1)).clamp(16, MOST);
        self.work = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_to_a_thousand_pages_whatever_a_unit_of_work_takes() {
        for pages_of_work in [1, 3, 20] {
            let mut folding = Folding::default();
            let mut lengths = Vec::new();
            for _ in 0..4 {
                let mut work = 0;
                while !folding.is_due() {
                    folding.add(1);
                    work += 1;
                }
                lengths.push(work * pages_of_work);
                folding.done(work * pages_of_work);
            }
            let last = *lengths.last().expect("four");
            assert!((900..=1_100).contains(&last), "{pages_of_work}: {lengths:?}");
        }
    }

    #[test]
    fn work_that_takes_no_pages_or_many_stays_within_bounds() {
        let mut folding = Folding::default();
        folding.add(100_000);
        folding.done(0);
        assert_eq!(folding.due_at, MOST);
        folding.add(16);
        folding.done(1_000_000);
        assert_eq!(folding.due_at, 16);
    }
}
