//! What tests share: the throw-away server, databases, the program under test.

pub(crate) mod import;
pub(crate) mod pooler;
pub(crate) mod program;
mod protocol;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod sheet;
pub(crate) mod tls_server;
