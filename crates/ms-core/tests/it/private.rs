//! Which files may hold secrets.

use ms_core::private::{FileFacts, Reader};

#[test]
fn own_files_are_closed_and_files_of_root_are_open_to_our_groups_at_most() {
    let reader = Reader { uid: 1_000, groups: vec![1_000, 2_000] };
    let check = |mode, uid, gid| FileFacts { mode, uid, gid }.check(&reader);
    for (mode, uid, gid) in [
        (0o600, 1_000, 1_000),
        (0o100_400, 1_000, 5),
        (0o440, 0, 2_000),
        (0o640, 0, 1_000),
        (0o400, 0, 0),
    ] {
        assert_eq!(check(mode, uid, gid), Ok(()), "{mode:o} {uid} {gid}");
    }
    for (mode, uid, gid, advice) in [
        (0o640, 1_000, 1_000, "chmod 600"),
        (0o604, 1_000, 1_000, "chmod 600"),
        (0o622, 1_000, 1_000, "chmod 600"),
        (0o440, 0, 3_000, "fsGroup"),
        (0o460, 0, 2_000, "fsGroup"),
        (0o444, 0, 2_000, "fsGroup"),
        (0o400, 4_000, 2_000, "chown 1000"),
        (0o440, 4_000, 2_000, "chown 1000"),
    ] {
        let text = check(mode, uid, gid).expect_err("exposed").to_string();
        assert!(text.contains(advice), "{mode:o} {uid} {gid}: {text}");
    }
}
