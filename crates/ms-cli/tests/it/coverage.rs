//! No verb and no flag is left out: everything that `--help` names is in a transcript.

#![allow(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;

use crate::common::{command, run};
use crate::transcript::directory;

/// These print the same with `--json`: a script, an explanation, a JSON schema.
const NO_JSON: [&str; 3] = ["completions", "explain", "config schema"];

/// The words that the help of a verb names.
#[derive(Default)]
struct Help {
    verbs: Vec<String>,
    own: BTreeSet<String>,
    global: BTreeSet<String>,
    values: BTreeSet<String>,
}

fn help(words: &[&str]) -> Help {
    let args = [words, &["--help"]].concat();
    let text = run(command("/nowhere".as_ref(), &args)).ok();
    let mut help = Help::default();
    let mut section = "";
    for line in text.lines() {
        let blank = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if blank == 0 && !line.is_empty() {
            section = line;
            continue;
        }
        if section == "Commands:" && blank == 2 {
            help.verbs.extend(line.split(' ').next().map(str::to_owned));
        }
        let listed = line.strip_prefix("- ").and_then(|value| value.split(':').next());
        let inline = line.strip_prefix("[possible values: ").map(|all| all.trim_end_matches(']'));
        let values = listed.into_iter().chain(inline.into_iter().flat_map(|all| all.split(", ")));
        help.values.extend(values.map(str::to_owned));
        let flag = line.split_whitespace().find_map(|word| word.strip_prefix("--"));
        if let Some(flag) = flag.filter(|_| line.starts_with('-') && listed.is_none()) {
            let flags = match section {
                "Global options:" => &mut help.global,
                _ => &mut help.own,
            };
            flags.insert(format!("--{}", flag.trim_end_matches(',')));
        }
    }
    help.own.remove("--help");
    help
}

/// The command lines of all transcripts, as words.
fn transcripts() -> Vec<Vec<String>> {
    let files = fs::read_dir(directory()).expect("there are transcripts");
    let texts = files.map(|file| fs::read_to_string(file.expect("read").path()).expect("text"));
    let lines = texts.flat_map(|text| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("$ msctl "));
        lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect::<Vec<_>>()
    });
    lines.collect()
}

fn walk(words: &[&str], run: &[Vec<String>], missing: &mut Vec<String>) -> Help {
    let help = help(words);
    let name = words.join(" ");
    let own: Vec<_> = run
        .iter()
        .filter(|line| {
            let mut verbs = line.iter();
            words.iter().all(|word| verbs.any(|one| one == word))
        })
        .collect();
    let has = |word: &str| own.iter().any(|line| line.iter().any(|one| one == word));
    for word in help.own.iter().chain(&help.values).filter(|word| !has(word)) {
        missing.push(format!("msctl {name} {word}"));
    }
    if help.verbs.is_empty() {
        if own.is_empty() {
            missing.push(format!("msctl {name}"));
        }
        if !NO_JSON.contains(&name.as_str()) && !has("--json") {
            missing.push(format!("msctl {name} --json"));
        }
    }
    for verb in &help.verbs {
        walk(&[words, &[verb]].concat(), run, missing);
    }
    help
}

/// A new verb, flag or value has to be added to a transcript; this says which one is missing.
#[test]
fn every_verb_flag_and_value_of_the_help_stands_in_a_transcript() {
    let run = transcripts();
    let mut missing = Vec::new();
    let top = walk(&[], &run, &mut missing);
    assert!(top.verbs.len() > 20, "the help is read: {:?}", top.verbs);
    assert!(top.own.contains("--version") && top.global.contains("--control"));
    for flag in &top.global {
        if !run.iter().any(|line| line.contains(flag)) {
            missing.push(format!("msctl {flag}"));
        }
    }
    assert!(missing.is_empty(), "these stand in no transcript: {missing:#?}");
}
