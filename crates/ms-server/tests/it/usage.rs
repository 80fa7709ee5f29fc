//! The `--help` of the program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use ms_runtime::exit;

use crate::common::Place;

/// Exit codes that are not the runtime's: of the command line, and of an address (sysexits).
const USAGE: u8 = 2;
const NO_ADDRESS: u8 = 69;
/// The report of a check could not be written: sysexits.h.
const NO_REPORT: u8 = 74;

/// As `ms-demo` ends with them: `bad_input_is_refused_with_its_code`.
#[test]
fn a_control_socket_that_cannot_be_used_is_5() {
    let place = Place::new();
    fs::write(place.file("text.txt"), "x").unwrap();
    let _listening = UnixListener::bind(place.file("used.sock")).unwrap();
    let long = "x".repeat(200);
    for (name, says) in [
        (long.as_str(), "--control"),
        ("text.txt", "is not a socket"),
        ("no/such/dir.sock", "dir.sock"),
        ("used.sock", "in use"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ms-server"));
        command.arg("--config").arg(place.config()).env_remove("ENVIRONMENT");
        let run = command.arg("--control").arg(place.file(name)).output().unwrap();
        let text = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(exit::CONTROL.into()), "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
    }
    assert_eq!(fs::read(place.file("text.txt")).unwrap(), b"x");
}

#[test]
fn the_help_names_every_exit_code_and_no_other() {
    let run = Command::new(env!("CARGO_BIN_EXE_ms-server")).arg("--help").output().unwrap();
    assert_eq!(run.status.code(), Some(0));
    let help = String::from_utf8(run.stdout).unwrap();
    let (_, codes) = help.split_once("EXIT STATUS\n").expect("a part about exit codes");
    let documented: BTreeSet<u8> = codes
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|code| code.parse().expect("a code begins the line"))
        .collect();
    let known = BTreeSet::from([
        exit::OK,
        exit::FORCED,
        USAGE,
        exit::BOOT,
        exit::TREE,
        exit::CONTROL,
        exit::PREFLIGHT,
        exit::UNHEALTHY,
        exit::CONFIG,
        NO_ADDRESS,
        NO_REPORT,
        exit::PANIC_ABORT,
        exit::PANIC,
        exit::GAVE_UP,
        exit::RESOURCES,
        exit::SECURITY,
    ]);
    assert_eq!(documented, known);
}
