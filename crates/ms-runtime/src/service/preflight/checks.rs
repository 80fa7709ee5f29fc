//! The checks that come with the runtime.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::process::{Resource, geteuid, getrlimit};

use super::PreFlightCheck;
use super::PreFlightResult::{self, Fail, Pass, Warning};

/// Checks that panics unwind: without that no crash can be survived.
#[derive(Debug, Clone, Copy, Default)]
pub struct PanicUnwind;

impl PreFlightCheck for PanicUnwind {
    fn name(&self) -> String {
        "panic-unwind".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        if cfg!(panic = "abort") {
            return Fail("built with panic = \"abort\"; build with panic = \"unwind\"".to_owned());
        }
        Pass
    }
}

/// Checks that the process may open enough files, for sockets, arbiters and stores.
#[derive(Debug, Clone, Copy)]
pub struct FileDescriptors {
    /// Fewer than this fail.
    pub at_least: u64,
    /// Fewer than this are warned about.
    pub wanted: u64,
}

impl Default for FileDescriptors {
    /// Returns the default: at least 48, which a node needs for itself; 1,024 wanted.
    fn default() -> Self {
        Self { at_least: 48, wanted: 1024 }
    }
}

impl PreFlightCheck for FileDescriptors {
    fn name(&self) -> String {
        "file-descriptors".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        // `None` means that there is no limit.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let text = |need: u64| {
            format!("{limit} file descriptors are fewer than {need}; raise the limit (ulimit -n)")
        };
        match limit {
            limit if limit < self.at_least => Fail(text(self.at_least)),
            limit if limit < self.wanted => Warning(text(self.wanted)),
            _ => Pass,
        }
    }
}

/// Checks a directory for state: it exists, is no symbolic link, belongs to this user, cannot be
/// written by others, and can be written by this process.
#[derive(Debug, Clone)]
pub struct StateDirectory(pub PathBuf);

impl StateDirectory {
    fn look(&self) -> Result<PreFlightResult, String> {
        let path = self.0.display();
        let facts = fs::symlink_metadata(&self.0)
            .map_err(|error| format!("{path}: {error}; create it, or name another directory"))?;
        if facts.is_symlink() {
            return Err(format!("{path} is a symbolic link; name the directory itself"));
        }
        if !facts.is_dir() {
            return Err(format!("{path} is not a directory; name another"));
        }
        let me = geteuid().as_raw();
        if facts.uid() != me {
            let owner = facts.uid();
            return Err(format!("{path} belongs to user {owner}, not to {me}; chown it"));
        }
        // With the sticky bit, as in /tmp, others cannot replace the files of this user.
        if facts.mode() & 0o002 != 0 && facts.mode() & 0o1000 == 0 {
            return Err(format!("all users may replace files in {path}; run `chmod o-w` on it"));
        }
        // By trying: mode bits say nothing about a read-only mount, a quota or a security module.
        let probe = self.0.join(format!(".preflight-{}", std::process::id()));
        let written = fs::File::create_new(&probe);
        written.map_err(|error| format!("{path} cannot be written: {error}; see its mode"))?;
        fs::remove_file(&probe)
            .map_err(|error| format!("{} cannot be removed: {error}", probe.display()))?;
        if facts.mode() & 0o020 != 0 {
            return Ok(Warning(format!("{path} can be written by its group; chmod g-w")));
        }
        Ok(Pass)
    }
}

impl PreFlightCheck for StateDirectory {
    fn name(&self) -> String {
        "state-directory".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        self.look().unwrap_or_else(Fail)
    }
}

/// Checks that there is room on the disk of a directory.
#[derive(Debug, Clone)]
pub struct FreeDisk {
    /// The directory.
    pub directory: PathBuf,
    /// Fewer bytes than this fail.
    pub at_least: u64,
    /// Fewer bytes than this are warned about.
    pub wanted: u64,
}

impl FreeDisk {
    /// Returns the check with its defaults: at least 16 MiB, 256 MiB wanted.
    #[must_use]
    pub fn of(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), at_least: 16 << 20, wanted: 256 << 20 }
    }
}

impl PreFlightCheck for FreeDisk {
    fn name(&self) -> String {
        "free-disk".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        let path = self.directory.display();
        let free = match rustix::fs::statvfs(&self.directory) {
            Ok(facts) => facts.f_bavail.saturating_mul(facts.f_frsize),
            Err(error) => return Fail(format!("{path}: {error}; create it, or name another")),
        };
        let text = |need: u64| {
            format!(
                "{} KiB are free at {path}, but {} KiB are needed; free some space",
                free >> 10,
                need >> 10
            )
        };
        match free {
            free if free < self.at_least => Fail(text(self.at_least)),
            free if free < self.wanted => Warning(text(self.wanted)),
            _ => Pass,
        }
    }
}

/// Checks that the wall clock shows a plausible time: certificates and logs depend on it.
///
/// The framework itself measures by the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockSane;

impl ClockSane {
    /// 2025-01-01, before this was written.
    // Boards without a battery boot in 1970, and certificates that are valid fail there.
    const NOT_BEFORE: u64 = 1_735_689_600;
    /// 2100-01-01.
    const NOT_AFTER: u64 = 4_102_444_800;

    /// Judges a number of seconds since 1970.
    fn judge(seconds: u64) -> PreFlightResult {
        if (Self::NOT_BEFORE..Self::NOT_AFTER).contains(&seconds) {
            return Pass;
        }
        Fail(format!(
            "the system clock says {seconds} s since 1970, which cannot be right; set the clock"
        ))
    }
}

impl PreFlightCheck for ClockSane {
    fn name(&self) -> String {
        "clock".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        Self::judge(ms_actor::unix_ms() / 1_000)
    }
}

/// Checks that a listener can bind a TCP address.
#[derive(Debug, Clone, Copy)]
pub struct PortFree(pub SocketAddr);

impl PreFlightCheck for PortFree {
    fn name(&self) -> String {
        format!("port-{}", self.0.port())
    }

    fn execute(&self) -> PreFlightResult {
        match TcpListener::bind(self.0) {
            Ok(_) => Pass,
            Err(error) => Fail(format!(
                "cannot listen on {}: {error}; stop the process that uses it (ss -ltnp), or \
                 configure another address",
                self.0
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_1970_or_2100_is_not_sane() {
        assert!(matches!(ClockSane::judge(0), Fail(why) if why.contains("set the clock")));
        assert!(matches!(ClockSane::judge(ClockSane::NOT_AFTER), Fail(_)));
        assert_eq!(ClockSane.execute(), Pass);
    }
}
