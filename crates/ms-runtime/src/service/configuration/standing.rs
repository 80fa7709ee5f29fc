//! Decides whether the watch still stands where the path leads. No I/O.

/// What to do about the watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: it stands, or there is still nothing to watch.
    Stay,
    /// Watch this directory, and read what is in it.
    Watch,
    /// Give up the watch: the directory is gone, for this reason.
    Lose(String),
}

/// Compares what is under watch, if anything is, with what the path leads to now.
pub(super) fn step<D: PartialEq>(watched: Option<&D>, found: Result<&D, String>) -> Step {
    match (watched, found) {
        (Some(watched), Ok(found)) if watched == found => Step::Stay,
        (_, Ok(_)) => Step::Watch,
        (Some(_), Err(why)) => Step::Lose(why),
        (None, Err(_)) => Step::Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watch_goes_where_the_path_leads() {
        let gone = || Err("gone".to_owned());
        assert_eq!(step(Some(&1), Ok(&1)), Step::Stay);
        assert_eq!(step(Some(&1), Ok(&2)), Step::Watch, "another took its place");
        assert_eq!(step(Some(&1), gone()), Step::Lose("gone".to_owned()));
        assert_eq!(step(None, Ok(&1)), Step::Watch, "it is back");
        assert_eq!(step::<i32>(None, gone()), Step::Stay, "told once");
    }
}
