//! The names on disk. None contains the text of an id, so none can be a path or name its owner.

use ms_core::ActorPath;
use ms_core::civil::Civil;
use sha2::{Digest, Sha256};

pub(crate) const MANIFEST: &str = "MANIFEST";
pub(crate) const HEAD: &str = "HEAD";
/// Number of digits of a sequence in the name of a folder, so that names sort as numbers do.
const DIGITS: usize = 20;

/// Returns the name of a component's file: half a SHA-256 of its path.
pub(crate) fn state_file(id: &ActorPath) -> String {
    format!("{}.state", &checksum(id.as_str().as_bytes())[..32])
}

/// Returns the SHA-256 of bytes, in hex.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the name of a save's folder: the UTC time, for people, and the sequence, which alone
/// decides the order. Clocks go back, sequences do not.
pub(crate) fn folder(unix_ms: u64, sequence: u64) -> String {
    format!("{}-{sequence:0DIGITS$}", utc_basic(unix_ms / 1_000))
}

/// Returns the sequence in the name of a folder; `None` when it is not the name of a save.
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

/// Returns the UTC time as `20261124T134952Z`, without the colons of RFC 3339, which some file
/// systems refuse in names.
fn utc_basic(unix: u64) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of_unix(unix);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
