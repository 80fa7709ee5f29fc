//! Messages counted by type.

use ms_core::view::TypeCount;

use crate::few::Few;

/// Messages handled, by type: most actors know one type or a few.
#[derive(Default)]
pub(super) struct Types {
    first: (&'static str, u64),
    others: Few<(&'static str, u64)>,
}

impl Types {
    /// Counts a message by type. Names of one type are one string: its address tells most.
    #[inline]
    pub(super) fn count(&mut self, message: &'static str) {
        let same = |known: &str| {
            std::ptr::eq(known.as_ptr(), message.as_ptr()) && known.len() == message.len()
        };
        let (first, count) = &mut self.first;
        if same(first) {
            *count += 1;
            return;
        }
        if *count == 0 {
            self.first = (message, 1);
            return;
        }
        let known = std::iter::once(&mut self.first).chain(&mut *self.others);
        for (name, count) in known {
            if same(name) || *name == message {
                *count += 1;
                return;
            }
        }
        self.others.push((message, 1));
    }

    /// Returns the counts, the largest first.
    pub(super) fn counts(&self) -> Vec<TypeCount> {
        let types = std::iter::once(&self.first).chain(&*self.others);
        let mut counts: Vec<_> = types
            .filter(|&&(_, count)| count > 0)
            .map(|&(name, count)| TypeCount { message: name.to_owned(), count })
            .collect();
        counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.message.cmp(&b.message)));
        counts
    }
}
