//! Which parts of a table wait until the rows of a load are in it.

use serde::Serialize;

/// What a load does with the indexes and foreign keys of its table when they are deferred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeferredParts {
    /// Indexes that are dropped before the first row and built after the last one.
    pub indexes: Vec<String>,
    /// Foreign keys that are dropped before the first row, and checked for all rows of the table after the last one.
    pub foreign_keys: Vec<DeferredKey>,
    /// What stays in place, and learns of each row.
    pub kept: Vec<KeptPart>,
}

impl DeferredParts {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.foreign_keys.is_empty()
    }
}

/// A foreign key that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeferredKey {
    /// Its name.
    pub name: String,
    /// The other table, which is locked as well.
    pub refers_to: String,
}

/// A part that does not wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptPart {
    /// What it is.
    pub part: PartKind,
    /// Its name.
    pub name: String,
    /// Why it stays; completes "because".
    pub because: String,
}

/// Kinds of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// An index.
    Index,
    /// A foreign key.
    ForeignKey,
}

/// What became of the parts that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeferredOutcome {
    /// They were dropped and built again.
    Rebuilt,
    /// They are as they were: nothing could be dropped, it was a rehearsal, or the load came to nothing.
    LeftInPlace,
    /// They could not be built over the rows, so that the rows were loaded once more with the parts in place.
    LoadedAgainInPlace,
}

/// The parts, and what became of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deferred {
    /// The parts.
    #[serde(flatten)]
    pub parts: DeferredParts,
    /// What became of them.
    pub outcome: DeferredOutcome,
    /// How long it took to build them, in seconds.
    pub rebuild: f64,
}
