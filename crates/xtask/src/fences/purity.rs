//! Code that makes decisions names no actor, runtime, clock, log, randomness or operating system, so
//! that each decision can be replayed, and checked in every order.
//!
//! This holds for the crates that only decide, and for each folder or module named `logic` in others.

use super::reasons::{self, Excepted};
use crate::code::{Code, File, Kind, Package, names};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The permanent exceptions: FILE, PATH, REASON.
const LIST: &str = "crates/xtask/impure.tsv";

/// The crates that are pure as a whole.
const PURE: &[&str] = &["ms-core", "ms-json", "ms-policy", "ms-task"];

/// Crates that run code, log, or make random numbers.
const CRATES: &[&str] = &[
    "actix",
    "actix_rt",
    "fastrand",
    "getrandom",
    "log",
    "rand",
    "tokio",
    "tokio_util",
    "tracing",
];

/// Parts of the standard library that reach the operating system.
const OF_STD: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// The items of `std::net` that are data: an address is not a connection.
const ADDRESSES: &[&str] = &[
    "AddrParseError",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "SocketAddrV4",
    "SocketAddrV6",
];

/// Names of clocks, from any crate.
const CLOCKS: &[&str] = &["Instant", "SystemTime"];

/// Functions that make random identifiers.
const LOTS: &[&str] = &["new_v4", "new_v6", "new_v7", "now_v1", "now_v6", "now_v7"];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let list = workspace.read(LIST).unwrap_or_default();
    match reasons::read(&list) {
        Ok(list) => judge(workspace.code(), &list),
        Err(problem) => Outcome::problem(format!("{LIST}: {problem}")),
    }
}

fn judge(code: &Code, list: &[Excepted<'_, 2>]) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut files, mut used) = (0, Vec::new());
    for package in &code.packages {
        for file in package.files.iter().filter(|file| is_pure(package, file)) {
            files += 1;
            for (path, line) in impure(file) {
                let key = [file.path.to_string_lossy().into_owned(), path];
                if list.iter().any(|excepted| excepted.key == key) {
                    used.push(key);
                } else {
                    let [file, path] = key;
                    outcome.problems.push(format!(
                        "{file}:{line} names {path}: what decides is given time, numbers and what was \
                         read as arguments; do it where it is called"
                    ));
                }
            }
        }
    }
    outcome
        .problems
        .extend(reasons::unneeded(LIST, list, |key| used.iter().any(|used| used == key)));
    outcome.notes.push(format!("{files} files decide and do nothing"));
    outcome
}

fn is_pure(package: &Package, file: &File) -> bool {
    let Some(place) = &file.module else { return false };
    PURE.contains(&&*package.name) || place.path.iter().any(|module| module == "logic")
}

/// Returns the forbidden paths that the code names, each with its first line.
fn impure(file: &File) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for named in names(&file.program).paths {
        let (path, line) = match named.kind {
            Kind::Import { import, .. } => (import.path, import.line),
            Kind::Path { path, line } => (path, line),
        };
        let text = path.join("::");
        if is_impure(&path) && !found.iter().any(|(known, _)| *known == text) {
            found.push((text, line));
        }
    }
    found
}

fn is_impure(path: &[String]) -> bool {
    let is_of =
        |at: usize, names: &[&str]| path.get(at).is_some_and(|name| names.contains(&&**name));
    let any = |names: &[&str]| path.iter().any(|name| names.contains(&&**name));
    let is_address = is_of(1, &["net"]) && is_of(2, ADDRESSES);
    is_of(0, CRATES)
        || (is_of(0, &["std"]) && is_of(1, OF_STD) && !is_address)
        || any(CLOCKS)
        || any(LOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "use std::{fmt, time::{Duration, Instant}};\nfn f() { std::fs::read(); tracing::info!(); \
        Uuid::now_v7(); }\n#[cfg(test)] mod tests { use tokio::x; }";

    fn problems(path: &str, list: &str) -> Vec<String> {
        judge(&Code::of(&[(path, BAD)]), &reasons::read(list).expect("a good list")).problems
    }

    #[test]
    fn what_decides_names_no_clock_no_log_and_no_file() {
        let found = problems("ms-policy/src/a.rs", "");
        let paths: Vec<&str> = found.iter().filter_map(|line| line.split(' ').nth(2)).collect();
        assert_eq!(
            paths,
            ["std::time::Instant:", "std::fs::read:", "tracing::info:", "Uuid::now_v7:"]
        );
        assert!(
            found[0].starts_with("ms-policy/src/a.rs:1 names std::time::Instant: what decides")
        );
        assert_eq!(problems("ms-a/src/logic/mod.rs", "").len(), 4);
        assert_eq!(problems("ms-a/src/b/logic.rs", "").len(), 4);
        assert!(problems("ms-a/src/b.rs", "").is_empty());
    }

    #[test]
    fn an_address_is_data_and_a_connection_is_not() {
        let code = Code::of(&[("ms-a/src/logic/a.rs", "use std::net::{IpAddr, TcpStream};")]);
        let found = judge(&code, &[]).problems;
        assert!(found.len() == 1 && found[0].contains("std::net::TcpStream"), "{found:?}");
    }

    #[test]
    fn an_exception_is_used_or_removed() {
        let used = "ms-policy/src/a.rs\tstd::fs::read\tit reads what it decides about";
        assert_eq!(problems("ms-policy/src/a.rs", used).len(), 3);
        let stale = "ms-policy/src/a.rs\tstd::net::x\tit reads what it decides about";
        let found = problems("ms-policy/src/a.rs", stale);
        assert!(found.iter().any(|line| line.contains("nothing needs")), "{found:?}");
    }
}
