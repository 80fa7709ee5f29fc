//! Time arithmetic: no `+`, `-` or `*` on durations and instants. They panic on overflow, and callers
//! pass `Duration::MAX` for "no limit".
//!
//! Clippy knows the types: its lint `arithmetic_side_effects`, configured to permit all numbers, finds
//! the operators of time. It does not see calls, so calls that panic, such as `sum`, are searched in the
//! text. Tests are not checked: they choose their times themselves.

use std::path::Path;
use std::process::Command;

use crate::files::files;
use crate::outcome::Outcome;
use crate::workspace::{Workspace, show};

/// The folder of the clippy configuration for this step.
const CONFIGURATION: &str = "crates/xtask/time-lint";
/// Crates that are not shipped, and choose their times themselves.
const NOT_CHECKED: &[&str] = &["ms-bench", "xtask"];
/// Calls that panic if a float is not a valid duration.
const FLOAT: &[&str] = &[".mul_f64(", ".mul_f32(", ".div_f64(", ".div_f32(", "::from_secs_f"];
const ADVICE: &str = "time arithmetic that panics; use ms_core::time::{later, total}, or the saturating methods of Duration";

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut arguments = vec!["clippy", "--workspace", "--lib", "--bins"];
    arguments.extend(NOT_CHECKED.iter().flat_map(|name| ["--exclude", *name]));
    let mut outcome = show(clippy(workspace.cargo(&arguments), workspace));
    if !outcome.is_ok() {
        outcome.problems.push(ADVICE.to_owned());
    }
    for file in files(&workspace.root, Path::new("crates")) {
        if is_checked(&file) {
            let text = workspace.read(&file).unwrap_or_default();
            let path = file.display();
            outcome.problems.extend(calls(&text).map(|line| format!("{path}:{line}: {ADVICE}")));
        }
    }
    outcome
}

/// Configures a run of clippy to find unchecked time arithmetic and nothing else.
fn clippy(mut command: Command, workspace: &Workspace) -> Command {
    command
        .args(["--", "--allow", "clippy::all", "--deny", "clippy::arithmetic_side_effects"])
        .env("CLIPPY_CONF_DIR", workspace.root.join(CONFIGURATION));
    command
}

/// Says whether a source belongs to a library or program that is shipped.
fn is_checked(file: &Path) -> bool {
    let mut parts = file.iter().skip(1).filter_map(|part| part.to_str());
    let package = parts.next();
    parts.next() == Some("src") && !package.is_some_and(|name| NOT_CHECKED.contains(&name))
}

/// Returns the lines, from 1, with calls on durations that panic if the result does not fit.
fn calls(text: &str) -> impl Iterator<Item = usize> + '_ {
    let sum = |line: &str| line.contains(".sum") && line.contains("Duration");
    let float = |line: &str| FLOAT.iter().any(|call| line.contains(call));
    let found =
        move |line: &str| !line.trim_start().starts_with("//") && (sum(line) || float(line));
    text.lines().enumerate().filter(move |(_, line)| found(line)).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::cargo_in;

    /// Returns what clippy says about a crate of one file.
    fn clippy_of(dir: &Path, source: &str) -> (bool, String) {
        let manifest = "[package]\nname = \"timely\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::create_dir_all(dir.join("src")).expect("made");
        std::fs::write(dir.join("Cargo.toml"), manifest).expect("written");
        std::fs::write(dir.join("src/lib.rs"), source).expect("written");
        let workspace = Workspace::load().expect("this workspace");
        let mut command = clippy(cargo_in(dir, &["clippy", "--offline"]), &workspace);
        let output = command.env("CARGO_TARGET_DIR", dir.join("target")).output().expect("runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    #[test]
    fn unchecked_time_arithmetic_is_found_and_that_of_numbers_is_not() {
        let dir = std::env::temp_dir().join(format!("xtask-time-{}", std::process::id()));
        for bad in [
            "pub fn f(d: Duration) -> Instant { Instant::now() + d }",
            "pub fn f(d: Duration, n: u32) -> Duration { d * n }",
            "pub fn f(d: Duration) -> Duration { 2 * d }",
            "pub fn f(d: Duration, e: Duration) -> Duration { d - e }",
            "pub fn f(mut d: Duration) -> Duration { d += Duration::from_secs(3); d }",
        ] {
            let (passed, output) = clippy_of(&dir, &format!("use std::time::*;\n{bad}\n"));
            assert!(!passed && output.contains("arithmetic"), "{bad}: {output}");
        }
        let good = "use std::time::*;\n\
            pub fn f(d: Duration, n: u32) -> Duration { d.saturating_mul(n) }\n\
            pub fn g(a: u64, b: &usize, mut c: i32) -> u64 { c += 1; a * 2 + *b as u64 - c as u64 }\n";
        let (passed, output) = clippy_of(&dir, good);
        assert!(passed, "{output}");
        std::fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn calls_that_panic_are_found_with_their_line() {
        let text = "let n: u64 = a.sum();\n\
            let d = each.sum::<Duration>();\n\
            // each.sum::<Duration>()\n\
            let d: Duration = each.sum();\n\
            ask.within(limit.mul_f64(0.9));\n";
        assert_eq!(calls(text).collect::<Vec<_>>(), [2, 4, 5]);
        let checked = ["ms-bus/src/sink.rs", "ms-bus/tests/it/bad.rs", "xtask/src/time.rs"];
        let checked = checked.map(|file| is_checked(&Path::new("crates").join(file)));
        assert_eq!(checked, [true, false, false]);
    }
}
