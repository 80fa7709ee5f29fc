//! One sealed file: a header in clear, then the state under XChaCha20-Poly1305.
//!
//! ```text
//! "MSNP" | format 1 | kind 1 | key id: length 1, text | incarnation 8 | sequence 8 | schema 4
//!        | nonce 24 | ciphertext and tag
//! ```
//!
//! Numbers are big-endian. Everything before the nonce is authenticated together with the
//! owner's id, which is not in the file: a file opens only for the owner it was sealed for. The
//! nonce has 24 random bytes, so that no two files under one key have the same by chance.
//! Source: draft-irtf-cfrg-xchacha-03.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::SealError;
use crate::key_id::KeyId;
use crate::keyring::{KeyBytes, Keyring};

const MAGIC: &[u8; 4] = b"MSNP";
const FORMAT: u8 = 1;
const NONCE: usize = 24;
const NUMBERS: usize = 8 + 8 + 4;
/// Largest state, in bytes.
pub(crate) const MAX_STATE: usize = 64 << 20;

/// The kind of a file. It is authenticated, so that a manifest never passes for a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    State = 1,
    Manifest = 2,
    Head = 3,
}

/// The facts that a file is bound to, beside its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) kind: Kind,
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    pub(crate) schema: u32,
}

/// Seals `plain` for `owner`.
pub(crate) fn seal(
    ring: &Keyring,
    owner: &str,
    stamp: Stamp,
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    if plain.len() > MAX_STATE {
        return Err(SealError::TooLarge { max: MAX_STATE });
    }
    let (id, key) = ring.sealing();
    let mut file = header(id, stamp);
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(SealError::Random)?;
    let aad = aad(&file, owner);
    let sealed = cipher(key)
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
        .map_err(|_| SealError::Cipher)?;
    file.extend_from_slice(&nonce);
    file.extend_from_slice(&sealed);
    Ok(file)
}

/// Opens a file of `owner`, and returns its authentic stamp and its content.
pub(crate) fn open(
    ring: &Keyring,
    owner: &str,
    kind: Kind,
    file: &[u8],
) -> Result<(Stamp, Zeroizing<Vec<u8>>), SealError> {
    let mut rest = file;
    if take(&mut rest, MAGIC.len())? != MAGIC {
        return Err(SealError::NotOurs);
    }
    let head = take(&mut rest, 3)?;
    if head[0] != FORMAT {
        return Err(SealError::Format(head[0]));
    }
    let (found, id_len) = (head[1], usize::from(head[2]));
    let id = std::str::from_utf8(take(&mut rest, id_len)?).ok().and_then(KeyId::new);
    let id = id.ok_or(SealError::NotOurs)?;
    let numbers = take(&mut rest, NUMBERS)?;
    let clear = &file[..file.len() - rest.len()];
    let nonce: [u8; NONCE] =
        take(&mut rest, NONCE)?.try_into().map_err(|_| SealError::Truncated)?;
    let key = ring.find(&id).ok_or(SealError::UnknownKey(id))?;
    let plain = cipher(key)
        .decrypt(&XNonce::from(nonce), Payload { msg: rest, aad: &aad(clear, owner) })
        .map_err(|_| SealError::NotAuthentic)?;
    // After the decryption: only then is the kind in the header known to be authentic.
    if found != kind as u8 {
        return Err(SealError::NotAuthentic);
    }
    let stamp = Stamp {
        kind,
        incarnation: number(&numbers[..8]),
        sequence: number(&numbers[8..16]),
        schema: u32::try_from(number(&numbers[16..])).unwrap_or(u32::MAX),
    };
    Ok((stamp, Zeroizing::new(plain)))
}

fn header(id: &KeyId, stamp: Stamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[FORMAT, stamp.kind as u8]);
    // Cannot fail: a key id has at most 32 bytes.
    out.push(u8::try_from(id.as_str().len()).unwrap_or(0));
    out.extend_from_slice(id.as_str().as_bytes());
    out.extend_from_slice(&stamp.incarnation.to_be_bytes());
    out.extend_from_slice(&stamp.sequence.to_be_bytes());
    out.extend_from_slice(&stamp.schema.to_be_bytes());
    out
}

/// Returns the data that is authenticated and not encrypted. The header contains the length of its
/// only variable part, so no header and owner can be taken for another pair.
fn aad(header: &[u8], owner: &str) -> Vec<u8> {
    [header, owner.as_bytes()].concat()
}

fn cipher(key: &KeyBytes) -> XChaCha20Poly1305 {
    let key: &Key = (&**key).into();
    XChaCha20Poly1305::new(key)
}

fn take<'f>(rest: &mut &'f [u8], count: usize) -> Result<&'f [u8], SealError> {
    let (taken, left) = rest.split_at_checked(count).ok_or(SealError::Truncated)?;
    *rest = left;
    Ok(taken)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { kind: Kind::State, incarnation: 3, sequence: 42, schema: 2 };

    fn ring(ids: &[&str]) -> Keyring {
        let line = |id: &&str| format!("{id} {}\n", id.repeat(64));
        Keyring::parse(&ids.iter().map(line).collect::<String>()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_and_kind_alone() {
        let ring = ring(&["a"]);
        let file = seal(&ring, "/root/x", STAMP, b"state").unwrap();
        let (stamp, plain) = open(&ring, "/root/x", Kind::State, &file).unwrap();
        assert_eq!((stamp, plain.as_slice()), (STAMP, &b"state"[..]));
        for (owner, kind) in [("/root/y", Kind::State), ("/root/x", Kind::Manifest)] {
            assert_eq!(open(&ring, owner, kind, &file).unwrap_err(), SealError::NotAuthentic);
        }
        assert!(!file.windows(5).any(|window| window == b"state"));
    }

    #[test]
    fn an_old_key_still_opens_and_a_removed_one_is_named() {
        let file = seal(&ring(&["a"]), "x", STAMP, b"state").unwrap();
        assert!(open(&ring(&["b", "a"]), "x", Kind::State, &file).is_ok());
        let error = open(&ring(&["b"]), "x", Kind::State, &file).unwrap_err();
        assert_eq!(error, SealError::UnknownKey(KeyId::new("a").unwrap()));
        let anew = seal(&ring(&["b", "a"]), "x", STAMP, b"state").unwrap();
        assert!(open(&ring(&["b"]), "x", Kind::State, &anew).is_ok(), "sealed with the first");
    }

    /// Fault 49: one bit at each of 1,000 offsets, and a cut at each offset.
    /// S3.2-07
    #[test]
    fn fault_49_no_flipped_bit_and_no_cut_opens() {
        let ring = ring(&["a"]);
        let file = seal(&ring, "x", STAMP, &[7; 1_200]).unwrap();
        for offset in 0..file.len() {
            let mut bad = file.clone();
            bad[offset] ^= 1 << (offset % 8);
            assert!(open(&ring, "x", Kind::State, &bad).is_err(), "bit at {offset}");
            assert!(open(&ring, "x", Kind::State, &file[..offset]).is_err(), "cut at {offset}");
        }
        assert!(file.len() >= 1_000);
    }

    proptest::proptest! {
        /// F8: a decoder meets anything.
        #[test]
        fn any_bytes_are_refused_in_good_order(bytes: Vec<u8>) {
            let file = [&MAGIC[..], &[FORMAT, 1], &bytes].concat();
            proptest::prop_assert!(open(&ring(&["a"]), "x", Kind::State, &file).is_err());
        }
    }
}
