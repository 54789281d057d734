//! What became of the sequences of columns that rows brought their own numbers for.

use serde::Serialize;

/// A sequence that stood before a number of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SequenceMove {
    /// The column that draws from it.
    pub column: String,
    /// Its name, with its schema.
    pub sequence: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: SequenceOutcome,
}

/// Whether a sequence was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SequenceOutcome {
    /// It goes on behind this number.
    Moved {
        /// The number.
        last: i64,
    },
    /// The user may not move it: numbers will be drawn that rows have already.
    NotAllowed {
        /// What somebody who may has to run.
        statement: String,
    },
}
