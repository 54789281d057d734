//! A table's definition as a list of facts, to tell whether two tables, or one table at two times, are the same.

use std::collections::BTreeMap;

use tokio_postgres::Client;

/// What a fact is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::db) struct Subject {
    /// `settings`, `column`, `constraint`, `index`, `identity`, `sequence`, `grants` or `comment`.
    pub(in crate::db) kind: String,
    /// Its name; for an identity that of its column.
    pub(in crate::db) name: String,
}

/// The facts about one table. They hold nothing that a copy cannot share: no object ids of the table's own and no
/// columns by number, which counts the dropped ones, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct Facts(BTreeMap<Subject, String>);

/// Kinds of facts that a copy gets only when it takes the table's place.
const LATER: &[&str] = &["sequence", "grants", "comment"];

impl Facts {
    /// Asks the server for the facts about a table.
    ///
    /// # Errors
    /// What the server says.
    pub(in crate::db) async fn of(
        client: &Client,
        table: u32,
    ) -> Result<Self, tokio_postgres::Error> {
        let rows = client.query(FACTS, &[&table]).await?;
        let facts = rows.iter().map(|row| {
            let subject = Subject {
                kind: row.get(0),
                name: row.get(1),
            };
            (subject, row.get(2))
        });
        Ok(Self(facts.collect()))
    }

    /// What differs first among these, if anything does.
    pub(in crate::db) fn first_difference(
        &self,
        other: &Self,
        matters: impl Fn(&Subject) -> bool,
    ) -> Option<Subject> {
        let differs =
            |subject: &&Subject| matters(subject) && self.0.get(*subject) != other.0.get(*subject);
        let mut subjects = self.0.keys().chain(other.0.keys());
        subjects.find(differs).cloned()
    }

    /// What a copy must have from its beginning, under the names of the table: a copy's indexes and the constraints
    /// over them are named apart, as names of indexes are unique in a schema.
    pub(super) fn of_a_copy(&self, names: &BTreeMap<String, String>) -> Self {
        let facts = self
            .0
            .iter()
            .filter(|(subject, _)| !LATER.contains(&subject.kind.as_str()));
        let renamed = facts.map(|(subject, definition)| {
            let name = match subject.kind.as_str() {
                "index" | "constraint" => names.get(&subject.name),
                _ => None,
            };
            let subject = Subject {
                kind: subject.kind.clone(),
                name: name.unwrap_or(&subject.name).clone(),
            };
            (subject, definition.clone())
        });
        Self(renamed.collect())
    }
}

/// The catalogs' rows as JSON, so that a property which only a later version of the server knows counts, too; without
/// what says who the object is rather than how (PostgreSQL documentation, "System Catalogs"), and without `pg_attver`, which
/// Debian's builds of PostgreSQL 15.20 count up by themselves in the options of each column.
const FACTS: &str = "\
select 'settings', '', pg_catalog.jsonb_build_array( \
           pg_catalog.to_jsonb(c) - array['oid', 'relname', 'relfilenode', 'relpages', 'reltuples', 'relallvisible', \
               'relallfrozen', 'reltoastrelid', 'reltype', 'relfrozenxid', 'relminmxid', 'relnatts', 'relhasindex', \
               'relhasrules', 'relhastriggers', 'relhassubclass', 'relchecks', 'relacl'], \
           (select t.reloptions from pg_catalog.pg_class t where t.oid = c.reltoastrelid))::text \
from pg_catalog.pg_class c where c.oid = $1 \
union all \
select 'column', a.attname::text, pg_catalog.jsonb_build_array( \
           pg_catalog.row_number() over (order by a.attnum), \
           pg_catalog.to_jsonb(a) - array['attrelid', 'attnum', 'attcacheoff', 'atthasmissing', 'attmissingval', 'attacl', \
               'attndims', 'attoptions'], \
           (select pg_catalog.jsonb_object_agg(o.option_name, o.option_value) \
            from pg_catalog.pg_options_to_table(a.attoptions) o where o.option_name <> 'pg_attver'), \
           pg_catalog.pg_get_expr(d.adbin, d.adrelid), \
           pg_catalog.col_description($1, a.attnum))::text \
from pg_catalog.pg_attribute a \
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped \
union all \
select 'constraint', con.conname::text, pg_catalog.jsonb_build_array( \
           pg_catalog.to_jsonb(con) - array['oid', 'conname', 'conrelid', 'conindid', 'conkey', 'conbin', 'conparentid'], \
           pg_catalog.pg_get_constraintdef(con.oid), \
           pg_catalog.obj_description(con.oid, 'pg_constraint'))::text \
from pg_catalog.pg_constraint con where con.conrelid = $1 and con.conparentid = 0 \
union all \
select 'index', ic.relname::text, pg_catalog.jsonb_build_array( \
           pg_catalog.to_jsonb(i) - array['indexrelid', 'indrelid', 'indkey', 'indexprs', 'indpred', 'indcheckxmin'], \
           ic.relam, ic.reloptions, ic.reltablespace, ic.relpersistence, \
           pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), 1 + pg_catalog.length(pg_catalog.format( \
               'CREATE %sINDEX %I ON %s%I.%I', case when i.indisunique then 'UNIQUE ' else '' end, ic.relname, \
               case ic.relkind when 'I' then 'ONLY ' else '' end, n.nspname, c.relname))), \
           pg_catalog.obj_description(i.indexrelid, 'pg_class'), \
           (select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(a) -> 'attstattarget' order by a.attnum) \
            from pg_catalog.pg_attribute a where a.attrelid = i.indexrelid))::text \
from pg_catalog.pg_index i join pg_catalog.pg_class ic on ic.oid = i.indexrelid \
join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
where i.indrelid = $1 \
union all \
select case owned.deptype when 'i' then 'identity' else 'sequence' end, \
       case owned.deptype when 'i' then a.attname::text else sc.relname::text end, \
       pg_catalog.jsonb_build_array( \
           pg_catalog.to_jsonb(s) - 'seqrelid', a.attname, sc.relowner, sc.relpersistence, sc.relacl::text, \
           case owned.deptype when 'i' then null else s.seqrelid end)::text \
from pg_catalog.pg_depend owned \
join pg_catalog.pg_class sc on sc.oid = owned.objid and sc.relkind = 'S' \
join pg_catalog.pg_sequence s on s.seqrelid = sc.oid \
join pg_catalog.pg_attribute a on a.attrelid = $1 and a.attnum = owned.refobjsubid \
where owned.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
  and owned.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
  and owned.refobjid = $1 and owned.deptype in ('a', 'i') \
union all \
select 'grants', '', pg_catalog.array_agg(acl::text order by acl::text)::text \
from pg_catalog.pg_class c, \
     pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) acl \
where c.oid = $1 having count(*) > 0 \
union all \
select 'grants', a.attname::text, pg_catalog.array_agg(acl::text order by acl::text)::text \
from pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) acl \
where a.attrelid = $1 and not a.attisdropped group by a.attname \
union all \
select 'comment', '', pg_catalog.obj_description($1, 'pg_class') \
where pg_catalog.obj_description($1, 'pg_class') is not null";
