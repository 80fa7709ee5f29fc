//! The registered name that somebody probably meant.

use crate::name::Name;

/// Number of names compared for one suggestion.
const MAX_LOOKED_AT: usize = 20_000;

/// Returns the known name most like `wanted`: a few characters off, or with the same last segment.
///
/// Ties go to the name that sorts first, so the suggestion does not depend on hashes.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a Name>) -> Option<Name> {
    let last = wanted.rsplit('/').next().unwrap_or(wanted);
    // A third of the characters may be off; beyond that it is another name.
    let limit = (wanted.chars().count() / 3).clamp(1, 8);
    known
        .take(MAX_LOOKED_AT)
        .filter_map(|name| {
            let distance = match distance(wanted, name.as_str(), limit) {
                Some(distance) => distance,
                None if !last.is_empty() && name.last() == last => limit + 1,
                None => return None,
            };
            Some((distance, name))
        })
        .min()
        .map(|(_, name)| name.clone())
}

/// Returns the number of characters to change, add or remove to get from `a` to `b`; `None` above
/// `limit`. Names are ASCII, so bytes are characters.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
        if row.iter().min().is_some_and(|&least| least > limit) {
            return None;
        }
    }
    row.last().copied().filter(|&distance| distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known: Vec<_> = ["services/mailer", "services/biller", "/root/agents/crawler-3"]
            .into_iter()
            .map(|text| Name::new(text).expect("valid"))
            .collect();
        let ask = |wanted: &str| nearest(wanted, known.iter()).map(|name| name.to_string());
        assert_eq!(ask("services/maler").as_deref(), Some("services/mailer"));
        assert_eq!(ask("mailer").as_deref(), Some("services/mailer"));
        assert_eq!(ask("/root/crawler-3").as_deref(), Some("/root/agents/crawler-3"));
        assert_eq!(ask("telescope"), None);
    }
}
