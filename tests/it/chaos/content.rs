//! The rows of a table as lines of text, and how they differ from those that should be there.

use std::collections::BTreeMap;

/// The sorted rows of a table; nothing if there is no table.
pub(super) type State = Option<Vec<String>>;

/// Rows in an order that is the same for the same rows.
pub(super) fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_unstable();
    lines
}

/// How often each row is there.
pub(super) fn counted(lines: &[String]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_insert(0) += 1;
    }
    counts
}

/// Compares sorted rows, and says in few words how they differ.
pub(super) fn assert_same(found: Option<&Vec<String>>, expected: Option<&Vec<String>>) {
    if found == expected {
        return;
    }
    let (Some(found), Some(expected)) = (found, expected) else {
        let is_there = |state: Option<&Vec<String>>| match state {
            Some(rows) => format!("a table with {} rows", rows.len()),
            None => "no table".to_owned(),
        };
        panic!("{} rather than {}", is_there(found), is_there(expected));
    };
    let (have, want) = (counted(found), counted(expected));
    let times = |counts: &BTreeMap<&str, u32>, line: &str| counts.get(line).copied().unwrap_or(0);
    let few = |lines: Vec<&str>| format!("{} ({:?})", lines.len(), &lines[..lines.len().min(3)]);
    let lost = want.keys().filter(|line| times(&have, line) < want[*line]);
    let surplus = have.keys().filter(|line| times(&want, line) < have[*line]);
    panic!(
        "{} rows rather than {}; lost: {}; twice or foreign: {}",
        found.len(),
        expected.len(),
        few(lost.copied().collect()),
        few(surplus.copied().collect())
    );
}
