//! The database's side: connections, the private server, migrations, what tables look like.

pub mod embedded;
pub mod pool;

mod capacity;
mod connector;
mod refusal;
mod tls;
