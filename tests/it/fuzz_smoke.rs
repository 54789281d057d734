//! A smoke run of the fuzz targets: their saved corpora, and seeded changes of them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[path = "../fuzz/targets/mod.rs"]
mod targets;

/// Changed inputs for each target.
const CHANGES: usize = 150;
/// Names that libFuzzer gives to what it finds; only what was named is saved.
const HASH_LENGTH: usize = 40;

#[test]
fn workbooks_of_xlsx() {
    smoke("reader_xlsx", targets::reader::run);
}

#[test]
fn workbooks_of_xlsb() {
    smoke("reader_xlsb", targets::reader::run);
}

#[test]
fn workbooks_of_xls() {
    smoke("reader_xls", targets::reader::run);
}

#[test]
fn workbooks_of_ods() {
    smoke("reader_ods", targets::reader::run);
}

#[test]
fn number_formats() {
    smoke("number_format", targets::number_format::run);
}

#[test]
fn values_in_copy() {
    smoke("copy_encoder", targets::copy_encoder::run);
}

#[test]
fn settings() {
    smoke("plan", targets::plan::run);
}

/// Runs a target on its corpus and on changes of it.
fn smoke(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target);
    let corpus = saved(&folder);
    assert!(corpus.len() >= 5, "{target} has no corpus");
    let mut random = Random(0x5EED);
    for (path, bytes) in &corpus {
        attempt(target, &path.display().to_string(), bytes, run);
    }
    for change in 0..CHANGES {
        let (path, bytes) = random.pick(&corpus);
        let (_, other) = random.pick(&corpus);
        let mut changed = bytes.clone();
        for _ in 0..=random.below(3) {
            alter(&mut changed, other, &mut random);
        }
        let what = format!("change {change} of {}", path.display());
        attempt(target, &what, &changed, run);
    }
}

/// The files of a corpus by name.
fn saved(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let is_hash = name.len() == HASH_LENGTH && name.bytes().all(|b| b.is_ascii_hexdigit());
            !is_hash
        })
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Runs a target; when it panics, keeps the input.
fn attempt(target: &str, what: &str, input: &[u8], run: fn(&[u8])) {
    if catch_unwind(AssertUnwindSafe(|| run(input))).is_err() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}"));
        fs::write(&kept, input).unwrap();
        panic!("{target} fails on {what}, see {}", kept.display());
    }
}

/// Makes one change of those that parsers stumble over.
fn alter(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len().max(1));
    let end = (at + 1 + random.below(16)).min(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => {
            let from = random.below(other.len().max(1));
            let to = (from + 1 + random.below(32)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        4 => {
            let extreme = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)];
            let wide = (at + [1, 2, 4, 8][random.below(4)]).min(bytes.len());
            bytes[at..wide].fill(extreme);
        }
        5 => {
            let digits: Vec<usize> = (0..bytes.len())
                .filter(|at| bytes[*at].is_ascii_digit())
                .collect();
            if !digits.is_empty() {
                let at = *random.pick(&digits);
                let number = ["-1", "0", "65536", "4294967296", "99999999999999999999"];
                bytes.splice(at..=at, random.pick(&number).bytes());
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// The generator SplitMix64, so that a failure happens again.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % count as u64) as usize
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
