//! Lists of exceptions to a rule. Each line has the fields of a key, then the reason.

/// A line of such a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excepted<'a, const N: usize> {
    pub(crate) key: [&'a str; N],
}

/// Reads a list. The error is the first malformed line.
pub(crate) fn read<const N: usize>(list: &str) -> Result<Vec<Excepted<'_, N>>, String> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(line).collect()
}

fn line<const N: usize>(line: &str) -> Result<Excepted<'_, N>, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let (reason, key) = fields.split_last().unwrap_or((&"", &[]));
    match <[&str; N]>::try_from(key) {
        // A shorter reason says nothing that a reviewer could agree with.
        Ok(key) if reason.split(' ').count() >= 4 => Ok(Excepted { key }),
        _ => Err(format!("want {N} fields and a reason of some words, with tabs between: {line}")),
    }
}

/// Returns a problem for each line that nothing needs.
pub(crate) fn unneeded<const N: usize>(
    file: &str,
    list: &[Excepted<'_, N>],
    needed: impl Fn(&[&str; N]) -> bool,
) -> Vec<String> {
    let unneeded = list.iter().filter(|excepted| !needed(&excepted.key));
    unneeded
        .map(|excepted| {
            format!("{file}: nothing needs {} any more: remove the line", excepted.key.join(" "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key_and_a_reason_that_says_something() {
        let list = read::<2>("# head\n\nms-a\tX\tit is on the wire\n").expect("a good list");
        assert_eq!(list, [Excepted { key: ["ms-a", "X"] }]);
        assert!(read::<2>("ms-a\tX\tbecause").is_err());
        assert!(read::<2>("ms-a\tit is on the wire").is_err());
        assert_eq!(
            unneeded("a.tsv", &list, |_| false),
            ["a.tsv: nothing needs ms-a X any more: remove the line"]
        );
    }
}
