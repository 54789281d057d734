//! Who may do what with a table, and the statements that give the same rights on another.

use tokio_postgres::Client;

use crate::model::table::{TableName, quote_identifier};

/// A right on a table or on one of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    column: Option<String>,
    /// As SQL: a quoted name or `public`.
    grantee: String,
    /// A key word such as `SELECT`.
    privilege: String,
    grantable: bool,
}

/// The rights on a table, those that its owner has by default, too.
///
/// # Errors
/// What the server says.
pub(super) async fn grants(
    client: &Client,
    table: u32,
) -> Result<Vec<Grant>, tokio_postgres::Error> {
    let rows = client.query(GRANTS, &[&table]).await?;
    let grant = |row: &tokio_postgres::Row| Grant {
        column: row.get(0),
        grantee: row.get(1),
        privilege: row.get(2),
        grantable: row.get(3),
    };
    Ok(rows.iter().map(grant).collect())
}

/// In the order in which they stand in the catalogs, for programs that show them so.
const GRANTS: &str = "\
with acls as ( \
    select null as attname, a.* from pg_catalog.pg_class c, \
           pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) \
               with ordinality a (grantor, grantee, privilege, grantable, place) where c.oid = $1 \
    union all \
    select t.attname::text, a.* from pg_catalog.pg_attribute t, \
           pg_catalog.aclexplode(t.attacl) with ordinality a (grantor, grantee, privilege, grantable, place) \
    where t.attrelid = $1 and not t.attisdropped) \
select attname, case grantee when 0 then 'public' \
                else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) end, privilege, grantable \
from acls order by attname nulls first, place";

/// The statements that make the rights on `table`, which are `there`, those that are `wanted`.
pub(super) fn change(table: &TableName, there: &[Grant], wanted: &[Grant]) -> String {
    if there == wanted {
        return String::new();
    }
    let mut statements = String::new();
    let mut revoked: Vec<&str> = Vec::new();
    // Rights on columns go with those on the table.
    for grant in there {
        if !revoked.contains(&grant.grantee.as_str()) {
            revoked.push(&grant.grantee);
            statements.push_str(&format!("revoke all on {table} from {}; ", grant.grantee));
        }
    }
    for grant in wanted {
        let column = grant.column.as_ref();
        let column =
            column.map_or_else(String::new, |name| format!(" ({})", quote_identifier(name)));
        let option = if grant.grantable {
            " with grant option"
        } else {
            ""
        };
        statements.push_str(&format!(
            "grant {}{column} on {table} to {}{option}; ",
            grant.privilege, grant.grantee
        ));
    }
    statements
}
