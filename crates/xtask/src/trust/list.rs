//! The reviewed list of permitted findings.

use super::Finding;

/// A line of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exception<'a> {
    pub(super) kind: &'a str,
    pub(super) file: &'a str,
    pub(super) function: &'a str,
}

impl Exception<'_> {
    pub(super) fn permits(&self, finding: &Finding) -> bool {
        (self.kind, self.file, self.function)
            == (finding.kind, finding.file.as_str(), finding.function.as_str())
    }
}

/// Reads the lines: KIND, FILE, TEST and REASON, separated by tabs; `#` begins a comment.
///
/// # Errors
/// The first malformed line, such as one with an unknown kind or without a reason.
pub(super) fn exceptions<'a>(
    list: &'a str,
    kinds: &[(&str, &str)],
) -> Result<Vec<Exception<'a>>, String> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &'a str| {
        let [kind, file, function, reason] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("want KIND, FILE, TEST and REASON with tabs between: {line}"));
        };
        if !kinds.iter().any(|(name, _)| *name == kind) {
            return Err(format!("there is no kind {kind}: {line}"));
        }
        // A shorter reason says nothing that a reviewer could agree with.
        if reason.split(' ').count() < 4 {
            return Err(format!("the reason is no sentence: {line}"));
        }
        Ok(Exception { kind, file, function })
    };
    lines.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_kind_and_a_reason() {
        let kinds = [("skips", "")];
        let good = exceptions("# x\n\nskips\ta.rs\tb\tthere is nothing else\n", &kinds);
        assert_eq!(good, Ok(vec![Exception { kind: "skips", file: "a.rs", function: "b" }]));
        for bad in ["skips\ta.rs\tb", "sleeps\ta.rs\tb\tone two three four", "skips\ta.rs\tb\tx"] {
            assert!(exceptions(bad, &kinds).is_err(), "{bad}");
        }
    }
}
