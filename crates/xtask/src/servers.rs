//! External programs that tests start: Postgres, Redis and NATS, and those that results are compared
//! with, Erlang and GNU grep.
//!
//! A test that needs one fails without it. So they are installed if that is permitted; if it is not,
//! the developer is asked to install them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outcome::Outcome;
use crate::workspace::{capture, show};

/// The programs and their Debian packages.
const PROGRAMS: &[(&str, &str)] = &[
    ("postgres", "postgresql"),
    ("redis-server", "redis-server"),
    ("nats-server", "nats-server"),
    ("grep", "grep"),
    ("erl", "erlang-base"),
    ("escript", "erlang-base"),
    ("kill", "procps"),
    ("mkfifo", "coreutils"),
];

/// The plan for missing programs.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    Install(Vec<&'static str>),
    Ask(String),
}

/// Makes sure that all programs are installed. A missing one that may not be installed is a problem.
pub(crate) fn provide() -> Outcome {
    let found = |program: &str| places().iter().any(|place| place.join(program).is_file());
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !found(program)).copied().collect();
    let root = capture(command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    match plan(&missing, root && found("apt-get")) {
        Plan::Nothing => Outcome::note(format!("all {} are there", PROGRAMS.len())),
        Plan::Ask(what) => Outcome::problem(what),
        Plan::Install(packages) => install(&packages),
    }
}

fn plan(missing: &[(&'static str, &'static str)], may_install: bool) -> Plan {
    let mut packages: Vec<&str> = missing.iter().map(|&(_, package)| package).collect();
    // The programs of one package follow each other in the table.
    packages.dedup();
    match (missing, may_install) {
        ([], _) => Plan::Nothing,
        (_, true) => Plan::Install(packages),
        (_, false) => {
            let programs: Vec<&str> = missing.iter().map(|&(program, _)| program).collect();
            Plan::Ask(format!(
                "tests start programs that are not installed: {}; as root: apt-get install {}",
                programs.join(", "),
                packages.join(" ")
            ))
        }
    }
}

fn install(packages: &[&str]) -> Outcome {
    let words = [&["install", "-y", "--no-install-recommends"], packages].concat();
    let mut outcome = Outcome::default();
    // A fresh container has no lists of packages to install from.
    for words in [&["update"][..], &words] {
        outcome = show(command("apt-get", words));
        if !outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn command(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Returns the folders of PATH, and those in which Debian has servers.
fn places() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = versions.map(|version| version.path().join("bin"));
    let path = std::env::split_paths(&path).chain(versions);
    path.chain([Path::new("/usr/sbin").to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_installed_or_asked_for() {
        let missing = &PROGRAMS[1..6];
        assert_eq!(plan(&[], false), Plan::Nothing);
        assert_eq!(
            plan(missing, true),
            Plan::Install(vec!["redis-server", "nats-server", "grep", "erlang-base"])
        );
        let Plan::Ask(what) = plan(missing, false) else { panic!("it may not install") };
        assert!(
            what.ends_with("as root: apt-get install redis-server nats-server grep erlang-base"),
            "{what}"
        );
    }
}
