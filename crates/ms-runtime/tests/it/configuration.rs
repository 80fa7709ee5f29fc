//! The configuration actor: it reloads by itself, keeps the last good values, informs subscribers,
//! and survives restarts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests say what is wrong by failing")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use actix::prelude::*;
use ms_actor::{Node, NodeConfig, ReadFrom, Ref};
use ms_config::{Loader, Secret, settings};
use ms_core::health::{FEATURES_OFF, FEATURES_ON};
use ms_core::view::EventKind;
use ms_runtime::configuration::{
    ConfigActor, ConfigChanged, ConfigHandle, Refused, Reload, ReloadError, Reloaded, Subscribe,
};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};
use tokio::sync::mpsc;

/// Longest wait for something that must come. Only a failure ever reaches it.
const HEARS_WITHIN: Duration = Duration::from_secs(180);

settings! {
    /// The part of a configuration that is changed here.
    pub struct Shutdown rules none {
        /// A key that is live.
        within: Duration = Duration::from_secs(25) => live;
    } sections {}
}

settings! {
    /// Another part.
    pub struct Tasks rules none {
        /// Another one.
        queue_limit: u32 = 100_000, in 1..=10_000_000, unit "tasks" => live;
    } sections {}
}

settings! {
    /// A part that waits for a restart.
    pub struct Http rules none {
        /// A key that is not.
        bind: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)) => restart;
    } sections {}
}

settings! {
    /// A part with a secret.
    pub struct Registry rules none {
        /// What must not be seen.
        token: Secret = Secret::default() => restart;
    } sections {}
}

settings! {
    /// All of them.
    pub struct Conf rules none {} sections {
        shutdown: Shutdown = Shutdown::default(),
        tasks: Tasks = Tasks::default(),
        http: Http = Http::default(),
        registry: Registry = Registry::default(),
    }
}

struct Listener {
    heard: mpsc::UnboundedSender<ConfigChanged>,
    refuse: bool,
}

impl Actor for Listener {
    type Context = ms_actor::Context<Self>;
}

impl Handler<ConfigChanged> for Listener {
    type Result = Result<(), Refused>;

    fn handle(&mut self, change: ConfigChanged, _: &mut Self::Context) -> Self::Result {
        self.heard.send(change).unwrap();
        if self.refuse { Err(Refused("not today".to_owned())) } else { Ok(()) }
    }
}

struct World {
    node: Node,
    root: Root,
    handle: ConfigHandle<Conf>,
    config: Ref<ConfigActor<Conf>>,
    heard: mpsc::UnboundedReceiver<ConfigChanged>,
}

impl World {
    async fn start(dir: &Path, refuse: bool) -> Self {
        let loader = Loader::new(dir).environment("test").env([]);
        let handle = ConfigHandle::load(loader).unwrap();
        let node = Node::boot(NodeConfig::single_arbiter()).unwrap();
        let (tell, heard) = mpsc::unbounded_channel();
        let listener = move || Listener { heard: tell.clone(), refuse };
        let tree = SupervisorSpec::one_for_one("root")
            .child(handle.child("config"))
            .child(ChildSpec::actor("listener", listener));
        let root = start_root(&node, tree).await.unwrap();
        let config = root.get::<ConfigActor<Conf>>("config").await.unwrap();
        let listener = root.get::<Listener>("listener").await.unwrap();
        config.ask(Subscribe(listener.port())).await.unwrap();
        Self { node, root, handle, config, heard }
    }

    async fn hears(&mut self) -> ConfigChanged {
        tokio::time::timeout(HEARS_WITHIN, self.heard.recv()).await.expect("news").expect("open")
    }

    /// Waits for an event of this topic; counts from the node's start.
    async fn noted(&self, topic: &str) -> String {
        let mut events = self.node.events().reader(ReadFrom::Oldest);
        let find = async {
            loop {
                match events.next_event().await.expect("the node lives").kind {
                    EventKind::Noted { topic: found, text, .. } if found == topic => break text,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(HEARS_WITHIN, find).await.expect("an event")
    }

    async fn end(self) {
        self.root.any().stop(ms_core::ExitReason::Shutdown);
        self.root.ended().await;
        self.node.halt(Duration::from_secs(1));
    }
}

fn within(seconds: u32) -> String {
    format!("[shutdown]\nwithin = \"{seconds}s\"\n")
}

/// S4.3-10, S1.1-06: an edited file comes into force by itself, and its keys are announced.
#[test]
fn an_edited_file_is_read_and_announced_without_being_asked() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("base.toml"), within(9)).unwrap();
        let mut world = World::start(dir.path(), false).await;
        assert!(world.handle.status().watching);
        fs::write(dir.path().join("base.toml"), within(11)).unwrap();
        let change = world.hears().await;
        assert_eq!((change.version, &change.keys[..]), (1, &["shutdown.within".to_owned()][..]));
        assert!(change.touches("shutdown") && !change.touches("shut"));
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(11));
        let origin = world.handle.origin("shutdown.within").unwrap().to_string();
        assert!(origin.ends_with("base.toml:2:10"), "{origin}");
        world.end().await;
    });
}

/// S4.3-10: a Kubernetes ConfigMap changes by one rename of the symlink `..data`.
#[test]
fn a_swapped_config_map_symlink_is_noticed() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (version, seconds) in [("..v1", 9), ("..v2", 11)] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("integration.toml"), within(seconds)).unwrap();
        }
        symlink("..v1", at("..data")).unwrap();
        symlink("..data/integration.toml", at("integration.toml")).unwrap();
        let mut world = World::start(dir.path(), false).await;
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(9));
        symlink("..v2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_eq!(world.hears().await.keys[..], ["shutdown.within"]);
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(11));
        world.end().await;
    });
}

/// `base.toml` is a link to a file elsewhere, through a directory that is a link itself. What is
/// done to that file, and to the links on the way, is noticed.
#[test]
fn a_file_that_is_linked_to_is_watched_where_it_is() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, seconds) in [("real/one", 9), ("real/two", 13)] {
            fs::create_dir_all(at(name)).unwrap();
            fs::write(at(name).join("base.toml"), within(seconds)).unwrap();
        }
        fs::create_dir(at("config")).unwrap();
        symlink("one", at("real/current")).unwrap();
        symlink("../real/current/base.toml", at("config/base.toml")).unwrap();
        let mut world = World::start(&at("config"), false).await;
        assert!(world.handle.status().watching);
        let in_force = |world: &World| world.handle.current().shutdown.within.as_secs();

        fs::write(at("real/one/base.toml"), within(10)).unwrap();
        assert_eq!(world.hears().await.keys[..], ["shutdown.within"], "written in place");
        assert_eq!(in_force(&world), 10);
        fs::write(at("real/one/base.new"), within(11)).unwrap();
        fs::rename(at("real/one/base.new"), at("real/one/base.toml")).unwrap();
        world.hears().await;
        assert_eq!(in_force(&world), 11, "replaced, as sed -i does it");
        symlink("two", at("real/new")).unwrap();
        fs::rename(at("real/new"), at("real/current")).unwrap();
        world.hears().await;
        assert_eq!(in_force(&world), 13, "a link on the way leads elsewhere");
        fs::write(at("real/two/base.toml"), within(14)).unwrap();
        world.hears().await;
        assert_eq!(in_force(&world), 14, "the watch has followed");
        world.end().await;
    });
}

/// An ordered reload reads the files whether a change was noticed or not, and returns the result.
#[test]
fn a_reload_that_is_ordered_reads_and_says_what_it_came_to() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.toml");
        fs::write(&base, within(9)).unwrap();
        let unstarted = ConfigHandle::<Conf>::load(Loader::new(dir.path()).env([])).unwrap();
        assert_eq!(unstarted.reload(HEARS_WITHIN).await, Err(ReloadError::NotRunning));
        let world = World::start(dir.path(), false).await;
        assert_eq!(world.handle.reload(HEARS_WITHIN).await, Ok(Reloaded::Unchanged));
        fs::write(&base, "[http]\nbind = \"127.0.0.1:9\"\n[tasks]\nqueue_limit = 0\n").unwrap();
        let failed = world.handle.reload(HEARS_WITHIN).await.unwrap();
        let Reloaded::Failed(problems) = failed else { panic!("{failed:?}") };
        assert!(problems[0].contains("base.toml:4:15") && problems.len() == 1, "{problems:?}");
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(9));
        world.end().await;
    });
}

/// S1.1-06: the state of the actor has every value in force, and of a secret only that it is set.
#[test]
fn a_secret_in_force_is_redacted() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.toml");
        fs::write(&base, "[registry]\ntoken = \"s3cret\"\n").unwrap();
        fs::set_permissions(&base, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let world = World::start(dir.path(), false).await;
        assert_eq!(world.handle.current().registry.token.expose(), "s3cret");
        let text = format!("{:?}", world.config.any().state(HEARS_WITHIN).await);
        assert!(text.contains("registry.token") && text.contains("redacted"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
        world.end().await;
    });
}

/// The directory is renamed away: that is reported, and the values stay. Another directory that
/// takes its place is followed, and so is a link that leads elsewhere.
#[test]
fn a_directory_that_is_replaced_is_followed_and_one_that_is_gone_is_reported() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, seconds) in [("one", 9), ("two", 11)] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("base.toml"), within(seconds)).unwrap();
        }
        symlink("one", at("config")).unwrap();
        let mut world = World::start(&at("config"), false).await;
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(9));

        fs::rename(at("one"), at("away")).unwrap();
        let text = world.noted("config_not_watched").await;
        assert!(text.contains("are not noticed"), "{text}");
        world.noted(FEATURES_OFF).await;
        assert!(!world.handle.status().watching);
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(9));

        // A link that leads elsewhere: nobody is told by the system.
        symlink("two", at("new")).unwrap();
        fs::rename(at("new"), at("config")).unwrap();
        assert_eq!(world.hears().await.keys[..], ["shutdown.within"]);
        world.noted("config_watched").await;
        assert_ne!(world.noted(FEATURES_ON).await, "", "it is for people");
        assert!(world.handle.status().watching);
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(11));
        fs::write(at("two").join("base.toml"), within(13)).unwrap();
        assert_eq!(world.hears().await.version, 2);

        // Replaced by a single step, without a moment in which there was none.
        symlink("away", at("new")).unwrap();
        fs::rename(at("new"), at("config")).unwrap();
        assert_eq!(world.hears().await.version, 3);
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(9));
        fs::write(at("away").join("base.toml"), within(15)).unwrap();
        assert_eq!(world.hears().await.version, 4);
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(15));
        world.end().await;
    });
}

/// Fault 43: broken files keep the last good values; keys that need a restart are reported.
#[test]
fn fault_43_a_broken_file_keeps_the_last_good_values_and_the_failure_shows() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.toml");
        fs::write(&base, within(9)).unwrap();
        let mut world = World::start(dir.path(), false).await;
        fs::write(&base, "[shutdown]\nwithin = 9\n").unwrap();
        let text = world.noted("config_reload_failed").await;
        assert!(text.contains("base.toml:2:10: `shutdown.within` needs a unit"), "{text}");
        let status = world.handle.status();
        assert!(status.reload_failed >= 1 && status.last_failure.len() == 1 && status.version == 0);
        assert_eq!(world.handle.current().shutdown.within, Duration::from_secs(9));

        let mended = format!("{}[http]\nbind = \"127.0.0.1:9\"\n", within(12));
        fs::write(&base, mended).unwrap();
        assert_eq!(world.hears().await.keys[..], ["shutdown.within"]);
        assert_eq!(
            world.noted("config_needs_restart").await,
            "not applied before a restart: http.bind"
        );
        let (status, config) = (world.handle.status(), world.handle.current());
        assert_eq!(
            (status.needs_restart, status.last_failure),
            (vec!["http.bind".to_owned()], vec![])
        );
        assert_eq!(config.http.bind.port(), 8080, "not applied");
        world.end().await;
    });
}

/// Fault 44: what is half written does not parse, and what parses is swapped whole.
#[test]
fn fault_44_a_file_written_in_pieces_is_never_in_force_by_halves() {
    use std::io::Write;
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.toml");
        fs::write(&base, within(9)).unwrap();
        let mut world = World::start(dir.path(), false).await;
        let text = format!("{}[tasks]\nqueue_limit = 77\n", within(11));
        let mut file = fs::File::create(&base).unwrap();
        for byte in text.as_bytes() {
            file.write_all(&[*byte]).unwrap();
            file.flush().unwrap();
            tokio::task::yield_now().await;
        }
        drop(file);
        // However often it was read on the way: in the end both are there.
        let both = |config: &Conf| {
            (config.shutdown.within, config.tasks.queue_limit) == (Duration::from_secs(11), 77)
        };
        while !both(&world.handle.current()) {
            world.hears().await;
        }
        world.end().await;
    });
}

#[test]
fn a_mix_of_new_live_and_old_restart_values_must_meet_the_rules_too() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.toml");
        fs::write(&base, "[http]\nbind = \"127.0.0.1:1\"\n").unwrap();
        struct Rule;
        impl ms_config::Validator<Conf> for Rule {
            fn name(&self) -> &str {
                "port-and-limit"
            }
            fn validate(&self, config: &Conf, problems: &mut ms_config::Problems) {
                if config.tasks.queue_limit == 2 && config.http.bind.port() != 2 {
                    problems.add("tasks.queue_limit", "goes with port 2");
                }
            }
        }
        let loader = Loader::new(dir.path()).environment("test").env([]).validator(Rule);
        let handle = ConfigHandle::load(loader).unwrap();
        let node = Node::boot(NodeConfig::single_arbiter()).unwrap();
        let tree = SupervisorSpec::one_for_one("root").child(handle.child("config"));
        let root = start_root(&node, tree).await.unwrap();
        let config = root.get::<ConfigActor<Conf>>("config").await.unwrap();
        fs::write(&base, "[http]\nbind = \"127.0.0.1:2\"\n[tasks]\nqueue_limit = 2\n").unwrap();
        let Reloaded::Failed(why) = config.ask(Reload).await.unwrap() else {
            panic!("the port waits for a restart, so the limit does not fit")
        };
        assert!(why[0].contains("goes with port 2"), "{why:?}");
        assert_eq!(handle.current().tasks.queue_limit, 100_000);
        root.any().stop(ms_core::ExitReason::Shutdown);
        root.ended().await;
        node.halt(Duration::from_secs(1));
    });
}

/// S4.3-10: each subscriber applies a change or refuses it; both survive the actor's crash.
#[test]
fn refusals_are_counted_and_subscribers_survive_a_restart_of_the_actor() {
    System::new().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base.toml");
        fs::write(&base, within(9)).unwrap();
        let mut world = World::start(dir.path(), true).await;
        world.config.any().kill();
        fs::write(&base, within(11)).unwrap();
        // Its next incarnation looks by itself: the change may have come while it was down.
        assert_eq!(world.hears().await.keys[..], ["shutdown.within"]);
        let text = world.noted("config_change_refused").await;
        assert_eq!(text, "by /root/listener: not today");
        assert_eq!(world.handle.status().refused, 1);
        world.end().await;
    });
}
