//! The section `persistence` of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use ms_config::units::{DAY, secs};
use ms_config::{Problems, Rules, settings, valid};

settings! {
    /// Snapshots of state.
    pub struct Persistence rules own {
        /// Whether state is saved and restored.
        enabled: bool = false => restart;
        /// Directory of the snapshots; must belong to the process's user, mode 0700.
        dir: PathBuf = PathBuf::new() => restart;
        /// File with the keys, mode 0600; the first key encrypts, the others still decrypt.
        key_file: PathBuf = PathBuf::new(), valid valid::file_or_none => restart;
        /// Number of saves that are kept; older ones are removed.
        keep: u32 = 5, in 2..=1_000, unit "saves" => restart;
        /// Time between two saves while running; at an orderly stop there is one more.
        interval: Duration = secs(60), in secs(1)..=DAY => restart;
    } sections {}
}

impl Rules for Persistence {
    fn rules(&self, at: &str, problems: &mut Problems) {
        for (name, path) in [("dir", &self.dir), ("key_file", &self.key_file)] {
            // A relative path depends on the directory the process is started in, and so would the state.
            if self.enabled && !path.is_absolute() {
                let problem = format!("must be an absolute path while `{at}enabled` is true");
                problems.add(format!("{at}{name}"), problem);
            }
        }
    }
}
