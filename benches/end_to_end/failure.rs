//! Why the bench cannot go on, in a line.

/// Any error, or a sentence.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What was asked for, or why not.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Says what was being done when a system call failed.
pub(crate) trait While<T> {
    /// The error with what was being done in front.
    fn doing(self, what: impl std::fmt::Display) -> Result<T>;
}

impl<T, E: std::fmt::Display> While<T> for std::result::Result<T, E> {
    fn doing(self, what: impl std::fmt::Display) -> Result<T> {
        self.map_err(|error| format!("cannot {what}: {error}").into())
    }
}
