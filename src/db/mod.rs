//! The database's side: connections, the private server, migrations, what tables look like.

pub mod conflicts;
pub mod copy_target;
pub mod ddl;
pub mod defaults;
pub mod deferral;
pub mod embedded;
pub mod introspect;
pub mod ledger;
pub mod merge;
pub mod migrate;
pub mod pool;
pub mod replace;
pub mod sequences;
pub mod truncate;
pub mod verify;

mod capacity;
mod connector;
mod lines;
pub mod lookout;
mod pieces;
mod refusal;
mod session;
mod sessions;
mod tls;
