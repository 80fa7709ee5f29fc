//! Which layer wins, and where each value is said to come from.

use crate::common;

use std::time::Duration;

use common::{Dir, var};
use ms_config::{ConfigError, Loader, Place, Problems, Validator, Value, keys, lines};
use ms_runtime::section::{BusType, FrameworkConfig, RegistryType, StrategyName};

const RESTARTS: &str = "core.supervision.max_restarts";
const RESTARTS_VAR: &str = "MS_FRAMEWORK__CORE__SUPERVISION__MAX_RESTARTS";

/// S4.3-01, S4.3-04, S4.3-05, S4.3-06: defaults < base < environment file < variables < options.
#[test]
#[allow(clippy::type_complexity, reason = "a table of cases")]
fn the_last_layer_that_has_a_value_wins_and_is_named_as_its_origin() {
    let base = "[core.supervision]\nmax_restarts = 6\n";
    let named = "core: {supervision: {max_restarts: 7}}\n";
    let table: [(&[(&str, &str)], bool, bool, u32, &str); 5] = [
        (&[("base.toml", "")], false, false, 5, "default"),
        (&[("base.toml", base)], false, false, 6, "base.toml:2:16"),
        (&[("base.toml", base), ("test.yaml", named)], false, false, 7, "test.yaml:1:36"),
        (&[("base.toml", base), ("test.yaml", named)], true, false, 8, RESTARTS_VAR),
        (
            &[("base.toml", base), ("test.yaml", named)],
            true,
            true,
            9,
            "--set core.supervision.max_restarts",
        ),
    ];
    for (files, by_env, by_command, wanted, origin) in table {
        let dir = Dir::with(files);
        let mut loader = dir.loader();
        if by_env {
            loader = loader.env([var(RESTARTS_VAR, "8")]);
        }
        if by_command {
            loader = loader.set([format!("{RESTARTS}=9")]);
        }
        let loaded = loader.load().unwrap();
        assert_eq!(loaded.config.core.supervision.max_restarts, wanted, "{origin}");
        let line = lines(&loaded).into_iter().find(|line| line.key == RESTARTS).unwrap();
        let place = line.origin.to_string();
        assert_eq!(place.rsplit('/').next(), Some(origin));
        assert_eq!(line.value, Value::from(wanted));
    }
}

/// S4.3-02
#[test]
fn a_directory_without_a_base_file_is_refused_and_the_names_are_said() {
    let dir = Dir::with(&[("test.toml", "")]);
    let errors = dir.load().unwrap_err();
    assert!(matches!(errors.errors()[..], [ConfigError::NoBase { .. }]));
    assert!(errors.to_string().contains("base.toml, base.yaml, integration.toml"));
    assert!(Loader::<FrameworkConfig>::new("/nowhere/at/all").env([]).load().is_err());
}

/// Contradiction C6: TOML and YAML, `base` and `integration`, but one of them.
#[test]
fn every_base_name_is_taken_and_two_are_refused() {
    for name in ["base.toml", "base.yaml", "integration.toml", "integration.yaml"] {
        assert!(Dir::with(&[(name, "")]).load().is_ok(), "{name}");
    }
    let dir = Dir::with(&[("base.toml", ""), ("integration.yaml", "")]);
    assert_eq!(
        dir.errors(&dir.loader()),
        ["base.toml and integration.yaml both exist; keep one of them"]
    );
    let dir = Dir::with(&[("base.toml", ""), ("test.toml", ""), ("test.yaml", "")]);
    assert!(matches!(dir.load().unwrap_err().errors()[..], [ConfigError::TwoFiles { .. }]));
}

/// S4.3-03, S7.2-01
#[test]
fn the_environment_picks_its_file_and_cannot_leave_the_directory() {
    let dir = Dir::with(&[("base.toml", ""), ("production.toml", "[shutdown]\nwithin = \"9s\"\n")]);
    let within = |name: &str| {
        dir.loader().environment(name).load().map(|loaded| loaded.config.shutdown.within)
    };
    assert_eq!(within("production").unwrap(), Duration::from_secs(9));
    assert_eq!(within("staging").unwrap(), Duration::from_secs(25), "its file may be missing");
    let long = "x".repeat(33);
    for bad in
        ["../production", "a/b", "", "Prod", "a.b", "base", "integration", "é", "a\0b", &long]
    {
        let errors = within(bad).unwrap_err();
        assert!(matches!(errors.errors()[..], [ConfigError::BadEnvironment { .. }]), "{bad:?}");
    }
}

/// S7.1-20: the deployment's ConfigMap, word for word. Most of its values are the defaults, which were
/// taken from it; what each key does is shown by a server with a map of other values (`ms-server`,
/// `config_map.rs`).
#[test]
fn the_config_map_of_the_deployment_is_read_as_it_stands() {
    let dir = Dir::with(&[("integration.yaml", include_str!("integration.yaml"))]);
    let FrameworkConfig { core, components, .. } = dir.load().unwrap().config;
    assert_eq!(core.supervision.strategy, StrategyName::OneForOne);
    assert_eq!(core.supervision.max_restarts, 5);
    assert_eq!(core.supervision.restart_window, Duration::from_secs(60));
    assert_eq!(core.supervision.health_check_interval, Duration::from_secs(10));
    assert_eq!(core.supervision.flags().intensity.period, Duration::from_secs(60));
    assert_eq!(core.event_bus.type_, BusType::Nats);
    assert_eq!(core.event_bus.cluster_size, 3);
    assert_eq!(core.event_bus.max_reconnects, 10);
    assert_eq!(core.event_bus.reconnect_delay, Duration::from_secs(5));
    assert_eq!(core.service_registry.type_, RegistryType::Consul);
    assert_eq!(core.service_registry.datacenter, "dc1");
    assert!(core.service_registry.encryption);
    assert_eq!(components.initialization_order.len(), 8);
    let health = components.health_checks;
    assert!(health.enabled);
    assert_eq!(health.startup_probe.initial_delay, Duration::from_secs(10));
    assert_eq!(health.startup_probe.failure_threshold, 3);
    assert_eq!(health.liveness_probe.timeout, Duration::from_secs(5));
    assert_eq!(health.readiness_probe.success_threshold, 1);
}

/// S4.3-08, S4.3-09: built-in rules first, then the application's; all are told.
#[test]
fn rules_and_validators_both_run_and_name_the_place_of_the_value() {
    struct FewRestarts;
    impl Validator<FrameworkConfig> for FewRestarts {
        fn name(&self) -> &str {
            "few-restarts"
        }
        fn validate(&self, config: &FrameworkConfig, problems: &mut Problems) {
            if config.core.supervision.max_restarts > 100 {
                problems.add(RESTARTS, "must not be more than 100 here");
            }
        }
    }
    let dir = Dir::with(&[(
        "base.toml",
        "[shutdown]\nwithin = \"30s\"\n[core.supervision]\nmax_restarts = 200\n",
    )]);
    assert_eq!(
        dir.errors(&dir.loader().validator(FewRestarts)),
        [
            "base.toml:2:10: `shutdown.within` must be at least 5s less than \
             `shutdown.kubernetes_grace`, after which Kubernetes kills the process: raise that \
             key, or lower this one to 25s (rule of built-in)",
            "base.toml:4:16: `core.supervision.max_restarts` must not be more than 100 here \
             (rule of few-restarts)",
        ]
    );
}

/// Every built-in rule has an input that breaks it.
#[test]
fn every_built_in_rule_can_be_broken() {
    for (text, key) in [
        ("[core.event_bus]\ntype = 'nats'\nservers = []", "core.event_bus.servers"),
        ("[core.service_registry]\nurl = 'http://x'", "core.service_registry.url"),
        (
            "[components.health_checks.liveness_probe]\nsuccess_threshold = 2",
            "components.health_checks.liveness_probe.success_threshold",
        ),
        (
            "[components.health_checks.startup_probe]\ntimeout = '9s'",
            "components.health_checks.startup_probe.timeout",
        ),
        ("[components]\ninitialization_order = ['a', 'a']", "components.initialization_order"),
        ("[components]\ninitialization_order = ['../a']", "components.initialization_order"),
        ("[persistence]\nenabled = true\nkey_file = '/k'", "persistence.dir"),
        ("[shutdown]\nwithin = '26s'", "shutdown.within"),
        (
            "[components]\ninitialization_order = ['transport', 'database']",
            "components.initialization_order",
        ),
        ("[telemetry]\nmetrics_bind = '127.0.0.1:8080'", "telemetry.metrics_bind"),
    ] {
        let dir = Dir::with(&[("base.toml", text)]);
        let errors = dir.load().unwrap_err();
        assert!(
            matches!(errors.errors(), [ConfigError::ValidationFailed { key: at, place, .. }]
                if at == key && (place.is_some() || key == "persistence.dir")),
            "{text}: {errors:?}"
        );
    }
    let dir = Dir::with(&[("base.toml", "[core.event_bus]\npassword = 'x'")]);
    dir.mode("base.toml", 0o600);
    assert!(dir.load().unwrap_err().to_string().contains("`core.event_bus.user` must be set"));
}

/// A listener that others reach wants a token and TLS: both of them, whichever key says so.
#[test]
fn a_listener_that_others_reach_is_unsafe_without_a_token_and_tls() {
    let guarded = "[http]\nauth_token_file = '/t'\ntls_terminated_upstream = true\n";
    for (text, key) in [
        ("[http]\nbind = '0.0.0.0:8080'\n", "`http.bind`"),
        ("[telemetry]\nmetrics_bind = '[::]:9090'\n", "`telemetry.metrics_bind`"),
        ("[http]\nbind = '192.0.2.1:80'\nauth_token_file = '/t'\n", "`http.bind`"),
        ("[http]\nbind = '192.0.2.1:80'\ntls_terminated_upstream = true\n", "`http.bind`"),
    ] {
        let errors = Dir::with(&[("base.toml", text)]).load().unwrap_err();
        let text = errors.to_string();
        assert_eq!(errors.exit_code(), 78, "{text}");
        assert!(text.contains(key) && text.contains("http.auth_token_file"), "{text}");
        assert!(text.contains("http.tls_terminated_upstream"), "{text}");
    }
    let text = format!("{guarded}bind = '0.0.0.0:8080'\n");
    assert!(Dir::with(&[("base.toml", &text)]).load().is_ok());
    let text = format!("{guarded}[telemetry]\nmetrics_bind = '0.0.0.0:9090'\n");
    assert!(Dir::with(&[("base.toml", &text)]).load().is_ok());
}

/// Nobody else reaches a listener that nobody configured.
#[test]
fn listeners_are_for_this_machine_by_default() {
    let config = Dir::with(&[("base.toml", "")]).load().unwrap().config;
    assert!(config.http.bind.ip().is_loopback());
    assert!(config.telemetry.metrics_bind.ip().is_loopback());
    assert!(!config.http.tls_terminated_upstream);
}

#[test]
fn defaults_meet_their_own_bounds_and_rules() {
    let loaded = Dir::with(&[("base.toml", "")]).load().unwrap();
    assert!(lines(&loaded).iter().all(|line| line.origin == Place::Default));
    let mut config = FrameworkConfig::default();
    for line in lines(&loaded) {
        // What is lines reads back: so the bounds hold, and so does the form.
        if !line.value.is_array() {
            let raw = ms_config::Raw::Word(ms_config::plain(&line.value));
            let set = ms_config::Settings::set(&mut config, &line.key, &raw);
            assert_eq!(set, Ok(()), "{}", line.key);
        }
    }
    assert_eq!(config, loaded.config);
    let mut paths: Vec<String> =
        keys::<FrameworkConfig>().into_iter().map(|key| key.path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), lines(&loaded).len(), "each key once");
}
