//! Saves on disk: what is found again, what is refused, what stays when something fails.

use crate::common;

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{KEEP, dir, folders, id, item, ring, state_file, store, text};
use ms_snapshot::{Audit, Keyring, SaveError, SealError, Step, Store, StoreError};
use sha2::{Digest, Sha256};

/// S5.3-01, S5.3-03, S5.3-04, S5.3-05, S5.3-08
#[test]
fn the_newest_save_is_found_and_nothing_on_disk_is_readable() {
    let dir = dir();
    let store = store(dir.path());
    for (round, state) in ["one", "secret-two"].iter().enumerate() {
        let report = store.save(&[item("a", state), item("b", "b")], 1_000 * round as u64).unwrap();
        assert_eq!((report.sequence, report.failed.len()), (round as u64 + 1, 0));
        assert_eq!(report.saved[0].id, id("a"));
        assert_eq!(report.saved[0].checksum.len(), 64);
    }
    let (found, audit) = store.restore(&id("a")).unwrap();
    assert_eq!((text(&found.unwrap()).as_str(), audit), ("secret-two", vec![]));
    assert!(store.restore(&id("nobody")).unwrap().0.is_none());
    for folder in folders(dir.path()) {
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let bytes = fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("secret") && !text.contains("/root/"), "{file:?}");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

/// S5.3-08: keep N; but never lose the last save of a component that is down for long.
#[test]
fn old_saves_go_unless_they_are_a_components_last() {
    let dir = dir();
    let store = store(dir.path());
    store.save(&[item("a", "0"), item("rare", "kept")], 0).unwrap();
    for round in 1..=6 {
        store.save(&[item("a", &round.to_string())], round).unwrap();
    }
    assert_eq!(folders(dir.path()).len(), KEEP + 1);
    assert_eq!(text(&store.restore(&id("a")).unwrap().0.unwrap()), "6");
    let (found, audit) = store.restore(&id("rare")).unwrap();
    assert_eq!(text(&found.unwrap()), "kept");
    assert_eq!(audit, [Audit::Older { sequence: 1, newest: 7 }]);
}

/// Fault 49: each kind of damage is found, and the save before it is used.
/// S5.3-08
#[test]
fn fault_49_damage_is_found_and_the_previous_good_save_is_used() {
    type Harm = fn(&std::path::Path, &std::path::Path);
    let cases: [(&str, Harm); 6] = [
        ("empty", |_, new| fs::write(state_file(new), b"").unwrap()),
        ("cut", |_, new| {
            let bytes = fs::read(state_file(new)).unwrap();
            fs::write(state_file(new), &bytes[..bytes.len() - 1]).unwrap();
        }),
        ("flipped", |_, new| {
            let mut bytes = fs::read(state_file(new)).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(state_file(new), bytes).unwrap();
        }),
        ("older file under the newer name", |old, new| {
            fs::copy(state_file(old), state_file(new)).map(drop).unwrap();
        }),
        ("manifest of the older save", |old, new| {
            fs::copy(old.join("MANIFEST"), new.join("MANIFEST")).map(drop).unwrap();
        }),
        ("symlink", |old, new| {
            fs::remove_file(state_file(new)).unwrap();
            let name = state_file(old);
            symlink(&name, new.join(name.file_name().unwrap())).unwrap();
        }),
    ];
    for (what, harm) in cases {
        let dir = dir();
        let store = store(dir.path());
        store.save(&[item("a", "old")], 0).unwrap();
        store.save(&[item("a", "new")], 1_000).unwrap();
        let [old, new] = &folders(dir.path())[..] else { panic!("two folders") };
        harm(old, new);
        let (found, audit) = store.restore(&id("a")).unwrap();
        assert_eq!(text(&found.unwrap()), "old", "{what}");
        assert_eq!(audit.len(), 2, "{what}: {audit:?}");
        assert_eq!(audit[1], Audit::Older { sequence: 1, newest: 2 });
    }
}

/// Fault 49: every bit of 1,000 and more, every cut, on disk and through the store.
#[test]
fn fault_49_each_flipped_bit_and_each_cut_of_a_file_on_disk_is_refused() {
    let dir = dir();
    let store = store(dir.path());
    store.save(&[item("a", &"x".repeat(1_000))], 0).unwrap();
    let file = state_file(&folders(dir.path())[0]);
    let good = fs::read(&file).unwrap();
    assert!(good.len() >= 1_000);
    for offset in 0..good.len() {
        let mut bad = good.clone();
        bad[offset] ^= 1 << (offset % 8);
        for bytes in [&bad[..], &good[..offset]] {
            fs::write(&file, bytes).unwrap();
            let (found, audit) = store.restore(&id("a")).unwrap();
            assert!(found.is_none() && audit.len() == 1, "{offset}: {audit:?}");
        }
    }
    fs::write(&file, &good).unwrap();
    assert!(store.restore(&id("a")).unwrap().0.is_some());
}

#[test]
fn another_components_file_is_refused() {
    let dir = dir();
    let store = store(dir.path());
    store.save(&[item("a", "a")], 0).unwrap();
    let of_a = state_file(&folders(dir.path())[0]);
    store.save(&[item("b", "b")], 1).unwrap();
    let of_b = state_file(&folders(dir.path())[1]);
    fs::copy(of_a, of_b).unwrap();
    let (found, audit) = store.restore(&id("b")).unwrap();
    assert!(found.is_none());
    assert!(
        matches!(&audit[..], [Audit::Damaged { why: SealError::NotAuthentic, .. }]),
        "{audit:?}"
    );
}

/// Fault 49: an older state of the directory, put back.
#[test]
fn fault_49_a_roll_back_is_reported_and_the_sequence_never_goes_back() {
    let dir = dir();
    let store = store(dir.path());
    store.save(&[item("a", "old")], 0).unwrap();
    store.save(&[item("a", "new")], 1_000).unwrap();
    fs::remove_dir_all(&folders(dir.path())[1]).unwrap();
    let (found, audit) = store.restore(&id("a")).unwrap();
    assert_eq!(text(&found.unwrap()), "old");
    assert_eq!(audit, [Audit::RolledBack { expected: 2, found: 1 }]);
    assert_eq!(store.save(&[item("a", "next")], 2_000).unwrap().sequence, 3);
    fs::remove_file(dir.path().join("HEAD")).unwrap();
    assert_eq!(store.restore(&id("a")).unwrap().1, [Audit::HeadMissing]);
}

#[test]
fn a_folder_with_a_forged_name_is_refused_and_does_not_move_the_sequence() {
    let dir = dir();
    let store = store(dir.path());
    store.save(&[item("a", "real")], 0).unwrap();
    let real = folders(dir.path()).remove(0);
    let forged = dir.path().join(format!("20991231T000000Z-{:020}", u64::MAX));
    fs::create_dir(&forged).unwrap();
    for file in fs::read_dir(&real).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(file.path(), forged.join(file.file_name())).unwrap();
    }
    let (found, audit) = store.restore(&id("a")).unwrap();
    assert_eq!(text(&found.unwrap()), "real");
    assert!(matches!(&audit[..], [Audit::Misplaced { .. }, Audit::Older { .. }]), "{audit:?}");
    assert_eq!(store.save(&[item("a", "next")], 1).unwrap().sequence, 2);
}

/// A save that was killed leaves a folder that the next one, within the same second, wants.
#[test]
fn what_a_killed_save_left_is_not_in_the_way_of_the_next_one() {
    let dir = dir();
    let store = store(dir.path());
    store.save(&[item("a", "old")], 0).unwrap();
    for (sequence, left) in [(2, &[][..]), (3, &["0f.state", ".MANIFEST.tmp"])] {
        let folder = dir.path().join(format!("19700101T000009Z-{sequence:020}"));
        fs::create_dir(&folder).unwrap();
        left.iter().for_each(|file| fs::write(folder.join(file), "half").unwrap());
        assert_eq!(store.save(&[item("a", "new")], 9_999).unwrap().sequence, sequence);
        let (found, audit) = store.restore(&id("a")).unwrap();
        assert_eq!((text(&found.unwrap()), audit), ("new".to_owned(), vec![]));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "a state and the manifest");
    }
    // What has a manifest was finished by somebody: it is nothing to clear away.
    let folder = dir.path().join(format!("19700101T000009Z-{:020}", 4));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("MANIFEST"), "of another key").unwrap();
    assert!(matches!(store.save(&[item("a", "newer")], 9_999), Err(SaveError::Io { .. })));
    assert!(folder.join("MANIFEST").exists());
}

/// RELIABILITY 59: the newest save is the one that was made last, whatever the wall clock said.
#[test]
fn a_wall_clock_that_is_set_does_not_decide_which_save_is_the_newest() {
    let dir = dir();
    let store = store(dir.path());
    for (n, unix_ms) in [7_200_000, 3_600_000, 0, 10_800_000, 1].into_iter().enumerate() {
        store.save(&[item("a", &n.to_string())], unix_ms).unwrap();
        let (found, audit) = store.restore(&id("a")).unwrap();
        assert_eq!((text(&found.unwrap()), audit), (n.to_string(), vec![]));
    }
}

/// S1.2-06
#[test]
fn keys_rotate_old_ones_read_and_each_save_seals_anew() {
    let dir = dir();
    let line = |id: &str, digit: &str| format!("{id} {}\n", digit.repeat(64));
    let open = |text: &str| Store::open(dir.path(), Keyring::parse(text).unwrap(), KEEP).unwrap();
    open(&line("old", "a")).save(&[item("a", "1")], 0).unwrap();
    let both = open(&(line("new", "b") + &line("old", "a")));
    assert_eq!(text(&both.restore(&id("a")).unwrap().0.unwrap()), "1");
    both.save(&[item("a", "2")], 1).unwrap();
    let alone = open(&line("new", "b"));
    let (found, audit) = alone.restore(&id("a")).unwrap();
    assert_eq!((text(&found.unwrap()).as_str(), audit), ("2", vec![]));
    let (none, audit) = open(&line("other", "c")).restore(&id("a")).unwrap();
    assert!(none.is_none());
    assert!(
        audit.iter().any(|line| line.to_string().contains("key new, which is not in the keyring"))
    );
}

/// Fault 51, S5.3-07: no space is a typed error, the saves before stay, the next one works.
#[test]
fn fault_51_a_full_disk_fails_typed_and_recovers_by_itself() {
    let dir = dir();
    let full = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&full);
    let hook = move |step| match step {
        Step::Write if seen.load(Ordering::Relaxed) => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    };
    let store = Store::open_with(dir.path(), ring(), KEEP, hook).unwrap();
    store.save(&[item("a", "1")], 0).unwrap();
    full.store(true, Ordering::Relaxed);
    let error = store.save(&[item("a", "2")], 1).unwrap_err();
    assert!(matches!(error, SaveError::Full { .. }), "{error}");
    assert_eq!(folders(dir.path()).len(), 1, "nothing half is left");
    assert_eq!(text(&store.restore(&id("a")).unwrap().0.unwrap()), "1");
    full.store(false, Ordering::Relaxed);
    store.save(&[item("a", "3")], 2).unwrap();
    assert_eq!(text(&store.restore(&id("a")).unwrap().0.unwrap()), "3");
}

/// S5.3-07: one component that fails does not stop the others.
#[test]
fn one_failure_does_not_stop_the_others() {
    let dir = dir();
    let writes = std::sync::atomic::AtomicU32::new(0);
    let hook = move |step| match step {
        Step::Write if writes.fetch_add(1, Ordering::Relaxed) == 1 => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    };
    let store = Store::open_with(dir.path(), ring(), KEEP, hook).unwrap();
    let report = store.save(&[item("a", "a"), item("b", "b"), item("c", "c")], 0).unwrap();
    assert_eq!(report.saved.iter().map(|line| line.id.name()).collect::<Vec<_>>(), ["a", "c"]);
    assert!(matches!(&report.failed[..], [(failed, SaveError::Full { .. })] if *failed == id("b")));
    assert!(store.restore(&id("c")).unwrap().0.is_some());
}

/// Saves by handle would go on into a directory that nobody looks into any more.
#[test]
fn a_directory_that_was_moved_or_replaced_takes_no_more_saves_until_it_is_back() {
    let around = dir();
    let (place, away) = (around.path().join("saves"), around.path().join("away"));
    let make = || {
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
    };
    make();
    let store = Store::open(&place, ring(), KEEP).unwrap();
    store.save(&[item("a", "1")], 0).unwrap();
    fs::rename(&place, &away).unwrap();
    let message = || match store.save(&[item("a", "2")], 0) {
        Err(error @ SaveError::Io { .. }) => format!("{error}: {:?}", error.source()),
        other => panic!("{other:?}"),
    };
    assert!(message().contains("removed, renamed or replaced"), "{}", message());
    make();
    assert!(message().contains("removed, renamed or replaced"), "{}", message());
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    fs::remove_dir(&place).unwrap();
    fs::rename(&away, &place).unwrap();
    assert_eq!(store.save(&[item("a", "3")], 0).unwrap().sequence, 2, "none was lost elsewhere");
}

/// Fault 52
#[test]
fn fault_52_directories_that_others_can_reach_symlinks_and_read_only_ones_are_refused() {
    let dir = dir();
    let refused = |path: &std::path::Path| Store::open(path, ring(), KEEP).map(drop).unwrap_err();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused(dir.path()).to_string().contains("chmod 0700"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();

    let link = dir.path().join("link");
    symlink(dir.path(), &link).unwrap();
    assert!(matches!(refused(&link), StoreError::Open { .. }));
    assert!(matches!(refused(&dir.path().join("none")), StoreError::Open { .. }));

    // Another owner: as root we give it away, else we take one that is not ours.
    let other = if rustix::process::geteuid().is_root() {
        let given = dir.path().join("given");
        fs::create_dir(&given).unwrap();
        std::os::unix::fs::chown(&given, Some(65_534), None).unwrap();
        given
    } else {
        "/".into()
    };
    assert!(refused(&other).to_string().contains("belongs to another user"));

    let hook = |step| match step {
        Step::MakeFolder => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        _ => Ok(()),
    };
    let store = Store::open_with(dir.path(), ring(), KEEP, hook).unwrap();
    assert!(matches!(store.save(&[item("a", "a")], 0), Err(SaveError::ReadOnly { .. })));
}

/// S1.2-06
#[test]
fn key_files_must_be_ours_alone_and_no_message_shows_a_key() {
    let dir = dir();
    let path = dir.path().join("keys");
    let line = Keyring::generate("k1").unwrap();
    fs::write(&path, format!("# rotate yearly\n{}", *line)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Keyring::from_file(&path).unwrap_err().to_string().contains("its mode is 0644"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!("{:?}", Keyring::from_file(&path).unwrap());
    assert!(text.contains("[redacted]") && !text.contains(&line[3..10]));
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    // Kubernetes mounts a Secret as links: what they lead to decides.
    assert!(Keyring::from_file(&link).is_ok() && Keyring::from_file(dir.path()).is_err());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    assert!(Keyring::from_file(&link).unwrap_err().to_string().contains("its mode is 0604"));
    for bad in ["", "k1", "k1 zz", "k/1 00", "k1 00", &format!("{}{}", *line, *line)] {
        let error = Keyring::parse(bad).unwrap_err().to_string();
        assert!(!error.contains("zz") && !error.contains(&line[3..10]), "{error}");
    }
}

/// S5.3-05: whose, which file, how large, its checksum; the time is in the folder's name.
#[test]
fn a_save_tells_the_facts_of_each_file() {
    let dir = dir();
    let store = store(dir.path());
    let report = store.save(&[item("a", "one")], 1_795_528_192_000).unwrap();
    let folder = folders(dir.path()).remove(0);
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("20261124T134952Z-"), "{name}");
    let saved = &report.saved[0];
    let bytes = fs::read(folder.join(&saved.file)).unwrap();
    assert_eq!((&saved.id, saved.size), (&id("a"), bytes.len() as u64));
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(saved.checksum, sum);
}
