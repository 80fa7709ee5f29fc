//! The database is removed, renamed, truncated, overwritten, or loses its lock file while the binary
//! runs under load. Writes are refused, the report has the reason, and no acknowledged task is missing
//! silently.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Http, Place, Server, id_of, until, until_or};

const TASK: &str = r#"{"kind":"echo","payload":1}"#;
const CLIENTS: usize = 4;

/// The observations of clients that submit all the time.
#[derive(Debug, Default)]
struct Seen {
    /// Ids that were acknowledged.
    taken: Mutex<Vec<String>>,
    refused: AtomicUsize,
    /// Acknowledged after a refusal.
    taken_late: AtomicUsize,
    /// Answered 504: it may have been written.
    unknown: AtomicUsize,
    over: AtomicBool,
}

/// Releases the clients, also when a wait fails.
struct Over<'a>(&'a Seen);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

impl Seen {
    fn client(&self, addr: SocketAddr) {
        let mut http = Http::to(addr);
        while !self.over.load(Ordering::SeqCst) {
            let late = self.refused.load(Ordering::SeqCst) > 0;
            let reply = http.post("/api/v1/tasks", TASK);
            match reply.status {
                201 => {
                    self.taken.lock().unwrap().push(id_of(&reply));
                    if late {
                        self.taken_late.fetch_add(1, Ordering::SeqCst);
                    }
                }
                503 => {
                    assert_eq!(reply.code(), "storage-unavailable", "{reply:?}");
                    self.refused.fetch_add(1, Ordering::SeqCst);
                }
                // It may have been written: the file was lost in the middle of the write.
                504 => {
                    self.unknown.fetch_add(1, Ordering::SeqCst);
                }
                _ => panic!("{reply:?}"),
            }
        }
    }

    fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

/// Does `harm` to the database while clients submit, and waits until they are refused.
fn harmed_under_load(server: &Server, harm: impl FnOnce()) -> Seen {
    let (seen, addr) = (Seen::default(), server.api());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| seen.client(addr));
        }
        let _over = Over(&seen);
        until("some load", || (seen.count() > 50).then_some(()));
        harm();
        until_or(
            || (seen.refused.load(Ordering::SeqCst) > 3 * CLIENTS).then_some(()),
            || format!("refusals; {seen:?}\n{}", server.log.text()),
        );
    });
    assert_eq!(seen.taken_late.load(Ordering::SeqCst), 0, "taken after a refusal");
    seen
}

/// Asserts that the report says that the database is lost, why, and how much it held, and that the
/// server is then not ready.
fn reports(server: &Server, words: &str) {
    let report = until("the report to say it", || {
        let report = server.get("/health/ready").body;
        report.contains("lost while it was open").then_some(report)
    });
    assert!(report.contains(words) && report.contains("not finished"), "{report}");
    let line = server.log.line("no longer accepts requests");
    assert!(line.contains(words) && line.contains("not finished"), "{line}");
    until("not ready", || (server.get("/health/ready").status == 503).then_some(()));
    assert_eq!(server.get("/health/live").status, 200, "no restart would mend it");
}

fn write_over(file: &Path, bytes: &[u8]) {
    let mut open = fs::File::options().write(true).open(file).unwrap();
    std::io::Write::write_all(&mut open, bytes).unwrap();
}

fn quick() -> Place {
    Place::new()
        .set("core.supervision.health_check_interval=200ms")
        .set("components.health_checks.readiness_probe.period=1s")
        .set("components.health_checks.readiness_probe.timeout=1s")
}

/// What makes a database useless: its name, what is said of it, and how.
type Harm = (&'static str, &'static str, fn(&Path));

const HARM: [Harm; 3] = [
    ("removed", "removed or renamed", |db| fs::remove_file(db).unwrap()),
    ("cut", "truncated from", |db| {
        fs::File::options().write(true).open(db).unwrap().set_len(8_192).unwrap();
    }),
    ("written over", "something else", |db| {
        write_over(db, &vec![b'x'; usize::try_from(fs::metadata(db).unwrap().len()).unwrap()]);
    }),
];

/// T18
#[test]
fn a_database_that_is_lost_under_load_is_reported_and_written_to_no_more() {
    for (harm, words, harming) in HARM {
        let place = quick();
        let mut server = place.start();
        let seen = harmed_under_load(&server, || harming(&place.database()));
        assert!(seen.count() > 50, "{harm}");
        reports(&server, words);
        assert_eq!(server.stop(), 0, "{harm}: {}", server.log.text());
        // The acknowledged tasks are gone, and the next start does not pretend otherwise.
        let (code, text) = place.refused();
        assert_eq!(code, 4, "{harm}: {text}");
        assert!(text.contains("tasks.db"), "{harm}: {text}");
    }
}

#[test]
fn a_database_that_is_renamed_under_load_is_gone_on_with_when_it_is_put_back() {
    let place = quick();
    let mut server = place.start();
    let (db, away) = (place.database(), place.file("away.db"));
    let seen = harmed_under_load(&server, || fs::rename(&db, &away).unwrap());
    reports(&server, "removed or renamed");
    fs::rename(&away, &db).unwrap();
    until("a task that is taken", || {
        (server.http().post("/api/v1/tasks", TASK).status == 201).then_some(())
    });
    until("ready again", || (server.get("/health/ready").status == 200).then_some(()));
    for id in seen.taken.lock().unwrap().iter() {
        assert_eq!(server.get(&format!("/api/v1/tasks/{id}")).status, 200, "{id}");
    }
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// An older copy of the file is detected while it replaces the present one, and again by the next
/// start.
#[test]
fn an_older_copy_that_is_put_over_the_database_under_load_is_found_out() {
    let place = quick();
    let mut server = place.start();
    id_of(&server.http().post("/api/v1/tasks", TASK));
    assert_eq!(server.stop(), 0);
    let copy = fs::read(place.database()).unwrap();
    let mut server = place.start();
    // Enough for a checkpoint of the log: what follows is in the file itself.
    let big = format!(r#"{{"kind":"echo","payload":"{}"}}"#, "x".repeat(100_000));
    let mut http = server.http();
    until("a database that has grown", || {
        id_of(&http.post("/api/v1/tasks", &big));
        (fs::metadata(place.database()).unwrap().len() > 2 << 20).then_some(())
    });
    harmed_under_load(&server, || {
        let size = fs::metadata(place.database()).unwrap().len();
        write_over(&place.database(), &copy);
        assert!(size > copy.len() as u64);
    });
    reports(&server, "an");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
    let (code, text) = place.refused();
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("older copy"), "{text}");
}

/// Without its lock file the first server stops writing, and a second one does not get the file while
/// the first one lives.
#[test]
fn a_lock_file_that_is_removed_gives_the_database_to_nobody_else() {
    let place = quick();
    let mut server = place.start();
    let lock = place.state().join("tasks.db.lock");
    harmed_under_load(&server, || fs::remove_file(&lock).unwrap());
    reports(&server, ".lock file");
    let (code, text) = Place::new().state_at(place.state()).refused();
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("in use by another"), "{text}");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
    // Nothing was lost by it.
    assert_eq!(place.start().stop(), 0);
}
