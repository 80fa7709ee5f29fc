//! Every configuration key has a reader: a key that is declared and read nowhere does nothing.
//!
//! A key is a line of a `settings!` block in a file `section.rs` or a folder `section/`, which each crate
//! has for its own keys. Its reader is `VARIABLE.KEY` in the server; a table here has
//! the names of the variables of each section. A key of a part that this build does not have
//! (`part "NATS"`) has no reader, and is refused with a message when somebody sets it.

use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The name of the file, and of the folder, in which a crate declares its keys.
const SECTION: &str = "section";
/// `Supervision::flags` is declared beside its keys and reads them as `self`.
const FLAGS: &str = "crates/ms-supervisor/src/section.rs";
const READERS: &str = "crates/ms-server/src";

/// The variables that hold the values of a section where they are read.
const VARIABLES: &[(&str, &[&str])] = &[
    ("Supervision", &["supervision", "self"]),
    ("EventBus", &["settings", "event_bus"]),
    ("ServiceRegistry", &["service_registry"]),
    ("Probe", &["probe"]),
    ("HealthChecks", &["checks", "health_checks"]),
    ("Components", &["components"]),
    ("Http", &["http"]),
    ("Tasks", &["tasks"]),
    ("Outside", &["outside"]),
    ("Persistence", &["persistence"]),
    ("Shutdown", &["shutdown"]),
    ("Emergency", &["emergency"]),
    ("Telemetry", &["telemetry"]),
];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut declared = String::new();
    for member in std::fs::read_dir(workspace.root.join("crates")).into_iter().flatten().flatten() {
        let sources = member.path().join("src");
        let file = sources.join(SECTION).with_extension("rs");
        declared.push_str(&std::fs::read_to_string(file).unwrap_or_default());
        collect(&sources.join(SECTION), &mut declared);
    }
    // The other sections are no code of readers: a rule that reads a key gives it no effect.
    let mut code = workspace.read(FLAGS).unwrap_or_default();
    collect(&workspace.root.join(READERS), &mut code);
    let mut outcome = judge(&declared, &code);
    // A section that moved to a file of another name would be checked by nobody.
    for (section, _) in VARIABLES {
        if !declared.contains(&format!("pub struct {section} rules ")) {
            outcome.problems.push(format!("`{section}` is declared in no `{SECTION}` of a crate"));
        }
    }
    outcome
}

/// Appends the text of all sources below a folder.
fn collect(folder: &std::path::Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// A declared key: its section, its field, and whether its part is not built.
type Key<'a> = (&'a str, &'a str, bool);

fn keys(declared: &str) -> Vec<Key<'_>> {
    let mut keys = Vec::new();
    let (mut section, mut open): (&str, Option<(&str, bool)>) = ("", None);
    for line in declared.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            section = rest.split_once(" rules ").map_or("", |(name, _)| name);
        }
        // What follows are the sections within it.
        if line.contains("} sections {") {
            (section, open) = ("", None);
        }
        if section.is_empty() || line.starts_with("///") {
            continue;
        }
        if open.is_none()
            && let Some((field, rest)) = line.split_once(": ")
            && rest.contains(" = ")
            && field.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        {
            open = Some((field, false));
        }
        if let Some((field, part)) = open {
            let part = part || line.contains("part \"");
            let over = line.ends_with("=> restart;") || line.ends_with("=> live;");
            open = if over { None } else { Some((field, part)) };
            if over {
                keys.push((section, field, part));
            }
        }
    }
    keys
}

fn judge(declared: &str, code: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let keys = keys(declared);
    for (section, field, unbuilt) in &keys {
        let Some((_, variables)) = VARIABLES.iter().find(|(name, _)| name == section) else {
            outcome.problems.push(format!("who reads `{section}`? add it to the table in keys.rs"));
            continue;
        };
        let read = variables.iter().any(|variable| reads(code, &format!("{variable}.{field}")));
        match (read, unbuilt) {
            (false, false) => outcome.problems.push(format!(
                "`{section}.{field}` has no reader in {READERS}: use it, or say which part is not built"
            )),
            (true, true) => outcome.problems.push(format!(
                "`{section}.{field}` is read, and is declared as a key of something not built"
            )),
            _ => {}
        }
    }
    outcome.notes.push(format!("{} keys", keys.len()));
    outcome
}

/// Says whether the code has an expression that is not a part of a longer one.
fn reads(code: &str, expression: &str) -> bool {
    code.match_indices(expression).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        !code[..at].ends_with(word) && !code[at + expression.len()..].starts_with(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &str = "settings! {\n    /// The HTTP endpoint: a = b.\n    pub struct Http rules none {\n\
        /// Where.\n        bind: Addr = loopback(1) => restart;\n        /// How: much.\n\
        max_body: Bytes = Bytes(1), in 1..=2,\n            part \"X\" else \"nothing\" => restart;\n    } sections {}\n}\n\
        const fn loopback(port: u16) -> A { A }\n";

    #[test]
    fn a_key_without_a_reader_fails_and_one_that_is_not_built_does_not() {
        let whole = format!(
            "settings! {{ pub struct All rules none {{}} sections {{\n    http: Http = Http::default(),\n}}\n}}\n{DECLARED}"
        );
        assert_eq!(keys(&whole).len(), 2, "a section is no key");
        assert_eq!(keys(DECLARED), [("Http", "bind", false), ("Http", "max_body", true)]);
        assert_eq!(judge(DECLARED, "listen(config.http.bind)").problems, Vec::<String>::new());
        for nobody in ["", "http.binding", "other_http.bind"] {
            let problems = judge(DECLARED, nobody).problems;
            assert!(problems[0].contains("`Http.bind` has no reader"), "{nobody}: {problems:?}");
        }
        let both = judge(DECLARED, "http.bind http.max_body").problems;
        assert!(both[0].contains("declared as a key of something not built"), "{both:?}");
    }
}
