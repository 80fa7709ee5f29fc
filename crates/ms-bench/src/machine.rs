//! The machine and the versions on which figures were measured.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The facts that a reader needs to compare figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) erlang: String,
    /// The name and version of each measured library.
    pub(crate) libraries: Vec<(String, String)>,
}

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");
const LIBRARIES: &[&str] = &["actix", "ractor", "kameo", "atomr", "tokio", "dashmap"];

pub(crate) fn describe() -> Machine {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    Machine {
        // Kernels for ARM give no name.
        cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gib: memory_gib(&read("/proc/meminfo")),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        rustc: said("rustc", &["--version"]),
        erlang: said(
            "erl",
            &["-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)), halt()."],
        ),
        libraries: LIBRARIES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), version(LOCK, name)?)))
            .collect(),
    }
}

impl Machine {
    /// Returns a line that describes it.
    pub(crate) fn line(&self) -> String {
        let libraries: Vec<String> =
            self.libraries.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let Self { cpu, cores, memory_gib, kernel, rustc, erlang, .. } = self;
        let erlang = if erlang.is_empty() { "not installed" } else { erlang };
        let libraries = libraries.join(", ");
        format!(
            "{cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}; {rustc}; Erlang/OTP {erlang}; \
             {libraries}"
        )
    }
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_gib(meminfo: &str) -> u64 {
    let total = field(meminfo, "MemTotal").unwrap_or_default();
    total.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 20
}

/// Returns the output of a program; empty if it is not installed.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

fn version(lock: &str, name: &str) -> Option<String> {
    let package = lock
        .split("[[package]]")
        .find(|part| part.lines().any(|line| line == format!("name = \"{name}\"")))?;
    let line = package.lines().find_map(|line| line.strip_prefix("version = \""))?;
    Some(line.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\n\
                    version = \"2.1.0\"\n";
        assert_eq!(version(lock, "a").as_deref(), Some("2.1.0"));
        assert_eq!(version(lock, "c"), None);
        assert!(version(LOCK, "actix").is_some());
    }

    #[test]
    fn a_machine_is_described_by_what_linux_says() {
        assert_eq!(memory_gib("MemTotal:       24672540 kB\nMemFree: 1 kB\n"), 23);
        assert_eq!(field("model name\t: A CPU\n", "model name").as_deref(), Some("A CPU"));
        assert_eq!(field("", "model name"), None);
    }
}
