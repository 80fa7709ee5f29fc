//! Compares our traces with those of the real OTP.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fields::text;
use crate::play::play;
use crate::scenario;

/// The result of one golden file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The trace equals OTP's, apart from documented departures.
    Passed,
    /// The first line that differs.
    Differs(Box<Difference>),
    /// There is nothing to compare.
    Unusable(String),
}

/// The first line on which two traces differ; `None` where one has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What OTP did.
    pub expected: Option<Value>,
    /// What we did.
    pub got: Option<Value>,
}

/// Returns the first line on which two traces differ, if there is one.
#[must_use]
pub fn first_difference(expected: &[Value], got: &[Value]) -> Option<Difference> {
    let at = (0..expected.len().max(got.len())).find(|&at| expected.get(at) != got.get(at))?;
    Some(Difference { expected: expected.get(at).cloned(), got: got.get(at).cloned() })
}

/// Changes the expected trace of a scenario in which we depart from OTP, and returns the rule that says
/// so. Returns `None` for all other scenarios.
///
/// Q1: OTP keeps an entry with pid `undefined` when a dynamic child says `ignore` at its
/// automatic restart, counts it as active and crashes over it later; we drop the child.
pub fn departure(name: &str, expected: &mut [Value]) -> Option<&'static str> {
    if name != "sofo-ignore-at-restart" || expected.len() < 6 {
        return None;
    }
    expected[3]["result"] = json!([]);
    expected[4]["result"] = json!({"specs": 1, "active": 0, "supervisors": 0, "workers": 0});
    expected[5]["events"][0]["reason"] = json!("shutdown");
    Some("Q1")
}

/// Plays one golden file and compares the traces.
#[must_use]
pub fn check(text_of_file: &str) -> Verdict {
    let file: Value = match serde_json::from_str(text_of_file) {
        Ok(file) => file,
        Err(error) => return Verdict::Unusable(format!("not JSON: {error}")),
    };
    let Some(expected) = file.get("expected").and_then(Value::as_array) else {
        return Verdict::Unusable("no `expected` trace in it".to_owned());
    };
    // The files keep what OTP really did. Our departures are applied here, so that the list is in one
    // place.
    let mut expected = expected.clone();
    let _rule = departure(text(scenario::of_file(&file), "name", ""), &mut expected);
    let got = match play(&file) {
        Ok(got) => got,
        Err(error) => return Verdict::Unusable(error.to_string()),
    };
    match first_difference(&expected, &got) {
        None => Verdict::Passed,
        Some(difference) => Verdict::Differs(Box::new(difference)),
    }
}

/// Returns the `*.json` files at or below a path, sorted.
///
/// # Errors
/// The first error of reading the folders.
pub fn files_below(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        std::fs::metadata(path)?;
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
