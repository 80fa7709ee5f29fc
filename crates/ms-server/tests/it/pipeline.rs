//! The check of a configuration in a CI pipeline: a shell that goes by exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Place, msctl};

/// Checks every directory, so that one run finds everything; `$VALIDATE` is split into words.
const SCRIPT: &str = r#"
failed=0
for directory in "$@"; do
    $VALIDATE "$directory" $REST || { echo "refused: $directory ($?)"; failed=1; }
done
exit $failed
"#;

/// Runs the script with one of the two validators.
fn pipeline(validate: &Command, rest: &str, directories: &[PathBuf]) -> Output {
    let words = std::iter::once(validate.get_program()).chain(validate.get_args());
    let words: Vec<_> = words.map(|word| word.to_str().expect("text")).collect();
    let mut shell = Command::new("sh");
    shell.args(["-euc", SCRIPT, "pipeline"]).args(directories);
    for variable in std::env::vars_os().map(|(name, _)| name) {
        if variable.to_string_lossy().starts_with("MS_FRAMEWORK") {
            shell.env_remove(variable);
        }
    }
    shell
        .env("ENVIRONMENT", "production")
        .env("VALIDATE", words.join(" "))
        .env("REST", rest)
        .output()
        .expect("sh runs")
}

/// A directory with these files.
fn directory(place: &Place, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let at = place.file(name);
    fs::create_dir(&at).unwrap();
    for (name, text) in files {
        fs::write(at.join(name), text).unwrap();
    }
    at
}

/// S9.1-02, S4.1-01: both validators pass the configuration that this repository ships and one in YAML with an
/// environment's layer; of three bad ones each is refused with the code of its kind, with file, line
/// and key of what is wrong, and the pipeline fails. `--check` looks at the same, and at the
/// surroundings too.
#[test]
fn a_pipeline_passes_good_configurations_and_names_what_is_wrong_with_bad_ones() {
    let place = Place::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/server");
    let yaml = "core:\n  supervision:\n    max_restarts: 7\n";
    let layered = [("base.yaml", yaml), ("production.toml", "[tasks]\nagents = 3\n")];
    let good = [shipped.canonicalize().unwrap(), directory(&place, "good", &layered)];
    let bad = [
        directory(&place, "type", &[("base.toml", "[tasks]\nagents = \"many\"\n")]),
        directory(&place, "key", &[("base.toml", "[http]\nbnid = \"127.0.0.1:1\"\n")]),
        directory(&place, "open", &[("base.toml", "[http]\nbind = \"0.0.0.0:0\"\n")]),
    ];
    let wrong =
        ["type/base.toml:2:10: `tasks.agents`", "key/base.toml:2:1: there is no key", "`http."];
    let refused = ["type (8)", "key (8)", "open (78)"];

    let mut validate = msctl();
    validate.args(["config", "validate"]);
    let mut check = Command::new(env!("CARGO_BIN_EXE_ms-server"));
    check.arg("--config");
    // Free ports and a new database, whatever else runs on this machine.
    let database = place.database();
    let rest = format!(
        "--check --set http.bind=127.0.0.1:0 --set telemetry.metrics_bind=127.0.0.1:0 \
         --set tasks.database={}",
        database.display()
    );
    let own = format!("--check --set tasks.database={}", database.display());
    for (validator, rest, own) in [(&validate, "", ""), (&check, &*rest, &*own)] {
        let passed = pipeline(validator, rest, &good);
        assert!(passed.status.success(), "{passed:?}");
        let failed = pipeline(validator, own, &bad);
        let output =
            String::from_utf8_lossy(&failed.stderr) + String::from_utf8_lossy(&failed.stdout);
        assert_eq!(failed.status.code(), Some(1), "{output}");
        for word in wrong.iter().chain(&refused) {
            assert!(output.contains(word), "no {word} in {output}");
        }
        // One bad directory among good ones is enough.
        let mixed = [good[0].clone(), bad[0].clone(), good[1].clone()];
        let failed = pipeline(validator, rest, &mixed);
        assert_eq!(failed.status.code(), Some(1), "{failed:?}");
        let output = String::from_utf8_lossy(&failed.stdout).matches("refused: ").count();
        assert_eq!(output, 1, "{failed:?}");
    }
    assert!(!database.exists(), "a check makes nothing");
}
