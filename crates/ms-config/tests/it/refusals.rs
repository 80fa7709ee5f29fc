//! Bad inputs 41 to 48 of the list of faults, one test each, and their neighbours.

use crate::common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use common::{Dir, var};
use ms_config::{ConfigError, Loader, MAX_FILE, Raw, Secret, SetError, Settings, settings};
use ms_runtime::section::FrameworkConfig;
use proptest::prelude::*;

settings! {
    /// A program with a secret that it has a use for.
    pub struct Guarded rules none {
        /// The token.
        token: Secret = Secret::default() => restart;
    } sections {}
}

/// Fault 41, S4.3-07, S7.1-01: file and line, the nearest key, both layers, and all at once.
#[test]
fn fault_41_unknown_keys_and_wrong_types_are_all_reported_with_file_line_and_layers() {
    let dir = Dir::with(&[
        (
            "base.toml",
            "[core.supervision]\nmax_restarts = 3\nstrategi = \"one_for_all\"\n\
             restart_window = 60\n[shutdwn]\nwithin = \"1s\"\n[http]\nmax_restarts = 1\n",
        ),
        (
            "test.yaml",
            "core:\n  supervision:\n    max_restarts: x\n    strategy: one_for_none\n  event_bus: 7\n",
        ),
    ]);
    let mut errors = dir.errors(&dir.loader());
    errors.sort();
    assert_eq!(
        errors,
        [
            "base.toml:3:1: there is no key `core.supervision.strategi`; \
             did you mean `core.supervision.strategy`?",
            "base.toml:4:18: `core.supervision.restart_window` needs a unit: \
             write 500ms, 60s, 5m or 1h30m as a string",
            "base.toml:5:2: there is no key `shutdwn`; did you mean `shutdown`?",
            "base.toml:8:1: there is no key `http.max_restarts`; \
             did you mean `core.supervision.max_restarts`?",
            "test.yaml:3:19: `core.supervision.max_restarts` must be a whole number, not a string; \
             it would replace the value of base.toml:2:16",
            "test.yaml:4:15: `core.supervision.strategy` must be \
             one of one_for_one, one_for_all, rest_for_one",
            "test.yaml:5:14: `core.event_bus` is a section, not a whole number",
        ]
    );
}

/// A password, a token or TLS that nobody in this build asks for is a promise of protection that
/// is not kept: refused as unsafe. What protects nothing is warned about, with its place.
#[test]
fn what_this_build_has_not_is_warned_about_and_refused_where_it_should_protect() {
    for line in [
        "event_bus = { user = 'me', password = 's3cret' }",
        "service_registry.token = 's3cret'",
        "service_registry.encryption = false",
    ] {
        let dir = Dir::with(&[("base.toml", &format!("[core]\n{line}\n"))]);
        dir.mode("base.toml", 0o600);
        let errors = dir.load().unwrap_err();
        assert_eq!(errors.exit_code(), 78, "{errors}");
        let text = errors.to_string();
        assert!(text.contains("protects nothing: this build has no") && text.contains("(unsafe)"));
        assert!(text.contains("base.toml:2:") && !text.contains("s3cret"), "{text}");
    }
    let dir = Dir::with(&[(
        "base.toml",
        "[core.event_bus]\ntype = 'nats'\nreconnect_delay = '7s'\n[telemetry]\n\
         otlp_endpoint = 'http://127.0.0.1:4317'\n[core.service_registry]\ndatacenter = 'dc1'\n",
    )]);
    let warnings = dir.load().unwrap().warnings;
    assert_eq!(warnings.len(), 3, "what is set to its default changes nothing: {warnings:?}");
    let message = |place: &str, key: &str, part: &str| {
        warnings
            .iter()
            .any(|line| line.contains(place) && line.contains(key) && line.contains(part))
    };
    assert!(message("base.toml:2:8: ", "`core.event_bus.type` has no effect", "no NATS"));
    assert!(message("base.toml:3:19: ", "core.event_bus.reconnect_delay", "no NATS"));
    assert!(message("base.toml:5:17: ", "telemetry.otlp_endpoint", "no OTLP"));
}

#[test]
fn values_at_the_very_ends_of_their_bounds_and_rules_are_taken() {
    for text in [
        "[core.event_bus]\ncluster_size = 1",
        "[core.event_bus]\ncluster_size = 5",
        "[shutdown]\nwithin = '40s'\nkubernetes_grace = '45s'",
        "[components.health_checks.startup_probe]\nperiod = '7s'\ntimeout = '7s'",
    ] {
        let dir = Dir::with(&[("base.toml", text)]);
        dir.load().unwrap_or_else(|errors| panic!("{text}: {errors}"));
    }
}

#[test]
fn a_value_outside_its_bound_is_refused_with_the_bound() {
    let dir = Dir::with(&[("base.toml", "[core.event_bus]\ncluster_size = 0\n")]);
    assert_eq!(
        dir.errors(&dir.loader()),
        ["base.toml:2:16: `core.event_bus.cluster_size` must be between 1 and 5"]
    );
}

#[test]
fn a_service_that_is_none_is_named_by_its_place_in_the_list() {
    let dir = Dir::with(&[("base.toml", "[outside]\nallowed = ['a.example:80', 'b.example']\n")]);
    let message = dir.errors(&dir.loader()).concat();
    assert!(message.contains("`outside.allowed` must list services as HOST:PORT"), "{message}");
    assert!(message.ends_with("; entry 2 is not one"), "{message}");
}

/// What the type of a key cannot hold is outside of the key's bounds as well, and the message has those.
#[test]
fn a_number_that_is_far_outside_is_refused_with_the_bounds_of_its_key() {
    let key = "core.supervision.max_restarts";
    for (value, says) in [
        ("-1", "must be between 0 and 10000"),
        ("10001", "must be between 0 and 10000"),
        ("4294967295", "must be between 0 and 10000"),
        ("4294967296", "must be between 0 and 10000"),
    ] {
        let text = format!("[core.supervision]\nmax_restarts = {value}\n");
        let dir = Dir::with(&[("base.toml", &text)]);
        let message = format!("base.toml:2:16: `{key}` {says}");
        assert_eq!(dir.errors(&dir.loader()), [message], "{value}");
    }
    for value in ["99999999999999999999", "-99999999999999999999"] {
        let text = format!("core:\n  supervision:\n    max_restarts: {value}\n");
        let dir = Dir::with(&[("base.yaml", &text)]);
        let message = format!("base.yaml:3:19: `{key}` must be between 0 and 10000");
        assert_eq!(dir.errors(&dir.loader()), [message], "{value}");
    }
    for value in ["-1", "10001", "4294967296", "many"] {
        let dir = Dir::with(&[("base.toml", "")]);
        let vars = [var("MS_FRAMEWORK__CORE__SUPERVISION__MAX_RESTARTS", value)];
        let errors = dir.errors(&dir.loader().env(vars)).concat();
        assert!(errors.contains("must be a whole number between 0 and 10000"), "{errors}");
    }
}

/// The same for every whole number there is among the keys.
#[test]
fn every_whole_number_below_and_above_its_bounds_is_refused_with_them() {
    let mut keys = Vec::new();
    FrameworkConfig::declare("", &mut keys);
    let mut seen = 0;
    for key in keys.iter().filter(|key| key.what == "a whole number") {
        let Some([low, high]) = &key.bound else { continue };
        seen += 1;
        for raw in [Raw::Integer(-1), Raw::Integer(i64::MAX)] {
            let refused = FrameworkConfig::default().set(&key.path, &raw);
            let message = format!("must be between {low} and {high}");
            assert_eq!(refused, Err(SetError::Wrong(message)), "{}: {raw:?}", key.path);
        }
    }
    assert!(seen > 5, "{seen} keys");
}

/// Fault 42
#[test]
fn fault_42_odd_files_are_refused_with_the_reason_and_without_a_wait() {
    let dir = Dir::with(&[]);
    let base = dir.path().join("base.toml");
    let refused = || dir.errors(&dir.loader());

    fs::File::create(&base).unwrap().set_len(100 << 20).unwrap();
    assert_eq!(
        refused(),
        [format!("base.toml: has 104857600 bytes; a configuration file has at most {MAX_FILE}")]
    );
    fs::remove_file(&base).unwrap();

    rustix::fs::mkfifoat(rustix::fs::CWD, &base, rustix::fs::Mode::from(0o600)).unwrap();
    assert_eq!(refused(), ["base.toml: is a FIFO, not a file; replace it with a file"]);
    fs::remove_file(&base).unwrap();

    fs::create_dir(&base).unwrap();
    assert_eq!(refused(), ["base.toml: is a directory, not a file; replace it with a file"]);
    fs::remove_dir(&base).unwrap();

    fs::write(&base, b"# \xff\n").unwrap();
    assert_eq!(refused(), ["base.toml: is not UTF-8 at byte 2"]);
    fs::remove_file(&base).unwrap();

    std::os::unix::fs::symlink("nowhere", &base).unwrap();
    assert!(refused()[0].starts_with("base.toml: cannot be read: No such file"));
}

/// Fault 42: secrets want a file that only its owner reads.
#[test]
fn fault_42_a_secret_is_taken_from_mode_0600_and_refused_from_0644() {
    let dir = Dir::with(&[("base.toml", "[core.service_registry]\ntoken = \"s3cret\"\n")]);
    dir.mode("base.toml", 0o644);
    let errors = dir.errors(&dir.loader());
    assert_eq!(
        errors,
        ["base.toml:2:9: `core.service_registry.token` is a secret; \
          it may not stand in this file: its mode is 0644, so users other than its owner may read \
          or write it; run `chmod 600` on it"]
    );
    let dir = Dir::with(&[("base.toml", "token = \"s3cret\"\n")]);
    dir.mode("base.toml", 0o600);
    let loaded = Loader::<Guarded>::new(dir.path()).env([]).load().unwrap();
    assert_eq!(loaded.config.token.expose(), "s3cret");
    let everything = format!("{:?} {:?}", loaded, ms_config::lines(&loaded));
    assert!(!everything.contains("s3cret") && everything.contains("[redacted]"));
}

#[test]
fn a_secret_in_a_variable_is_taken_with_a_warning_that_does_not_show_it() {
    let dir = Dir::with(&[("base.toml", "")]);
    let name = "MS_FRAMEWORK__TOKEN";
    let loader = Loader::<Guarded>::new(dir.path()).env([var(name, "s3cret")]);
    let loaded = loader.load().unwrap();
    assert_eq!(loaded.config.token.expose(), "s3cret");
    assert!(loaded.warnings[0].starts_with(name) && !loaded.warnings[0].contains("s3cret"));
}

/// Fault 45
#[test]
fn fault_45_bad_variables_are_refused_by_name_and_never_by_value() {
    let dir = Dir::with(&[("base.toml", "")]);
    let vars = [
        ("MS_FRAMEWORK__SHUTDOWN__WITHIN".into(), OsString::from_vec(b"s3cret\xff".to_vec())),
        var("MS_FRAMEWORK__HTTP__BIND", ""),
        var("MS_FRAMEWORK__X__Y", "s3cret"),
        var("MS_FRAMEWORK__CORE__SUPERVISION__MAX_RESTARTS", "s3cret"),
        var("MS_FRAMEWORK__", "s3cret"),
        (OsString::from_vec(b"MS_FRAMEWORK__\xff".to_vec()), "s3cret".into()),
        var("MS_FRAMEWORKISH", "ignored"),
        var("PATH", "/bin"),
    ];
    let errors = dir.errors(&dir.loader().env(vars));
    assert_eq!(errors.len(), 6, "{errors:#?}");
    for name in [
        "MS_FRAMEWORK__SHUTDOWN__WITHIN: the value is not UTF-8",
        "MS_FRAMEWORK__HTTP__BIND: the value is empty",
        "MS_FRAMEWORK__X__Y: there is no key `x.y`",
        "MS_FRAMEWORK__CORE__SUPERVISION__MAX_RESTARTS: `core.supervision.max_restarts` must be",
        "MS_FRAMEWORK__: there is no key ``",
        "MS_FRAMEWORK__\u{fffd}: the name is not UTF-8",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(name)), "{name}: {errors:#?}");
    }
    assert!(!errors.join("").contains("s3cret"));
}

/// Fault 46
#[test]
fn fault_46_a_bomb_of_yaml_aliases_is_refused_before_it_grows() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..=20 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    let dir = Dir::with(&[("base.yaml", &bomb)]);
    let errors = dir.errors(&dir.loader());
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("more than 10000 values (aliases are copies)"), "{errors:?}");

    for (name, text) in [
        ("base.yaml", format!("a: {}{}\n", "[".repeat(60), "]".repeat(60))),
        ("base.toml", format!("a = {}{}\n", "[".repeat(60), "]".repeat(60))),
        ("base.yaml", format!("[{}]", "1,".repeat(20_000))),
    ] {
        let dir = Dir::with(&[(name, &text)]);
        assert!(
            matches!(dir.load().unwrap_err().errors()[0], ConfigError::Syntax { .. }),
            "{name}"
        );
    }
}

/// Fault 47: what the command line can get wrong; msctl's own tests have the rest.
#[test]
fn fault_47_options_without_a_value_or_out_of_range_are_refused() {
    let dir = Dir::with(&[("base.toml", "")]);
    let options =
        ["http.bind=127.0.0.1:70000", "shutdown.within", "=1", "shutdown.within=", "a.b=1"];
    let errors = dir.errors(&dir.loader().set(options.map(str::to_owned)));
    assert_eq!(errors.len(), 5, "{errors:#?}");
    assert!(
        errors.iter().any(|error| error.starts_with("--set http.bind: `http.bind` must be an"))
    );
    assert!(errors.iter().any(|e| e.starts_with("--set shutdown.within: write it as key=value")));
}

/// Fault 48
#[test]
fn fault_48_a_secret_on_the_command_line_is_refused_with_a_hint() {
    let dir = Dir::with(&[("base.toml", "")]);
    let errors = dir.errors(&dir.loader().set(["core.service_registry.token=s3cret".to_owned()]));
    assert_eq!(
        errors,
        ["--set core.service_registry.token: `core.service_registry.token` is a secret; every \
          process sees the command line: write it into a file of mode 0600"]
    );
}

#[test]
fn every_syntax_error_of_a_toml_file_is_reported_at_once() {
    let dir = Dir::with(&[("base.toml", "a = \nb = 1\nc = = 2\n[x\n")]);
    let errors = dir.errors(&dir.loader());
    assert!(errors.len() >= 3, "{errors:#?}");
    for line in ["base.toml:1:", "base.toml:3:", "base.toml:4:"] {
        assert!(errors.iter().any(|error| error.starts_with(line)), "{line} {errors:#?}");
    }
}

#[test]
fn yaml_that_has_no_plain_meaning_is_refused_with_its_line() {
    for (text, message) in [
        ("a: 1\na: 2\n", "base.yaml:2:1: `a` is defined twice, first at"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("? [x]\n: 1\n", "a name must be a string"),
        ("a: !!python/object:os.system x\n", "tags are not supported"),
        ("tasks: !foo {agents: 3}\n", "base.yaml:1:8: tags are not supported"),
        ("tasks: !foo\n  agents: 3\n", "tags are not supported"),
        ("tasks: !!map {agents: 3}\n", "tags are not supported"),
        ("a: !foo [1]\n", "tags are not supported"),
        ("a: [!foo [1]]\n", "tags are not supported"),
        ("!foo tasks: {agents: 3}\n", "tags are not supported"),
        ("--- !foo\ntasks: {agents: 3}\n", "tags are not supported"),
        ("a: &a [*a]\n", "an alias within its own anchor"),
        ("a: [1, 2\n", "base.yaml:"),
        ("- a\n", "the file must be a table of sections, not a list"),
    ] {
        let dir = Dir::with(&[("base.yaml", text)]);
        let errors = dir.errors(&dir.loader());
        assert!(errors[0].contains(message), "{text:?}: {errors:?}");
    }
    assert!(Dir::with(&[("base.yaml", "core:\nhttp: {}\n# end\n")]).load().is_ok());
}

proptest! {
    /// F8: nothing a file can hold makes the reader panic or take long.
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\\n\\[\\]{}&*:#'\"=.]{0,400}", yaml: bool) {
        let dir = Dir::with(&[(if yaml { "base.yaml" } else { "base.toml" }, &text)]);
        let message = dir.load().map_or_else(|error| format!("{error:?}"), |_| "read".to_owned());
        prop_assert!(!message.is_empty());
    }
}
