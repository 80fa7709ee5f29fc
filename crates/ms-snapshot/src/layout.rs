//! Names on disk. None is made of an id's text.

use ms_core::ActorPath;
use ms_core::civil::Civil;
use sha2::{Digest, Sha256};

use crate::keyring::hex;

pub(crate) const MANIFEST: &str = "MANIFEST";
pub(crate) const HEAD: &str = "HEAD";
/// Digits of a sequence in a folder's name; names sort as numbers do.
const DIGITS: usize = 20;

/// The file of a component: half a SHA-256 of its path.
pub(crate) fn state_file(id: &ActorPath) -> String {
    format!("{}.state", &checksum(id.as_str().as_bytes())[..32])
}

/// SHA-256 in hex.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A save's folder: UTC time in basic form, then the sequence, which alone decides.
pub(crate) fn folder(unix_ms: u64, sequence: u64) -> String {
    format!("{}-{sequence:0DIGITS$}", utc_basic(unix_ms / 1_000))
}

/// The sequence in a folder's name; `None` for what is no folder of ours.
pub(crate) fn sequence_of(folder: &str) -> Option<u64> {
    let (time, sequence) = folder.split_once('-')?;
    let of_time = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    let fine = time.len() == 16 && time.bytes().enumerate().all(of_time);
    (fine && sequence.len() == DIGITS && sequence.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| sequence.parse().ok())?
}

/// `20261124T134952Z`: RFC 3339 time without what file names dislike.
fn utc_basic(unix: u64) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of_unix(unix);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S5.3-03
    #[test]
    fn folders_are_utc_time_and_sequence_and_read_back() {
        let cases = [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_528_192, "20261124T134952Z"),
            (4_107_542_400, "21000301T000000Z"),
        ];
        for (unix, wanted) in cases {
            assert_eq!(utc_basic(unix), wanted);
        }
        let name = folder(1_795_528_192_000, 42);
        assert_eq!(
            (name.as_str(), sequence_of(&name)),
            ("20261124T134952Z-00000000000000000042", Some(42))
        );
        for bad in
            ["", "x-1", "20261124T134952Z-42", "20261124T134952Z-0000000000000000004x", "HEAD"]
        {
            assert_eq!(sequence_of(bad), None, "{bad}");
        }
    }

    /// Fault 53, S5.3-04: a file's name has nothing of the id in it.
    #[test]
    fn fault_53_file_names_are_digests_and_bad_ids_are_no_paths() {
        let name = state_file(&ActorPath::new("/root/counter").unwrap());
        assert_eq!(name.len(), 32 + ".state".len());
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit() || b".state".contains(&byte)));
        let long = format!("/root/{}", "x".repeat(300));
        for bad in ["/../../x", "/a/../b", "/a\0b", &long, "/CON", "/a.", "/аdmin", "", "x"] {
            assert!(ActorPath::new(bad).is_err(), "{bad:?}");
        }
    }
}
