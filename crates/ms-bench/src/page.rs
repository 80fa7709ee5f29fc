//! Writes the tables into a page, between marks. The text around them stays.
//!
//! A mark is a line `<!-- bench: NAME -->`. Everything from there to `<!-- /bench -->` is replaced. NAME
//! is a workload, or `machine`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::report::Report;
use crate::table;

const BEGIN: &str = "<!-- bench: ";
const END: &str = "<!-- /bench -->";

/// Why a page could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot use {path}", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("line {line}: `{BEGIN}...` without `{END}` after it; add it")]
    Open { line: usize },
}

pub(crate) fn write(path: &Path, report: &Report) -> Result<(), Error> {
    let fault = |source| Error::File { path: path.to_owned(), source };
    let page = filled(&fs::read_to_string(path).map_err(fault)?, report)?;
    fs::write(path, page).map_err(fault)
}

fn filled(page: &str, report: &Report) -> Result<String, Error> {
    let mut out = String::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        out += line;
        out.push('\n');
        let name = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        if !lines.any(|(_, line)| line == END) {
            return Err(Error::Open { line: at + 1 });
        }
        out += &format!("\n{}\n\n{END}\n", part(name, report).trim_end());
    }
    Ok(out)
}

fn part(name: &str, report: &Report) -> String {
    if name == "machine" {
        return report.machine.line();
    }
    report.workload(name).map_or_else(|| "Not measured yet.".to_owned(), table::markdown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::WORKLOADS;

    const PAGE: &str = "# Title\n<!-- bench: tell -->\nold\n<!-- /bench -->\nprose\n";

    #[test]
    fn only_what_is_between_marks_changes_and_twice_is_once() {
        let report = Report::empty();
        let once = filled(PAGE, &report).expect("closed");
        assert_eq!(
            once,
            "# Title\n<!-- bench: tell -->\n\nNot measured yet.\n\n<!-- /bench -->\nprose\n"
        );
        assert_eq!(filled(&once, &report).expect("closed"), once);
    }

    #[test]
    fn an_open_mark_is_named() {
        let error = filled("a\n<!-- bench: tell -->\nb\n", &Report::empty()).expect_err("open");
        assert!(matches!(error, Error::Open { line: 2 }));
    }

    #[test]
    fn the_page_has_a_place_for_every_workload() {
        let page = include_str!("../../../docs/performance.md");
        for workload in WORKLOADS {
            let mark = format!("{BEGIN}{} -->", workload.name);
            assert!(page.lines().any(|line| line == mark), "{mark} is missing");
        }
    }
}
