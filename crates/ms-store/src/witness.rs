//! A check that a fold changed nothing but the pages in the log.
//!
//! While the log is folded in, SQLite itself writes to the main file, so its size and time say
//! nothing about other writers; and the fold may cover their traces: a file that was cut has its
//! old length again, one that was written over has its first page again. So some pages that the
//! log does not have are remembered before and compared after. A program that writes over the
//! whole file or cuts it is found; one that changes a few pages in these milliseconds is not.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;

use crate::marks::{LOG_HEADER, PAGE, number_at};

/// Number of pages remembered; each is read twice.
const PAGES: u64 = 16;
/// Bytes before each page in a log (<https://www.sqlite.org/fileformat.html#walformat>).
const FRAME_HEADER: usize = 24;

/// Some pages that a fold must not change, counted from 0.
#[derive(Debug)]
pub(crate) struct Witness {
    pages: Vec<(u64, u64)>,
}

impl Witness {
    /// Remembers pages of a database that its log does not have.
    pub(crate) fn of(main: &File, log: Option<&File>) -> io::Result<Self> {
        let logged = log.map(logged).transpose()?.unwrap_or_default();
        let all = main.metadata()?.len() / PAGE;
        let stride = (all / PAGES).max(1);
        let first = RandomState::new().build_hasher().finish() % stride;
        // Each from a part of its own, the first there that the log does not have.
        let parts = (0..all.div_ceil(stride)).map(|part| part * stride);
        let pick = |part: u64| {
            let within = (0..stride).map(|step| part + (first + step) % stride);
            within.filter(|&page| page < all).find(|page| !logged.contains(page))
        };
        let pages = parts.filter_map(pick).map(|page| Ok((page, hash(main, page)?)));
        Ok(Self { pages: pages.collect::<io::Result<_>>()? })
    }

    /// Returns whether the pages are unchanged.
    pub(crate) fn agrees(&self, main: &File) -> io::Result<bool> {
        for &(page, before) in &self.pages {
            if hash(main, page)? != before {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn hash(main: &File, page: u64) -> io::Result<u64> {
    let mut bytes = [0; PAGE as usize];
    let mut read = 0;
    while read < bytes.len() {
        match main.read_at(&mut bytes[read..], page * PAGE + read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes[..read]);
    Ok(hasher.finish())
}

/// Returns the pages, counted from 0, in a log since it last began anew. Older frames lie behind
/// them and have another salt.
fn logged(log: &File) -> io::Result<BTreeSet<u64>> {
    let mut pages = BTreeSet::new();
    let mut header = [0; LOG_HEADER];
    if log.read_at(&mut header, 0)? < LOG_HEADER {
        return Ok(pages);
    }
    let salts = &header[16..24];
    let mut at = LOG_HEADER as u64;
    let mut frame = [0; FRAME_HEADER];
    while log.read_at(&mut frame, at)? == FRAME_HEADER && frame[8..16] == *salts {
        if let Some(page) = number_at(&frame, 0) {
            pages.insert(u64::from(page).saturating_sub(1));
        }
        at += FRAME_HEADER as u64 + PAGE;
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 8] = [7; 8];

    fn database(pages: u8) -> File {
        let file = tempfile::tempfile().expect("a file");
        for page in 0..pages {
            file.write_all_at(&[page; PAGE as usize], u64::from(page) * PAGE).expect("written");
        }
        file
    }

    /// A log with these pages, counted from 0, and one more that is of before.
    fn log(pages: &[u32], stale: u32) -> File {
        let file = tempfile::tempfile().expect("a file");
        let mut bytes = vec![0; LOG_HEADER];
        bytes[16..24].copy_from_slice(&SALT);
        let of_now = pages.iter().map(|page| (page, SALT));
        for (page, salt) in of_now.chain([(&stale, [8; 8])]) {
            bytes.extend((page + 1).to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(salt);
            bytes.resize(bytes.len() + 8 + PAGE as usize, 0);
        }
        file.write_all_at(&bytes, 0).expect("written");
        file
    }

    #[test]
    fn what_the_log_has_may_change_and_nothing_else() {
        let (main, log) = (database(4), log(&[0, 2], 3));
        assert_eq!(logged(&log).expect("read"), BTreeSet::from([0, 2]));
        let witness = Witness::of(&main, Some(&log)).expect("read");
        main.write_all_at(&[9; PAGE as usize], 0).expect("written");
        main.write_all_at(&[9; PAGE as usize], 2 * PAGE).expect("written");
        assert!(witness.agrees(&main).expect("read"));
        main.write_all_at(&[9; PAGE as usize], 3 * PAGE).expect("written");
        assert!(!witness.agrees(&main).expect("read"));
    }

    #[test]
    fn a_file_that_is_cut_or_written_over_is_found_out_though_the_log_restores_what_it_has() {
        for pages in [3, 40, 200] {
            let log = log(&[0, u32::from(pages) - 1], 1);
            let fold = |main: &File| {
                for page in [0, pages - 1] {
                    let at = u64::from(page) * PAGE;
                    main.write_all_at(&[9; PAGE as usize], at).expect("written");
                }
            };
            let cut = database(pages);
            let witness = Witness::of(&cut, Some(&log)).expect("read");
            assert!(witness.pages.len() <= 2 * PAGES as usize, "{witness:?}");
            cut.set_len(PAGE).expect("cut");
            fold(&cut);
            assert_eq!(cut.metadata().expect("there").len(), u64::from(pages) * PAGE);
            assert!(!witness.agrees(&cut).expect("read"), "{pages} pages, cut");

            let over = database(pages);
            let witness = Witness::of(&over, Some(&log)).expect("read");
            let garbage = vec![b'x'; usize::from(pages) * PAGE as usize];
            over.write_all_at(&garbage, 0).expect("written");
            fold(&over);
            assert!(!witness.agrees(&over).expect("read"), "{pages} pages, written over");

            let sound = database(pages);
            let witness = Witness::of(&sound, Some(&log)).expect("read");
            fold(&sound);
            assert!(witness.agrees(&sound).expect("read"), "{pages} pages, sound");
        }
    }

    #[test]
    fn without_a_log_every_page_counts_and_an_empty_file_has_none() {
        let main = database(5);
        let witness = Witness::of(&main, None).expect("read");
        assert_eq!(witness.pages.len(), 5);
        assert!(Witness::of(&database(0), None).expect("read").pages.is_empty());
    }
}
