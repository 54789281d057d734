//! Every way to load, as the tests of this module try it.

use crate::support::proxy::{At, Fault};

use super::stage::{Before, Effect, Route, Visible};

pub(super) const APPEND_ALL: Route = Route {
    name: "append, commit all",
    args: &["--mode", "batch", "--commit", "all"],
    before: Before::OtherRows,
    effect: Effect::Add,
    visible: Visible::AtTheEnd,
};

pub(super) const APPEND_BATCH: Route = Route {
    name: "append, commit batch",
    args: &["--mode", "batch", "--commit", "batch"],
    before: Before::OtherRows,
    effect: Effect::Add,
    visible: Visible::Gradually,
};

pub(super) const CREATE_ALL: Route = Route {
    name: "create, commit all",
    args: &["--mode", "batch", "--commit", "all"],
    before: Before::Nothing,
    effect: Effect::Add,
    visible: Visible::AtTheEnd,
};

pub(super) const CREATE_BATCH: Route = Route {
    name: "create, commit batch",
    args: &["--mode", "batch", "--commit", "batch"],
    before: Before::Nothing,
    effect: Effect::Add,
    visible: Visible::Gradually,
};

pub(super) const REPLACE: Route = Route {
    name: "replace",
    args: &["--mode", "batch", "--if-exists", "replace"],
    before: Before::OtherRows,
    effect: Effect::Replace,
    visible: Visible::AtTheEnd,
};

pub(super) const TRUNCATE_ALL: Route = Route {
    name: "truncate, commit all",
    args: &[
        "--mode",
        "batch",
        "--if-exists",
        "truncate",
        "--commit",
        "all",
    ],
    before: Before::OtherRows,
    effect: Effect::Replace,
    visible: Visible::AtTheEnd,
};

pub(super) const TRUNCATE_BATCH: Route = Route {
    name: "truncate, commit batch",
    args: &[
        "--mode",
        "batch",
        "--if-exists",
        "truncate",
        "--commit",
        "batch",
    ],
    before: Before::OtherRows,
    effect: Effect::Replace,
    visible: Visible::Gradually,
};

pub(super) const UPDATE: Route = Route {
    name: "update by key",
    args: &["--mode", "batch", "--key", "id", "--on-conflict", "update"],
    before: Before::SomeKeys,
    effect: Effect::Update,
    visible: Visible::AtTheEnd,
};

pub(super) const IGNORE: Route = Route {
    name: "ignore by key",
    args: &["--mode", "batch", "--key", "id", "--on-conflict", "ignore"],
    before: Before::SomeKeys,
    effect: Effect::Ignore,
    visible: Visible::AtTheEnd,
};

pub(super) const SEQUENTIAL: Route = Route {
    name: "sequential, commit row",
    args: &["--mode", "sequential", "--commit", "row"],
    before: Before::OtherRows,
    effect: Effect::Add,
    visible: Visible::Gradually,
};

pub(super) const CONCURRENT: Route = Route {
    name: "concurrent, commit row",
    args: &["--mode", "concurrent", "--commit", "row"],
    before: Before::OtherRows,
    effect: Effect::Add,
    visible: Visible::Gradually,
};

pub(super) const CONCURRENT_CREATE: Route = Route {
    name: "concurrent, create, commit row",
    args: &["--mode", "concurrent", "--commit", "row"],
    before: Before::Nothing,
    effect: Effect::Add,
    visible: Visible::Gradually,
};

/// The types of the first rows do not hold all of them: a column is changed on the way.
pub(super) const SAMPLE_ALL: Route = Route {
    name: "create from a sample, commit all",
    args: &["--mode", "batch", "--commit", "all", "--infer-rows", "20"],
    ..CREATE_ALL
};

pub(super) const SAMPLE_BATCH: Route = Route {
    name: "create from a sample, commit batch",
    args: &["--mode", "batch", "--commit", "batch", "--infer-rows", "20"],
    ..CREATE_BATCH
};

pub(super) const SHEETS_ALL: Route = Route {
    name: "several sheets, commit all",
    args: &[
        "--mode",
        "batch",
        "--commit",
        "all",
        "--all-sheets",
        "--union",
    ],
    ..APPEND_ALL
};

pub(super) const SHEETS_BATCH: Route = Route {
    name: "several sheets, commit batch",
    args: &[
        "--mode",
        "batch",
        "--commit",
        "batch",
        "--all-sheets",
        "--union",
    ],
    ..APPEND_BATCH
};

impl Route {
    /// Whether each row is a transaction.
    pub(super) fn is_per_row(&self) -> bool {
        self.args.contains(&"row")
    }

    /// The place where rows are under way; everything before it, such as the ledger's tables, is done.
    pub(super) fn rows_under_way(&self) -> (At, u64) {
        if self.is_per_row() {
            // The first ones are the ledger's.
            (At::Done("INSERT"), 8)
        } else {
            (At::SentRows, 1)
        }
    }

    /// Faults that count from there.
    pub(super) fn in_the_rows(&self, faults: Vec<Fault>) -> Fault {
        let (at, nth) = self.rows_under_way();
        Fault::after(at, nth, faults)
    }

    /// Whether the same rows would be there twice if they were loaded twice.
    pub(super) fn adds_rows(&self) -> bool {
        self.effect == Effect::Add
    }

    /// Whether only one connection writes.
    pub(super) fn is_sequential(&self) -> bool {
        self.args.contains(&"sequential")
    }

    /// Rows enough for a dozen of batches; fewer where each row is a transaction.
    pub(super) fn rows(&self) -> u32 {
        if self.is_per_row() { 400 } else { 2_000 }
    }

    /// Batches small enough that there are many.
    pub(super) fn sizes(&self) -> &'static [&'static str] {
        match (self.is_per_row(), self.is_sequential()) {
            (true, true) => &["--batch-size", "25"],
            (true, false) => &["--batch-size", "25", "--workers", "2"],
            (false, _) => &["--batch-size", "150", "--workers", "2"],
        }
    }
}
