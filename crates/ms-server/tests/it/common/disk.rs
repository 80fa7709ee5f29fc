//! Disks that fill up or cannot be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// A small file system of its own.
pub struct Disk {
    at: PathBuf,
    // Dropped after the file system is gone.
    _dir: tempfile::TempDir,
}

impl Disk {
    /// Mounts one; returns `None`, and prints so, if this process may not.
    pub fn mount(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("disk");
        fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("{options},mode=0700"), "none"]).arg(&at);
        match mount.stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Some(Self { at, _dir: dir }),
            _ => {
                println!("this process may not mount a file system: tested without one");
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Remounts the file system in another mode, such as `ro`, while it is in use.
    pub fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]).arg(&self.at);
        assert!(mount.status().unwrap().success(), "remount {options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.at).status());
    }
}

/// Space for files that runs out and comes back.
pub enum Room {
    /// A real file system.
    Disk(Disk),
    /// If nothing may be mounted: files of the process may not grow. The same system calls fail, with
    /// another error number.
    FileSize(tempfile::TempDir),
}

impl Room {
    /// Returns what a shell has to do before it becomes the server.
    pub const PRELUDE: &str = "trap '' XFSZ";

    /// Returns all kinds that this machine has: at least one.
    pub fn all(size: &str) -> Vec<Self> {
        let disk = Disk::mount(&format!("size={size}")).map(Self::Disk);
        disk.into_iter().chain([Self::FileSize(tempfile::tempdir().unwrap())]).collect()
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Disk(disk) => disk.path(),
            Self::FileSize(dir) => dir.path(),
        }
    }

    /// Fills the space.
    pub fn end(&self, pid: Pid) {
        match self {
            Self::Disk(disk) => {
                // `dd` stops when nothing is left.
                let ballast = format!("of={}", disk.path().join("ballast").display());
                let mut fill = Command::new("dd");
                fill.args(["if=/dev/zero", "bs=4096", &ballast]).stderr(Stdio::null());
                assert!(!fill.status().unwrap().success(), "the disk has room without end");
            }
            Self::FileSize(_) => limit_files(pid, Some(64)),
        }
    }

    /// Frees the space.
    pub fn again(&self, pid: Pid) {
        match self {
            Self::Disk(disk) => fs::remove_file(disk.path().join("ballast")).unwrap(),
            Self::FileSize(_) => limit_files(pid, None),
        }
    }
}

fn limit_files(pid: Pid, bytes: Option<u64>) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: bytes.or(maximum), maximum };
    prlimit(Some(pid), Resource::Fsize, limit).expect("a soft limit of a process of ours");
}
