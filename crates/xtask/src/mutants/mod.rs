//! `cargo xtask mutants`: does the suite notice when the code is wrong?
//!
//! Each file in `crates/xtask/mutants` breaks one thing on purpose: it has a text that occurs exactly
//! once in a source, and the text to put in its place. A mutant is made in a copy of the tree below the
//! target directory and built there. The suites that it names are run, and one of their tests must
//! fail. The result of each mutant is written to `docs/mutants.md` at once.

mod copy;
mod file;
mod report;
mod trial;

use std::path::{Path, PathBuf};

use crate::End;
use crate::outcome::Outcome;
use crate::workspace::{Error, Workspace};

use self::copy::Copy;
use self::file::Mutant;
use self::trial::Verdict;

const FOLDER: &str = "crates/xtask/mutants";

pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<End, Error> {
    let all = match read_all(&workspace.root) {
        Ok(all) => all,
        Err(problems) => {
            problems.iter().for_each(|problem| println!("  ! {problem}"));
            return Ok(End::Failed);
        }
    };
    let is = |mutant: &Mutant, name: &String| {
        mutant.name == *name || mutant.suites.iter().any(|suite| suite.label() == name)
    };
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutant| !is(mutant, name))) {
        return Ok(End::Usage(format!("no mutant and no suite of one is named `{unknown}`")));
    }
    let wanted = |mutant: &&Mutant| names.is_empty() || names.iter().any(|name| is(mutant, name));
    let copy = Copy::make(&workspace.root, &target(workspace))?;
    if let Some(problem) = trial::baseline(&copy, all.iter().filter(wanted)) {
        println!("  ! {problem}");
        return Ok(End::Failed);
    }
    let mut results = Vec::new();
    for mutant in all.iter().filter(wanted) {
        let verdict = trial::try_out(&copy, mutant)?;
        println!("{:<34} {}", mutant.name, verdict.in_short());
        results.push((mutant, verdict));
        // After each trial, as all of them take an hour or more and may be interrupted.
        report::write(&workspace.root, &all, &results)?;
    }
    println!("\n{}", report::table(&results));
    let survivors = results.iter().filter(|(_, verdict)| !verdict.is_caught()).count();
    println!("{} mutants, {survivors} not caught", results.len());
    Ok(if survivors == 0 { End::Ok } else { End::Failed })
}

/// Runs the step of `check`: every mutant still applies, and the document has a row for each.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let all = match read_all(&workspace.root) {
        Ok(all) => all,
        Err(problems) => return Outcome { notes: Vec::new(), problems },
    };
    let mut problems: Vec<String> =
        all.iter().filter_map(|mutant| mutant.apply(&workspace.root).err()).collect();
    let document = workspace.read(report::DOCUMENT).unwrap_or_default();
    problems.extend(report::differences(&document, &all));
    Outcome { notes: vec![format!("{} mutants apply", all.len())], problems }
}

fn read_all(root: &Path) -> Result<Vec<Mutant>, Vec<String>> {
    let folder = root.join(FOLDER);
    let files = std::fs::read_dir(&folder).map_err(|error| vec![format!("{FOLDER}: {error}")])?;
    let mut paths: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let (mut mutants, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match Mutant::read(&path) {
            Ok(mutant) => mutants.push(mutant),
            Err(problem) => problems.push(format!("{}: {problem}", path.display())),
        }
    }
    if problems.is_empty() { Ok(mutants) } else { Err(problems) }
}

/// Returns the target directory of cargo. The copy and its artefacts are in a folder of it.
fn target(workspace: &Workspace) -> PathBuf {
    workspace.metadata.target_directory.clone()
}

/// The tried mutants and their verdicts.
pub(crate) type Results<'a> = [(&'a Mutant, Verdict)];
