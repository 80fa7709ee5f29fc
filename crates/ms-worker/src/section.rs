//! The section `tasks` of the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ms_config::units::{DAY, millis, secs};
use ms_config::{settings, valid};

settings! {
    /// Durable tasks.
    pub struct Tasks rules none {
        /// The database file; its directory must belong to the process's user.
        database: PathBuf = PathBuf::from("ms-tasks.db"), valid database => restart;
        /// Number of agents of each kind.
        agents: u32 = 64, in 1..=4_096, unit "agents" => restart;
        /// Largest number of waiting tasks; more are refused with 503.
        queue_limit: u32 = 100_000, in 1..=10_000_000, unit "tasks" => restart;
        /// Longest run of one attempt, unless the task sets its own.
        timeout: Duration = secs(60), in millis(100)..=DAY => restart;
        /// Time for which results are kept.
        retention: Duration = DAY, in secs(60)..=secs(31_536_000) => restart;
    } sections {}
}

/// Checks the file of a database. SQLite gives `:memory:` and `file:...` meanings of their own, and
/// tasks accepted into such a database would be gone with the process.
// Here and not in the store: `msctl` checks this key, and would have to build SQLite for it.
fn database(path: &Path) -> Result<(), String> {
    let text = path.to_string_lossy();
    if text.starts_with(':') || text.starts_with("file:") {
        return Err("must be a plain file path: SQLite gives this text another meaning".to_owned());
    }
    if !valid::names_a_file(path) {
        return Err("must name a file, such as /var/lib/ms/tasks.db".to_owned());
    }
    if ["/dev", "/proc", "/sys"].iter().any(|system| path.starts_with(system)) {
        return Err(
            "must not be in /dev, /proc or /sys: nothing that is written there is kept".into()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_and_nothing_else() {
        for good in ["ms-tasks.db", "/var/lib/ms/tasks.db", "../state/t.db", "a:b"] {
            assert_eq!(database(Path::new(good)), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "/", "state/", "state/.", ":memory:", "file:x?mode=memory"] {
            assert!(database(Path::new(bad)).is_err(), "{bad:?}");
        }
        for bad in ["/dev/null", "/proc/self/mem", "/sys/x"] {
            assert!(database(Path::new(bad)).is_err_and(|why| why.contains("/dev")), "{bad}");
        }
    }
}
