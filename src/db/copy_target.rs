//! What COPY does otherwise than INSERT: it does not go with views and row security, and fires no rules.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::TableName;

/// A table as COPY sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyTarget {
    /// What keeps rows from being copied into it, as completes "because".
    pub obstacle: Option<&'static str>,
    /// Its rules for INSERT, which COPY does not fire.
    pub rules: Vec<String>,
}

/// A view takes rows by COPY if a trigger takes them from it (PostgreSQL documentation, "pg_trigger": `tgtype` has bits for
/// each row, INSERT and INSTEAD OF).
const LOOK: &str = "\
    select c.relkind = 'v' and not exists ( \
               select from pg_catalog.pg_trigger t \
               where t.tgrelid = c.oid and not t.tgisinternal and (t.tgtype::int & 69) = 69 and t.tgenabled <> 'D'), \
           pg_catalog.row_security_active(c.oid), \
           array(select r.rulename::text from pg_catalog.pg_rewrite r \
                 where r.ev_class = c.oid and r.ev_type = '3' and r.ev_enabled <> 'D' order by 1) \
    from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)::oid";

impl CopyTarget {
    /// Looks at a table.
    ///
    /// # Errors
    /// What the server says.
    pub async fn find(client: &Client, table: &TableName) -> Result<Self> {
        let found = client.query_opt(LOOK, &[&table.to_string()]).await;
        let found = found.map_err(|error| {
            error_from_postgres(error, &format!("look at table {}", table.plain()))
                .in_table(table.plain())
        })?;
        let Some(row) = found else {
            return Ok(Self {
                obstacle: None,
                rules: Vec::new(),
            });
        };
        let obstacle = match (row.get(0), row.get(1)) {
            (true, _) => Some("it is a view without an INSTEAD OF trigger"),
            (false, true) => Some("its row security applies to this user"),
            (false, false) => None,
        };
        Ok(Self {
            obstacle,
            rules: row.get(2),
        })
    }

    /// Makes sure that rows can be copied into it.
    ///
    /// # Errors
    /// `TableUnusable`, with the mode in which they can be inserted.
    pub fn require_copy(&self, table: &TableName) -> Result<()> {
        let Some(because) = self.obstacle else {
            return Ok(());
        };
        let message = format!(
            "rows cannot be copied into {}, because {because}",
            table.plain()
        );
        Err(Error::new(ErrorKind::TableUnusable, message)
            .in_table(table.plain())
            .next_step(
                "Use --mode sequential or --mode concurrent, which insert the rows one by one",
            ))
    }

    /// What is to be known of rows that are copied into it.
    #[must_use]
    pub fn warning(&self, table: &TableName) -> Option<String> {
        let (rules, fires) = match self.rules.as_slice() {
            [] => return None,
            [rule] => (
                format!("rule {rule}"),
                "was not fired: --mode sequential fires it",
            ),
            rules => (
                format!("rules {}", rules.join(", ")),
                "were not fired: --mode sequential fires them",
            ),
        };
        Some(format!("{rules} of {} {fires}", table.plain()))
    }
}
