//! The files that may hold secrets, tried on real files as real users.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use common::Run;

/// A user that is not root, and its group.
const SOMEBODY: u32 = 65_534;

/// `msctl config validate` on a directory whose only file holds a secret, as `user`.
fn validate(binary: &Path, config: &Path, user: u32) -> Run {
    let mut command = std::process::Command::new(binary);
    command.args(["config", "validate"]).arg(config).env_clear().uid(user).gid(user);
    Run::of(command.output().expect("runs"))
}

/// Returns whether the secret was read from the file. Its use is another question: without NATS
/// this one protects nothing, and is refused for that.
fn is_taken(run: &Run) -> bool {
    assert!(run.err.contains("core.event_bus.password"), "{run:?}");
    !run.err.contains("may not stand in this file")
}

/// SERVICES 5.2: a file of one's own is closed to all others; one of root's may be readable by a
/// group of the reader, as Kubernetes mounts a Secret for a process that is not root.
#[test]
fn secrets_are_taken_from_private_files_and_from_those_that_root_shares_with_our_group() {
    let home = tempfile::tempdir().expect("a directory");
    let me = fs::metadata(home.path()).expect("there").uid();
    let binary = home.path().join("msctl");
    fs::copy(env!("CARGO_BIN_EXE_msctl"), &binary).expect("copies");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("opened");
    let config = home.path().join("config");
    fs::create_dir(&config).expect("made");
    let file = config.join("base.toml");
    fs::write(&file, "core.event_bus.password = \"s3cret\"\n").expect("written");
    // Only root can give files away; everybody else runs the first half.
    let reader = if me == 0 { SOMEBODY } else { me };
    let of = |owner: u32, group: u32, mode: u32| {
        if me == 0 {
            chown(&file, Some(owner), Some(group)).expect("given");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        validate(&binary, &config, reader)
    };
    for (mode, taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        let run = of(reader, reader, mode);
        assert_eq!(is_taken(&run), taken, "{mode:o}: {run:?}");
        assert!(taken || run.err.contains("chmod 600"), "{}", run.err);
    }
    let shared: &[(u32, u32, bool)] = match me {
        0 => &[
            (SOMEBODY, 0o440, true),
            (SOMEBODY, 0o640, true),
            (SOMEBODY, 0o460, false),
            (SOMEBODY, 0o444, false),
            (0, 0o644, false),
        ],
        _ => &[],
    };
    for &(group, mode, taken) in shared {
        let run = of(0, group, mode);
        assert_eq!(is_taken(&run), taken, "root:{group} {mode:o}: {run:?}");
        assert!(taken || run.err.contains("fsGroup"), "{}", run.err);
    }
    assert!(!fs::read_to_string(&file).expect("there").is_empty());
}
