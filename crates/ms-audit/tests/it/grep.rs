//! `unsafe_lines` against the oracle: the grep of this machine.
//!
//! Without GNU grep they fail: there is nothing to compare with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;

use ms_audit::{CargoHome, Outcome, Scope, Walker, audit_file, scan, source};

const UTF8: &str = "C.UTF-8";

fn want_gnu_grep() {
    let answer = Command::new("grep").arg("--version").output();
    let is_gnu = answer.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("GNU grep"));
    assert!(
        is_gnu,
        "the `grep` on PATH is not GNU grep, the oracle; as root: apt-get install grep"
    );
}

/// Counts of `grep -rw --include=*.rs -c unsafe DIR`, by file name as bytes.
fn grep(dir: &Path, locale: &str) -> Vec<(Vec<u8>, u64)> {
    let out = Command::new("grep")
        .args(["-rwcZ", "--include=*.rs", "unsafe"])
        .arg(dir)
        .env("LC_ALL", locale)
        .output()
        .unwrap();
    let mut found = Vec::new();
    let mut rest = &out.stdout[..];
    while let Some(name_end) = rest.iter().position(|&b| b == 0) {
        let line_end = name_end + rest[name_end..].iter().position(|&b| b == b'\n').unwrap();
        let count = std::str::from_utf8(&rest[name_end + 1..line_end]).unwrap().parse().unwrap();
        found.push((rest[..name_end].to_vec(), count));
        rest = &rest[line_end + 1..];
    }
    found.sort();
    found
}

/// Returns the counts of the walker and the scanner, in the same form.
fn ours(dir: &Path) -> Vec<(Vec<u8>, u64)> {
    let sources = source::resolve(&Scope::Path(dir.to_owned()), &CargoHome::at("/")).unwrap();
    let mut walker = Walker::new(&sources);
    let mut found = Vec::new();
    while let Some(batch) = walker.next_batch(100) {
        assert!(batch.unreadable.is_empty());
        for file in batch.files {
            let Outcome::Done(report) = audit_file(&file).outcome else { panic!("{}", file.label) };
            let inside = file.path.strip_prefix(dir.canonicalize().unwrap()).unwrap();
            found.push((
                dir.join(inside).as_os_str().as_encoded_bytes().to_vec(),
                report.unsafe_lines,
            ));
        }
    }
    found.sort();
    found
}

fn assert_same(dir: &Path, locale: &str) {
    let (grep, ours) = (grep(dir, locale), ours(dir));
    assert_eq!(grep.len(), ours.len(), "not the same files");
    for (theirs, ours) in grep.iter().zip(&ours) {
        let name = String::from_utf8_lossy(&theirs.0).into_owned();
        let content = fs::read(PathBuf::from(&name)).unwrap_or_default();
        assert_eq!(
            theirs,
            ours,
            "{locale} {name}: {:?}",
            String::from_utf8_lossy(&content[..content.len().min(500)])
        );
    }
}

/// A small generator, so that a failure can be repeated.
struct Rng(u64);

impl Rng {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// Pieces that touch each other in every way that matters to grep.
const PIECES: [&[u8]; 36] = [
    b"unsafe",
    b"unsafe",
    b"unsafe",
    b"unsafe",
    b"\n",
    b"\n",
    b"\r\n",
    b" ",
    b"_",
    b"x",
    b"9",
    b"-",
    b"{",
    b"\r",
    b"\t",
    b"\xc3\xa9",
    b"\xe4\xb8\xad",
    b"\xf0\x9f\x98\x80",
    b"\xc2\xb2",
    b"\xd9\xa0",
    b"\xcc\x81",
    b"\xe2\x85\xa7",
    b"\xe2\x80\xa6",
    b"\xff",
    b"\xc3",
    b"\xa9",
    b"\xe4\xb8",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xf5\x80\x80\x80",
    b"\xef\xbb\xbf",
    b"unsaf",
    b"\x0b",
    b"\x1b[0m",
    b"\xf4\x90\x80\x80",
    b"\xf0\x80\x80\xa9",
];
/// Letters beyond ASCII. Without them the C locale and a UTF-8 locale agree.
const LETTERS: [&[u8]; 4] = [b"\xc3\xa9", b"\xe4\xb8\xad", b"\xd9\xa0", b"\xe2\x85\xa7"];

fn generate(rng: &mut Rng, pieces: &[&[u8]], with_nul: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.next(40) {
        bytes.extend_from_slice(pieces[rng.next(pieces.len())]);
        if with_nul && rng.next(12) == 0 {
            bytes.push(0);
        }
    }
    bytes
}

/// Generates other files in every run, or those of `MS_SEED`.
fn seed() -> u64 {
    let given = std::env::var("MS_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(()));
    println!("MS_SEED={seed}");
    // A state of zero would stay zero.
    seed.max(1)
}

fn fill(dir: &Path, seed: u64, files: usize, pieces: &[&[u8]]) {
    let mut rng = Rng(seed);
    for index in 0..files {
        let bytes = generate(&mut rng, pieces, index % 3 == 0);
        fs::write(dir.join(format!("f{index:05}.rs")), bytes).unwrap();
    }
}

#[test]
fn generated_files_agree_in_a_utf8_locale() {
    want_gnu_grep();
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), seed(), 6000, &PIECES);
    assert_same(dir.path(), UTF8);
}

#[test]
fn generated_files_without_foreign_letters_agree_in_the_c_locale_too() {
    want_gnu_grep();
    let dir = tempfile::tempdir().unwrap();
    // `é` cut in two and joined again is a letter as well, so no halves of it.
    let halves: [&[u8]; 4] = [b"\xc3", b"\xa9", b"\xe4\xb8", b"\xf0\x80\x80\xa9"];
    let is_plain = |piece: &&[u8]| !LETTERS.contains(piece) && !halves.contains(piece);
    let pieces: Vec<&[u8]> = PIECES.iter().copied().filter(is_plain).collect();
    fill(dir.path(), seed(), 4000, &pieces);
    assert_same(dir.path(), UTF8);
    assert_same(dir.path(), "C");
}

/// A line as long as several of grep's buffers, and a NUL far behind the first
/// of them: grep decides late that the file is binary.
#[test]
fn large_files_agree_across_buffers() {
    want_gnu_grep();
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng(77);
    for (index, nul_at) in [None, Some(0), Some(40_000), Some(98_304), Some(98_305), Some(300_000)]
        .into_iter()
        .enumerate()
    {
        let mut bytes = Vec::new();
        while bytes.len() < 500_000 {
            bytes.extend(generate(&mut rng, &PIECES, false));
            if rng.next(200) == 0 {
                bytes.extend(std::iter::repeat_n(b'y', 150_000));
            }
        }
        if let Some(at) = nul_at {
            bytes[at] = 0;
            bytes[at + 100_000] = 0;
        }
        fs::write(dir.path().join(format!("{index}.rs")), bytes).unwrap();
    }
    fs::write(dir.path().join("zeros.rs"), [&[0; 200_000][..], b"unsafe\0unsafe"].concat())
        .unwrap();
    assert_same(dir.path(), UTF8);
}

#[test]
fn the_same_files_are_chosen() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    want_gnu_grep();
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "a.rs",
        ".rs",
        ".hidden.rs",
        "A.RS",
        "b.txt",
        "c.rs.bak",
        "target/t.rs",
        ".git/g.rs",
        "d.rs/x.rs",
        "é.rs",
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "unsafe\n").unwrap();
    }
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.rs")), "unsafe\n").unwrap();
    symlink("a.rs", dir.path().join("link.rs")).unwrap();
    symlink(".", dir.path().join("loop")).unwrap();
    symlink("/gone", dir.path().join("broken.rs")).unwrap();
    let made = Command::new("mkfifo").arg(dir.path().join("pipe.rs")).status().unwrap();
    assert!(made.success(), "mkfifo: {made}");
    assert_same(dir.path(), UTF8);
    let above = tempfile::tempdir().unwrap();
    let link = above.path().join("link");
    symlink(dir.path(), &link).unwrap();
    assert_same(&link, UTF8);
}

/// Every character beyond ASCII, before and after the word. Characters that are
/// letters only in a newer Unicode than that of the machine may differ.
#[test]
fn every_character_agrees_up_to_the_unicode_version() {
    want_gnu_grep();
    let dir = tempfile::tempdir().unwrap();
    let chars = || {
        ('\u{80}'..=char::MAX)
            .filter(|c| c.is_numeric() || c.is_alphabetic() || u32::from(*c) < 0x3000)
    };
    let lines: Vec<(char, String)> =
        chars().flat_map(|c| [(c, format!("unsafe{c}\n")), (c, format!("{c}unsafe\n"))]).collect();
    let path = dir.path().join("all.rs");
    fs::write(&path, lines.iter().map(|(_, line)| line.as_str()).collect::<String>()).unwrap();
    let out = Command::new("grep")
        .args(["-awn", "unsafe"])
        .arg(&path)
        .env("LC_ALL", UTF8)
        .output()
        .unwrap();
    let mut theirs = vec![false; lines.len()];
    for line in out.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let number = line.split(|&b| b == b':').next().unwrap();
        let number: usize = std::str::from_utf8(number).unwrap().parse().unwrap();
        theirs[number - 1] = true;
    }
    let differ: Vec<char> = lines
        .iter()
        .zip(&theirs)
        .filter(|((_, line), theirs)| (scan(line.as_bytes()).unsafe_lines == 1) != **theirs)
        .map(|((c, _), _)| *c)
        .collect();
    // Never the other way round: what we take for part of a word and grep does
    // not is a letter of a newer Unicode.
    assert!(differ.iter().all(|c| c.is_alphanumeric()), "{differ:?}");
    assert!(differ.len() < lines.len() / 10, "{} of {} differ", differ.len(), lines.len());
    let common = differ.iter().filter(|c| u32::from(**c) < 0x300).count();
    assert_eq!(common, 0, "{differ:?}");
}
