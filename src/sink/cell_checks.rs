//! The checks of a table that are about one column each, asked of rows that are not in the table.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::suspects::CellRefusal;
use crate::model::table::{TableName, quote_identifier};

/// The temporary table that rows are tried in, and what its columns begin with, before their place among the written ones.
/// Names of our own, so that those in an error's context are known whatever its language.
pub(super) const PROBE: &str = "sheetload_probe";
pub(super) const PROBE_CELL: &str = "sheetload_cell_";
/// Its column with the row's place.
pub(super) const PROBE_ROW: &str = "sheetload_row";

/// The types of columns, as the definition of a column has them, in the order of the names.
pub(super) const COLUMNS: &str = "\
    select pg_catalog.format_type(a.atttypid, a.atttypmod) || coalesce( \
               ' collate ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname), '') \
    from pg_catalog.unnest($2::text[]) with ordinality wanted (name, place) \
    join pg_catalog.pg_attribute a \
         on a.attrelid = pg_catalog.to_regclass($1)::oid and a.attname = wanted.name and a.attnum > 0 \
            and not a.attisdropped \
    join pg_catalog.pg_type t on t.oid = a.atttypid \
    left join pg_catalog.pg_collation o on o.oid = a.attcollation and a.attcollation <> t.typcollation \
    left join pg_catalog.pg_namespace n on n.oid = o.collnamespace \
    order by wanted.place";

/// The checks that are about one of the columns. None where a trigger may put other values into a row before they are
/// asked (PostgreSQL documentation, "pg_trigger": `tgtype` has bits for each row, BEFORE and INSERT). A check may be
/// there without being enforced from PostgreSQL 18 on.
const CHECKS: &str = "\
    select wanted.place::integer - 1, c.conname::text, pg_catalog.pg_get_expr(c.conbin, c.conrelid) \
    from pg_catalog.pg_constraint c \
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1] \
    join pg_catalog.unnest($2::text[]) with ordinality wanted (name, place) on a.attname = wanted.name \
    where c.conrelid = pg_catalog.to_regclass($1)::oid and c.contype = 'c' and pg_catalog.cardinality(c.conkey) = 1 \
      and pg_catalog.to_jsonb(c) ->> 'conenforced' is distinct from 'false' \
      and not exists (select from pg_catalog.pg_trigger g \
                      where g.tgrelid = c.conrelid and not g.tgisinternal and (g.tgtype::int & 7) = 7 \
                        and g.tgenabled <> 'D') \
    order by c.conname";

/// A check of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// The column's place among the written ones.
    pub(super) field: usize,
    /// The column's name.
    column: String,
    name: String,
    expression: String,
}

impl Check {
    /// That a cell violates it.
    pub(super) fn refusal(&self) -> CellRefusal {
        CellRefusal {
            field: self.field,
            sqlstate: SqlState::CHECK_VIOLATION.code().to_owned(),
            message: format!("the value violates check constraint \"{}\"", self.name),
            constraint: Some(self.name.clone()),
        }
    }

    /// Whether a row of the temporary table passes it. The expression names the column as the table does.
    fn sql(&self) -> String {
        let (field, column) = (self.field, quote_identifier(&self.column));
        format!(
            "coalesce((select ({}) from (select p.{PROBE_CELL}{field}) s ({column})), true)",
            self.expression
        )
    }
}

/// The checks of a table.
pub(super) async fn find_checks(
    client: &Client,
    table: &TableName,
    columns: &Vec<String>,
) -> Result<Vec<Check>, Error> {
    let table = table.to_string();
    let parameters: [&(dyn ToSql + Sync); 2] = [&table, columns];
    let found = client.query(CHECKS, &parameters).await?;
    let check = |row: &tokio_postgres::Row| {
        let field = usize::try_from(row.get::<_, i32>(0)).ok()?;
        Some(Check {
            field,
            column: columns.get(field)?.clone(),
            name: row.get(1),
            expression: row.get(2),
        })
    };
    Ok(found.iter().filter_map(check).collect())
}

/// Which rows of the temporary table violate which checks.
pub(super) async fn violated(
    client: &Client,
    checks: &[Check],
) -> Result<Vec<(usize, usize)>, Error> {
    let passed: Vec<String> = checks.iter().map(Check::sql).collect();
    let sql = format!(
        "select {PROBE_ROW}, array[{}]::boolean[] from pg_temp.{PROBE} p",
        passed.join(", ")
    );
    let mut violated = Vec::new();
    for row in client.query(&sql, &[]).await? {
        let place = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
        let passed: Vec<bool> = row.get(1);
        let failed = passed.iter().enumerate().filter(|(_, passed)| !**passed);
        violated.extend(failed.map(|(check, _)| (place, check)));
    }
    Ok(violated)
}
