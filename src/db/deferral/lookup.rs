//! Which parts of a table can be dropped and made again with nothing lost.

use tokio_postgres::{Client, Row};

use crate::db::replace::facts::Subject;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::deferred::{DeferredKey, DeferredParts, KeptPart, PartKind};
use crate::model::table::{TableName, quote_identifier};

/// The parts of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Its name with its schema.
    pub(super) table: TableName,
    pub(super) oid: u32,
    /// Those that wait, by name.
    pub(super) indexes: Vec<Index>,
    /// The same of foreign keys.
    pub(super) keys: Vec<ForeignKey>,
    kept: Vec<KeptPart>,
}

/// An index that can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) name: String,
    /// The statement that creates it, as the server writes it.
    pub(super) definition: String,
    /// The tablespace's name; an empty one for the database's.
    pub(super) tablespace: String,
    /// The comment, as a literal.
    pub(super) comment: Option<String>,
    /// How many values the statistics of its expressions keep, by the expression's column.
    pub(super) statistics: Vec<(i32, i32)>,
}

/// A foreign key that can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    /// As the server writes it.
    pub(super) definition: String,
    /// The comment, as a literal.
    pub(super) comment: Option<String>,
    refers_to: String,
}

impl Plan {
    /// Asks the server.
    ///
    /// # Errors
    /// `PermissionDenied` for who may not drop or create indexes of the table; what the server says.
    pub(super) async fn of(client: &Client, table: &TableName) -> Result<Self> {
        let failed = |error| {
            error_from_postgres(error, &format!("look at the indexes of {}", table.plain()))
                .in_table(table.plain())
        };
        let found = client.query_one(TABLE, &[&table.to_string()]).await;
        let found = found.map_err(failed)?;
        let mut plan = Self {
            oid: found.get(0),
            table: TableName {
                schema: Some(found.get(1)),
                table: found.get(2),
            },
            indexes: Vec::new(),
            keys: Vec::new(),
            kept: Vec::new(),
        };
        for row in client.query(INDEXES, &[&plan.oid]).await.map_err(failed)? {
            plan.add_index(&row);
        }
        for row in client.query(KEYS, &[&plan.oid]).await.map_err(failed)? {
            plan.add_key(&row);
        }
        if !plan.is_empty() {
            plan.require_rights(&found)?;
        }
        Ok(plan)
    }

    fn add_index(&mut self, row: &Row) {
        let name: String = row.get(0);
        if let Some(because) = row.get(1) {
            self.keep(PartKind::Index, name, because);
            return;
        }
        let (columns, targets): (Vec<i32>, Vec<i32>) = (row.get(5), row.get(6));
        self.indexes.push(Index {
            name,
            definition: row.get(2),
            tablespace: row.get(3),
            comment: row.get(4),
            statistics: columns.into_iter().zip(targets).collect(),
        });
    }

    fn add_key(&mut self, row: &Row) {
        let name: String = row.get(0);
        if let Some(because) = row.get(1) {
            self.keep(PartKind::ForeignKey, name, because);
            return;
        }
        self.keys.push(ForeignKey {
            name,
            definition: row.get(2),
            comment: row.get(3),
            refers_to: row.get(4),
        });
    }

    fn keep(&mut self, part: PartKind, name: String, because: String) {
        self.kept.push(KeptPart {
            part,
            name,
            because,
        });
    }

    /// Makes sure that the user may do what it takes, before anything is read.
    fn require_rights(&self, found: &Row) -> Result<()> {
        let (is_owner, owner, may_create, user): (bool, String, bool, String) =
            (found.get(3), found.get(4), found.get(5), found.get(6));
        let table = self.table.plain();
        let denied = |message: String| {
            Error::new(ErrorKind::PermissionDenied, message)
                .in_table(&table)
                .with_sqlstate("42501")
        };
        if !is_owner {
            return Err(denied(format!(
                "--defer-indexes needs the owner of table {table}, which is {owner:?} and not {user:?}"
            ))
            .next_step("Connect as the owner, or leave --defer-indexes out"));
        }
        if !may_create {
            let schema = self.table.schema.as_deref().unwrap_or_default();
            return Err(denied(format!(
                "--defer-indexes needs the right to create indexes in schema {schema:?}, which user {user:?} lacks"
            ))
            .next_step(format!(
                "Ask its owner to grant create on schema {} to {}, or leave --defer-indexes out",
                quote_identifier(schema),
                quote_identifier(&user)
            )));
        }
        Ok(())
    }

    /// Whether a fact is about one of the parts that wait.
    pub(super) fn holds(&self, subject: &Subject) -> bool {
        let named = &subject.name;
        match subject.kind.as_str() {
            "index" => self.indexes.iter().any(|index| index.name == *named),
            "constraint" => self.keys.iter().any(|key| key.name == *named),
            _ => false,
        }
    }

    /// Whether nothing can wait.
    pub(super) fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.keys.is_empty()
    }

    /// An index's name with its schema, which is the table's.
    pub(super) fn in_schema(&self, index: &str) -> TableName {
        TableName {
            schema: self.table.schema.clone(),
            table: index.to_owned(),
        }
    }

    /// For people.
    pub(super) fn parts(&self) -> DeferredParts {
        let key = |key: &ForeignKey| DeferredKey {
            name: key.name.clone(),
            refers_to: key.refers_to.clone(),
        };
        DeferredParts {
            indexes: self
                .indexes
                .iter()
                .map(|index| index.name.clone())
                .collect(),
            foreign_keys: self.keys.iter().map(key).collect(),
            kept: self.kept.clone(),
        }
    }
}

const TABLE: &str = "\
select c.oid, n.nspname::text, c.relname::text, pg_catalog.pg_has_role(c.relowner, 'usage'), \
       pg_catalog.pg_get_userbyid(c.relowner)::text, \
       pg_catalog.has_schema_privilege(c.relnamespace, 'create'), current_user::text \
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
where c.oid = $1::text::pg_catalog.regclass";

/// The indexes of a table: why each stays, or what makes it again (PostgreSQL documentation, "pg_index", "pg_depend"). An
/// index depends on its columns and on functions and operators automatically or normally; any other dependency ties it to
/// a constraint, a partitioned index or an extension. Of the statistics' targets -1, and NULL in later versions, stands for
/// the server's own.
const INDEXES: &str = "\
select ic.relname::text, \
       case when c.relkind <> 'r' then 'the table is no ordinary one' \
            when i.indisprimary then 'it is the primary key' \
            when i.indisexclusion then 'it is an exclusion constraint' \
            when i.indisunique then 'it is unique' \
            when i.indisreplident then 'it is the replica identity' \
            when i.indisclustered then 'the table is clustered on it' \
            when not (i.indisvalid and i.indisready and i.indislive) then 'it is not valid' \
            when exists (select from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid) \
                 then 'it is a part of the index of a partitioned table' \
            when exists (select from pg_catalog.pg_seclabel l \
                         where l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and l.objoid = i.indexrelid) \
                 then 'it has a security label' \
            when ic.reltablespace <> 0 and not pg_catalog.has_tablespace_privilege(ic.reltablespace, 'create') \
                 then 'there is no right to create indexes in its tablespace' \
            else coalesce( \
                (select pg_catalog.min(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)) || ' depends on it' \
                 from pg_catalog.pg_depend d \
                 where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = i.indexrelid), \
                (select 'it belongs to ' || pg_catalog.min(pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)) \
                 from pg_catalog.pg_depend d \
                 where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = i.indexrelid \
                   and d.deptype not in ('a', 'n'))) \
       end, \
       pg_catalog.pg_get_indexdef(i.indexrelid), \
       coalesce(ts.spcname::text, ''), \
       pg_catalog.quote_literal(pg_catalog.obj_description(i.indexrelid, 'pg_class')), \
       array(select a.attnum::int4 from pg_catalog.pg_attribute a \
             where a.attrelid = i.indexrelid and coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int4, -1) <> -1 \
             order by a.attnum), \
       array(select (pg_catalog.to_jsonb(a) ->> 'attstattarget')::int4 from pg_catalog.pg_attribute a \
             where a.attrelid = i.indexrelid and coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int4, -1) <> -1 \
             order by a.attnum) \
from pg_catalog.pg_index i \
join pg_catalog.pg_class ic on ic.oid = i.indexrelid \
join pg_catalog.pg_class c on c.oid = i.indrelid \
left join pg_catalog.pg_tablespace ts on ts.oid = ic.reltablespace \
where i.indrelid = $1 order by 1";

/// The foreign keys of a table, likewise. Of several unique indexes over the same columns the server might choose another
/// one for a key that is made again.
const KEYS: &str = "\
select con.conname::text, \
       case when c.relkind <> 'r' then 'the table is no ordinary one' \
            when not con.convalidated then 'it is not validated' \
            when pg_catalog.to_jsonb(con) ->> 'conenforced' = 'false' then 'it is not enforced' \
            when con.confrelid = con.conrelid then 'it refers to the table itself' \
            when con.conparentid <> 0 or not con.conislocal then 'it is that of a partitioned table' \
            when other.relkind <> 'r' then 'it refers to a partitioned table' \
            when exists (select from pg_catalog.pg_trigger t where t.tgconstraint = con.oid and t.tgenabled <> 'O') \
                 then 'its triggers are turned off, or fire otherwise than usual' \
            when not pg_catalog.has_schema_privilege(other.relnamespace, 'usage') \
                 or exists (select from pg_catalog.unnest(con.confkey) k \
                            where not pg_catalog.has_column_privilege(con.confrelid, k, 'references')) \
                 then 'there is no right to refer to ' || con.confrelid::pg_catalog.regclass::text \
            when exists (select from pg_catalog.pg_index u \
                         where u.indrelid = con.confrelid and u.indexrelid <> con.conindid and u.indisunique \
                           and u.indnkeyatts = pg_catalog.cardinality(con.confkey) \
                           and (u.indkey::int2[])[0:u.indnkeyatts - 1] <@ con.confkey) \
                 then 'the other table has several unique indexes for it' \
            else coalesce( \
                (select pg_catalog.min(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)) || ' depends on it' \
                 from pg_catalog.pg_depend d \
                 where d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.refobjid = con.oid \
                   and not exists (select from pg_catalog.pg_trigger t \
                                   where d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and t.oid = d.objid \
                                     and t.tgisinternal)), \
                (select 'it belongs to ' || pg_catalog.min(pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)) \
                 from pg_catalog.pg_depend d \
                 where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.objid = con.oid \
                   and d.deptype not in ('a', 'n'))) \
       end, \
       pg_catalog.pg_get_constraintdef(con.oid), \
       pg_catalog.quote_literal(pg_catalog.obj_description(con.oid, 'pg_constraint')), \
       con.confrelid::pg_catalog.regclass::text \
from pg_catalog.pg_constraint con \
join pg_catalog.pg_class c on c.oid = con.conrelid \
join pg_catalog.pg_class other on other.oid = con.confrelid \
where con.conrelid = $1 and con.contype = 'f' order by 1";
