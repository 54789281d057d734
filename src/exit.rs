//! The program's exit codes, one constant each. Scripts rely on them: a code never changes its meaning.

use crate::error::ErrorKind;

/// Everything was done; every row was loaded.
pub const SUCCESS: u8 = 0;
/// Something unexpected failed.
pub const FAILURE: u8 = 1;
/// The command line is wrong, or asks for what cannot be done.
pub const USAGE: u8 = 2;
/// The load is complete, but some rows were rejected.
pub const LOADED_WITH_REJECTS: u8 = 3;
/// The input file is missing, damaged, protected, or does not fit the table.
pub const BAD_INPUT: u8 = 4;
/// The database is unreachable or refused.
pub const DATABASE: u8 = 5;
/// A bad row stopped the load, as the options asked.
pub const STOPPED: u8 = 6;
/// The file is in the table already.
pub const ALREADY_LOADED: u8 = 7;
/// The user interrupted (128 + SIGINT, as shells count).
pub const INTERRUPTED: u8 = 130;

/// The exit code that an error of this kind ends the program with.
#[must_use]
pub fn code_for(kind: ErrorKind) -> u8 {
    use ErrorKind as K;
    match kind {
        K::InvalidOptions | K::TableExists | K::LoadNotFound | K::LoadSettled => USAGE,
        K::FileUnreadable
        | K::NotAWorkbook
        | K::WorkbookBroken
        | K::WorkbookEncrypted
        | K::WorkbookTooLarge
        | K::SheetNotFound
        | K::SheetEmpty
        | K::FileChanged
        | K::ColumnMismatch => BAD_INPUT,
        K::TableUnusable
        | K::DatabaseUnreachable
        | K::AuthenticationFailed
        | K::TlsFailed
        | K::DatabaseNotFound
        | K::PermissionDenied
        | K::TooFewConnections
        | K::ConnectionLost
        | K::OutcomeUnknown
        | K::DatabaseRefused
        | K::MigrationFailed
        | K::ServerNotInstalled
        | K::ServerFailed
        | K::ServerVersionMismatch => DATABASE,
        K::RowRejected | K::TooManyRejects => STOPPED,
        K::AlreadyLoaded => ALREADY_LOADED,
        K::Interrupted => INTERRUPTED,
        K::OutputUnwritable | K::ResultsDiffer | K::VerificationFailed | K::Internal => FAILURE,
    }
}
