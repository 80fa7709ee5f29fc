//! A whole audit of a small tree, as the demo does it, without actors.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use ms_audit::report::{Charset, TextStyle, render};
use ms_audit::{
    AuditJson, CargoHome, Outcome, Reducer, RunFacts, Scope, Sources, Tally, UnitFacts, Walker,
    audit_file, source,
};
use ms_testkit::child;

fn tree(dir: &Path) {
    let files: [(&str, &[u8]); 9] = [
        ("a/Cargo.toml", b"[package]\nname = \"a\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\n"),
        ("a/src/lib.rs", b"fn a() {\n    unsafe { b() }.unwrap()\n}\n"),
        ("a/build.rs", b"fn main() {}\n"),
        (
            "b/Cargo.toml",
            b"[package]\nname = \"b\"\nversion = \"2.0.0\"\n[lib]\nproc-macro = true\n",
        ),
        ("b/src/lib.rs", b"fn main() {}\n"),
        ("b/tests/big.rs", b"fn t() { panic!() }\n"),
        ("b/src/binary.rs", b"\0unsafe\0\xff\xfeunsafe\0"),
        ("b/src/empty.rs", b""),
        ("top.rs", b"// unsafe\n"),
    ];
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn sources(dir: &Path) -> Sources {
    source::resolve(&Scope::Path(dir.to_owned()), &CargoHome::at("/")).unwrap()
}

/// The results of a run.
fn run(sources: &Sources) -> (AuditJson, Tally) {
    let mut reducer = Reducer::new(&sources.description, sources.missing.clone());
    let mut walker = Walker::new(sources);
    let mut tally = Tally::default();
    while let Some(batch) = walker.next_batch(2) {
        tally.input += batch.input();
        batch.units.iter().for_each(|unit| reducer.add_unit(UnitFacts::gather(unit)));
        for outcome in batch.unreadable.into_iter().chain(batch.files.iter().map(audit_file)) {
            reducer.add(outcome);
        }
    }
    let totals = reducer.totals();
    (tally.done, tally.quarantined, tally.unsafe_lines) =
        (totals.done, totals.quarantined, totals.unsafe_lines);
    let run = RunFacts { input: tally.input, ..RunFacts::default() };
    (AuditJson::new(reducer.report(), run), tally)
}

#[test]
fn the_account_of_a_whole_audit_balances() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let (_, tally) = run(&sources(dir.path()));
    tally.check().unwrap();
    assert_eq!(tally.to_string(), "audit: in=7 done=7 quarantined=0 restarts=0 unsafe_lines=4");
}

#[test]
fn the_report_says_what_a_reviewer_asks() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let (json, _) = run(&sources(dir.path()));
    let rows: Vec<_> = json
        .audit
        .crates
        .iter()
        .map(|r| (r.title(), r.facts.build_script, r.facts.proc_macro))
        .collect();
    assert_eq!(
        rows,
        [("b".into(), false, true), ("a".into(), true, false), (".".into(), false, false)]
    );
    assert_eq!(json.audit.duplicates[0].files.len(), 2);
    let text =
        render(&json.audit, &TextStyle { width: 80, charset: Charset::Ascii, max_rows: None });
    assert!(text.contains("a/build.rs"), "{text}");
    assert_eq!(serde_json::from_str::<AuditJson>(&json.to_text().unwrap()).unwrap(), json);
}

/// As an ordinary user, because root may read everything and nothing would be refused.
#[test]
fn what_cannot_be_read_is_quarantined_and_the_account_balances() {
    child::split(
        what_cannot_be_read_is_quarantined_and_the_account_balances,
        |dir| audit_what_cannot_be_read(Path::new(dir)),
        |own| {
            let dir = tempfile::tempdir().unwrap();
            let sources = dir.path().join("sources");
            tree(&sources);
            let mode = |path: &Path, mode| {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            };
            mode(dir.path(), 0o755);
            mode(&sources.join("a/src/lib.rs"), 0o000);
            mode(&sources.join("b/src"), 0o000);
            let mut child = own.child(sources.to_str().unwrap());
            if fs::metadata(dir.path()).unwrap().uid() == 0 {
                // Other users may not be able to reach the build directory.
                let program = dir.path().join("program");
                fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
                mode(&program, 0o755);
                child = child.program(&program).with(|command| {
                    command.uid(65534).gid(65534).current_dir("/");
                });
            }
            let out = child.output();
            mode(&sources.join("b/src"), 0o755);
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        },
    );
}

fn audit_what_cannot_be_read(dir: &Path) {
    let (json, tally) = run(&sources(dir));
    tally.check().unwrap();
    let aside: Vec<_> =
        json.audit.quarantined.iter().map(|q| (&*q.file, q.reason.to_string())).collect();
    assert_eq!(aside.len(), 2, "{aside:?}");
    for (at, file) in ["a/src/lib.rs", "b/src/"].iter().enumerate() {
        assert!(aside[at].0 == *file && aside[at].1.starts_with("unreadable: "), "{aside:?}");
    }
    assert_eq!((tally.input, tally.done), (5, 3));
}

#[test]
fn a_file_that_changes_kind_under_our_hands_is_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let mut walker = Walker::new(&sources(dir.path()));
    let batch = walker.next_batch(100).unwrap();
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    fs::remove_file(dir.path().join("top.rs")).unwrap();
    fs::create_dir(dir.path().join("top.rs")).unwrap();
    let aside = batch
        .files
        .iter()
        .map(audit_file)
        .filter(|o| matches!(o.outcome, Outcome::Quarantined(_)))
        .count();
    assert_eq!(aside, 3);
}
