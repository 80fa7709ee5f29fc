//! The kit as somebody else uses it: a crate of their own, outside of this workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIB: &str = include_str!("../user/lib.rs");
const TESTS: &str = include_str!("../user/kit.rs");

/// Where this workspace is.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A manifest as the manual has it. What is not of this workspace is what the lock file of the
/// workspace says, so nothing is downloaded.
fn manifest() -> String {
    let crates = workspace().join("crates");
    let path = |name: &str| format!("{name} = {{ path = {:?} }}\n", crates.join(name));
    let own = ["ms-actor", "ms-bus", "ms-supervisor"].map(path).concat();
    format!(
        "[package]\nname = \"my-service\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\n{own}\
         actix = {{ version = \"0.13\", default-features = false, features = [\"macros\"] }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\n\
         [dev-dependencies]\n{}\
         [profile.dev]\ndebug = \"line-tables-only\"\n\
         [profile.dev.package.\"*\"]\ndebug = false\n",
        path("ms-testkit")
    )
}

fn write(home: &Path) {
    for directory in ["src", "tests"] {
        fs::create_dir(home.join(directory)).unwrap();
    }
    fs::write(home.join("Cargo.toml"), manifest()).unwrap();
    fs::copy(workspace().join("Cargo.lock"), home.join("Cargo.lock")).unwrap();
    fs::write(home.join("src/lib.rs"), LIB).unwrap();
    fs::write(home.join("tests/kit.rs"), TESTS).unwrap();
}

/// What `cargo test` says in that crate, and whether it passed. It builds beside this program, so that
/// what is the same is built once.
fn cargo_test(home: &Path, args: &[&str]) -> (bool, String) {
    let program = std::env::current_exe().unwrap();
    // target/PROFILE/deps/PROGRAM
    let target = program.ancestors().nth(3).unwrap();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(home).args(["test", "--offline", "--quiet", "--test", "kit", "--"]);
    command.args(args).env("CARGO_TARGET_DIR", target).env_remove("RUST_BACKTRACE");
    let out = command.output().expect("cargo runs");
    let output = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    (out.status.success(), output.into_owned())
}

/// S6.2-08, S6.3-10: a crate outside of the workspace has test actors of its own (a supervised
/// producer of events and a consumer that counts and keeps them), crashes one, waits for conditions,
/// lets a day of virtual time pass and cuts the network; its tests pass, and one that expects what
/// does not happen fails.
#[test]
fn a_crate_outside_of_the_workspace_tests_its_actors_with_the_kit() {
    let home = tempfile::tempdir().unwrap();
    write(home.path());
    let (passed, output) = cargo_test(home.path(), &[]);
    assert!(passed && output.contains("3 passed; 0 failed; 1 ignored"), "{output}");
    let (passed, output) = cargo_test(home.path(), &["--ignored"]);
    assert!(!passed && output.contains("0 passed; 1 failed"), "{output}");
    assert!(output.contains("tests/kit.rs:"), "no line in {output}");
}
