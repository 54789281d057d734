//! What the connections of a load are doing, seen over another one: whom they wait for, and whether it is us.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connector::Opened;
use super::pool::Database;
use crate::error::{Error, Result, error_from_postgres};
use crate::model::notice::{Lock, LockHolder, LockWait};

/// Looks at a database's connections. It has a connection of its own from the first look on, as long as it lives.
#[derive(Debug)]
pub struct Lookout<'d> {
    database: &'d Database,
    aside: Option<Opened>,
}

/// A connection as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLine {
    /// The process that serves it.
    pub process: i32,
    /// What it does.
    pub doing: Doing,
}

/// What the server does for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// It works, or waits for a disk and the like.
    Working,
    /// It waits for somebody else.
    WaitsForLock(LockWait),
    /// It waits for us.
    WaitsForUs {
        /// Whether a transaction or a statement is open.
        within: Within,
        /// What would be different if anything had moved.
        standing: String,
    },
}

/// What a session is in the midst of while it waits for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// Nothing.
    Nothing,
    /// A transaction or a statement.
    Transaction,
    /// A COPY of which the server does not tell how far it is.
    UnknownCopy,
}

/// Only sessions of the same role, or a role with `pg_read_all_stats`, are told what a session is doing.
const LOOK: &str = "\
    select wanted.pid, a.pid is not null, coalesce(a.state, ''), coalesce(a.wait_event_type, ''), \
           coalesce(a.wait_event, '') || ' ' || coalesce(a.state_change::text, ''), \
           waited.locktype, (n.nspname || '.' || c.relname)::text, blocker.pid, holder.state, \
           extract(epoch from pg_catalog.clock_timestamp() - holder.state_change)::float8 \
    from pg_catalog.unnest($1) wanted (pid) \
    left join pg_catalog.pg_stat_activity a on a.pid = wanted.pid and a.usename = session_user \
    left join lateral (select * from pg_catalog.pg_locks l where l.pid = a.pid and not l.granted limit 1) waited on true \
    left join lateral (select l.relation from pg_catalog.pg_locks l \
                       where l.pid = a.pid and l.granted and l.locktype = 'tuple' limit 1) of_row on true \
    left join pg_catalog.pg_class c on c.oid = coalesce(waited.relation, of_row.relation) \
    left join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    left join lateral (select b.pid from pg_catalog.unnest( \
                           case when a.wait_event_type = 'Lock' then pg_catalog.pg_blocking_pids(a.pid) end) b (pid) \
                       order by b.pid = any ($1), b.pid limit 1) blocker on true \
    left join pg_catalog.pg_stat_activity holder on holder.pid = blocker.pid \
    order by wanted.pid";

/// How far each COPY is, which servers from version 14 on tell.
const COPIED: &str = "\
    select pid, bytes_processed::text from pg_catalog.pg_stat_progress_copy where pid = any ($1)";
const TELLS_COPIED: u32 = 140_000;

/// Ends sessions of this role; what they have open is rolled back.
const TERMINATE: &str = "\
    select pg_catalog.pg_terminate_backend(a.pid) from pg_catalog.pg_stat_activity a \
    where a.pid = any ($1) and a.usename = session_user and a.pid <> pg_catalog.pg_backend_pid()";

impl<'d> Lookout<'d> {
    /// One that has not looked yet.
    #[must_use]
    pub fn over(database: &'d Database) -> Self {
        Self {
            database,
            aside: None,
        }
    }

    /// Looks at all connections that are open.
    ///
    /// # Errors
    /// No connection; what the server says.
    pub async fn look(&mut self) -> Result<Vec<SeenLine>> {
        let processes = self.database.processes();
        // Who is interrupted in the midst of a look begins with another connection.
        let aside = match self.aside.take() {
            Some(aside) => aside,
            None => self.database.open_aside().await?,
        };
        let failed = |error| error_from_postgres(error, "look at the load's connections");
        let client = &aside.0;
        let parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] =
            &[(&processes, Type::INT4_ARRAY)];
        let rows = client.query_typed(LOOK, parameters).await.map_err(failed)?;
        let copied = match self.database.server_version() >= TELLS_COPIED {
            true => client
                .query_typed(COPIED, parameters)
                .await
                .map_err(failed)?,
            false => Vec::new(),
        };
        let lines = rows.iter().map(|row| self.seen(row, &copied, &processes));
        let lines = lines.collect();
        self.aside = Some(aside);
        Ok(lines)
    }

    /// Ends the sessions of these processes, so that nothing of theirs is left to arrive late.
    ///
    /// # Errors
    /// No connection; what the server says.
    pub async fn terminate(&mut self, processes: &[i32]) -> Result<()> {
        let Some((client, _)) = &self.aside else {
            return Ok(());
        };
        let ended = client
            .query_typed(TERMINATE, &[(&processes, Type::INT4_ARRAY)])
            .await;
        ended
            .map(|_| ())
            .map_err(|error| error_from_postgres(error, "end the load's sessions"))
    }

    /// Gives the connection back until the next look.
    pub fn rest(&mut self) {
        if let Some((client, task)) = self.aside.take() {
            // The connection's task says good-bye to the server, and ends.
            drop(client);
            drop(task);
        }
    }

    fn seen(&self, row: &Row, copied: &[Row], ours: &[i32]) -> SeenLine {
        let process = row.get(0);
        let (is_there, state, waits_for): (bool, &str, &str) = (row.get(1), row.get(2), row.get(3));
        let doing = match waits_for {
            "Lock" => lock_wait(row, ours).map_or(Doing::Working, Doing::WaitsForLock),
            _ if waits_for == "Client" || !is_there => {
                let moved: &str = row.get(4);
                let copied = copied.iter().find(|copy| copy.get::<_, i32>(0) == process);
                let bytes: &str = copied.map_or("", |copy| copy.get(1));
                let tells = self.database.server_version() >= TELLS_COPIED;
                Doing::WaitsForUs {
                    within: match state {
                        "idle" | "" => Within::Nothing,
                        "active" if !tells => Within::UnknownCopy,
                        _ => Within::Transaction,
                    },
                    standing: format!("{is_there} {state} {moved} {bytes}"),
                }
            }
            _ => Doing::Working,
        };
        SeenLine { process, doing }
    }
}

impl Drop for Lookout<'_> {
    fn drop(&mut self) {
        self.rest();
    }
}

/// The lock; none if another connection of ours holds it, which the load itself goes on with.
fn lock_wait(row: &Row, ours: &[i32]) -> Option<LockWait> {
    let relation: Option<String> = row.get(6);
    let lock = match (row.get::<_, Option<&str>>(5), relation) {
        (Some("transactionid" | "tuple"), Some(table)) => Lock::Row(table),
        (Some("transactionid" | "virtualxid" | "spectoken"), None) => Lock::Transaction,
        (Some("advisory"), _) => Lock::Advisory,
        // Others that make the table larger, which takes a moment.
        (Some("extend"), _) => return None,
        (_, Some(relation)) => Lock::Relation(relation),
        (_, None) => Lock::Other,
    };
    let holder = match row.get::<_, Option<i32>>(7) {
        None => None,
        Some(0) => Some(LockHolder::PreparedTransaction),
        Some(process) if ours.contains(&process) => return None,
        Some(process) => Some(LockHolder::Session {
            process,
            state: row
                .get::<_, Option<String>>(8)
                .zip(row.get::<_, Option<f64>>(9))
                .map(|(state, seconds)| {
                    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                    (state, seconds)
                }),
        }),
    };
    Some(LockWait { lock, holder })
}

/// Whether an error says that no server can be reached, rather than that one refuses.
#[must_use]
pub fn is_out_of_reach(error: &Error) -> bool {
    use crate::error::ErrorKind::{ConnectionLost, DatabaseUnreachable};
    matches!(error.kind(), ConnectionLost | DatabaseUnreachable)
}
