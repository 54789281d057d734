//! What keeps a copy from taking a table's place.

use tokio_postgres::Client;

/// Why a copy cannot take the table's place with nothing lost, in the order of the list; empty if it can.
///
/// # Errors
/// What the server says.
pub(super) async fn obstacles(
    client: &Client,
    table: u32,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = client.query(OBSTACLES, &[&table]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Everything about a table that hangs on its object id or that no statement gives to a copy (PostgreSQL documentation,
/// "System Catalogs", above all "pg_depend"). What depends on the table, its row type, its indexes, constraints and
/// identity sequences counts, unless it is itself a part of the table.
///
/// Options of columns are judged by name: some are settings of users, and `pg_attver` is a mark that Debian's builds of
/// PostgreSQL 15.20 put on every column by themselves. One that is in neither list is named: what it means, and whether a
/// copy could be given it, is not known here.
///
/// A sequence of a serial column is not among these: it goes over to the copy as it is. Up to PostgreSQL 13 sequences have
/// a row type, which depends on them. Properties of later versions are
/// looked up by name in the row as JSON.
const OBSTACLES: &str = "\
with rel as (select c.* from pg_catalog.pg_class c where c.oid = $1), \
sequences as ( \
    select d.objid as oid, d.deptype, d.refobjsubid as attnum from pg_catalog.pg_depend d \
    join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S' \
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = $1 and d.deptype in ('a', 'i')), \
parts (classid, objid) as ( \
    select 'pg_catalog.pg_class'::pg_catalog.regclass::oid, oid from rel \
    union all select 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid from pg_catalog.pg_index where indrelid = $1 \
    union all select 'pg_catalog.pg_class'::pg_catalog.regclass, oid from sequences where deptype = 'i' \
    union all select 'pg_catalog.pg_type'::pg_catalog.regclass, s.reltype \
              from sequences i join pg_catalog.pg_class s on s.oid = i.oid where i.deptype = 'i' and s.reltype <> 0 \
    union all select 'pg_catalog.pg_type'::pg_catalog.regclass, reltype from rel \
    union all select 'pg_catalog.pg_type'::pg_catalog.regclass, t.typarray \
              from rel join pg_catalog.pg_type t on t.oid = rel.reltype \
    union all select 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid \
              from pg_catalog.pg_constraint where conrelid = $1 \
    union all select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid \
              from pg_catalog.pg_attrdef where adrelid = $1), \
dependents as ( \
    select distinct d.classid, d.objid from pg_catalog.pg_depend d \
    join parts p on p.classid = d.refclassid and p.objid = d.refobjid \
    where (d.classid, d.objid) not in (select classid, objid from parts) \
      and not (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid in (select oid from sequences)) \
      and not exists (select from pg_catalog.pg_trigger t \
                      where d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and t.oid = d.objid \
                        and t.tgisinternal) \
      and not exists (select from pg_catalog.pg_class toast join rel on rel.reltoastrelid = toast.oid \
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = toast.oid)) \
select because from ( \
    select 1, case relkind when 'p' then 'it is partitioned' when 'f' then 'it is a foreign table' \
                   else 'it is no ordinary table' end \
    from rel where relkind <> 'r' \
    union all select 2, 'it is a partition' from rel where relispartition \
    union all select 3, 'it inherits from ' || i.inhparent::pg_catalog.regclass::text \
    from pg_catalog.pg_inherits i, rel where i.inhrelid = $1 and not rel.relispartition \
    union all select 4, 'it is of type ' || pg_catalog.format_type(reloftype, null) from rel where reloftype <> 0 \
    union all select 5, 'it is temporary' from rel where relpersistence = 't' \
    union all select 6, 'it belongs to ' || pg_catalog.pg_get_userbyid(relowner) from rel \
    where relowner <> (select u.oid from pg_catalog.pg_roles u where u.rolname = current_user) \
      and not (select u.rolsuper from pg_catalog.pg_roles u where u.rolname = current_user) \
    union all select 7, 'it has row security' from rel where relrowsecurity or relforcerowsecurity \
    union all select 8, case when r.ev_class = $1 then 'it has the rule ' || r.rulename::text \
                             when v.relkind = 'm' then 'materialized view ' || v.oid::pg_catalog.regclass::text || ' depends on it' \
                             else 'view ' || v.oid::pg_catalog.regclass::text || ' depends on it' end \
    from dependents d join pg_catalog.pg_rewrite r on r.oid = d.objid \
    join pg_catalog.pg_class v on v.oid = r.ev_class \
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
    union all select 9, 'foreign key ' || con.conname::text || ' of ' || con.conrelid::pg_catalog.regclass::text || ' points to it' \
    from pg_catalog.pg_constraint con where con.contype = 'f' and con.confrelid = $1 \
    union all select 10, 'it has the trigger ' || t.tgname::text from pg_catalog.pg_trigger t \
    where t.tgrelid = $1 and not t.tgisinternal \
    union all select 11, 'triggers of its foreign keys are turned off' from pg_catalog.pg_trigger t \
    where t.tgrelid = $1 and t.tgisinternal and t.tgenabled <> 'O' \
    union all select 12, 'publication ' || p.pubname::text || ' holds it' \
    from rel join pg_catalog.pg_namespace n on n.oid = rel.relnamespace \
    join pg_catalog.pg_publication_tables p on p.schemaname = n.nspname and p.tablename = rel.relname \
    union all select 13, 'a subscription fills it' from pg_catalog.pg_subscription_rel where srrelid = $1 \
    union all select 14, pg_catalog.pg_describe_object(d.classid, d.objid, 0) || ' depends on it' \
    from dependents d where d.classid not in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, \
        'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_publication_rel'::pg_catalog.regclass) \
      and not exists (select from pg_catalog.pg_constraint con \
                      where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
                        and con.oid = d.objid and con.contype = 'f') \
    union all select 15, 'it belongs to an extension' from pg_catalog.pg_depend d \
    join parts p on p.classid = d.classid and p.objid = d.objid where d.deptype in ('e', 'x') \
    union all select 16, 'it has a security label' from pg_catalog.pg_seclabel l \
    join parts p on p.classid = l.classoid and p.objid = l.objoid \
    union all select 17, 'its replica identity is set' from rel where relreplident <> 'd' \
    union all select 18, case when i.indisclustered then 'it is clustered on ' || i.indexrelid::pg_catalog.regclass::text \
                              else 'index ' || i.indexrelid::pg_catalog.regclass::text || ' is not valid' end \
    from pg_catalog.pg_index i \
    where i.indrelid = $1 and (i.indisclustered or not (i.indisvalid and i.indisready and i.indislive)) \
    union all select 19, 'constraint ' || con.conname::text || ' is not valid, not enforced or of a period' \
    from pg_catalog.pg_constraint con where con.conrelid = $1 \
      and (con.contype <> 'f' and not con.convalidated or pg_catalog.to_jsonb(con) ->> 'conenforced' = 'false' \
           or pg_catalog.to_jsonb(con) ->> 'conperiod' = 'true') \
    union all select 20, 'column ' || a.attname::text || ' has settings for its statistics' \
    from pg_catalog.pg_attribute a where a.attrelid = $1 and not a.attisdropped \
      and (coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int, -1) <> -1 \
           or exists (select from pg_catalog.pg_options_to_table(a.attoptions) o \
                      where o.option_name in ('n_distinct', 'n_distinct_inherited'))) and a.attnum > 0 \
    union all select 20, 'column ' || a.attname::text || ' has the option ' || o.option_name || ', which sheetload does not know' \
    from pg_catalog.pg_attribute a, pg_catalog.pg_options_to_table(a.attoptions) o \
    where a.attrelid = $1 and not a.attisdropped and a.attnum > 0 \
      and o.option_name not in ('n_distinct', 'n_distinct_inherited', 'pg_attver') \
    union all select 21, 'index ' || i.indexrelid::pg_catalog.regclass::text || ' has settings for its statistics' \
    from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid \
    where i.indrelid = $1 and coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int, -1) <> -1 \
    union all select 22, pg_catalog.pg_get_userbyid(acl.grantor) || ' has granted rights on it' \
    from rel, pg_catalog.aclexplode(rel.relacl) acl where acl.grantor <> rel.relowner \
    union all select 23, pg_catalog.pg_get_userbyid(acl.grantor) || ' has granted rights on column ' || a.attname::text \
    from rel, pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) acl \
    where a.attrelid = $1 and acl.grantor <> rel.relowner \
    union all select 24, 'its row type has rights or a comment of its own' \
    from rel join pg_catalog.pg_type t on t.oid = rel.reltype \
    where t.typacl is not null or pg_catalog.obj_description(t.oid, 'pg_type') is not null \
    union all select 25, 'sequence ' || s.oid::pg_catalog.regclass::text || ' has rights, a comment or a type of its own' \
    from rel, sequences s join pg_catalog.pg_class sc on sc.oid = s.oid \
    join pg_catalog.pg_sequence q on q.seqrelid = s.oid \
    join pg_catalog.pg_attribute a on a.attrelid = $1 and a.attnum = s.attnum \
    where s.deptype = 'i' and (sc.relacl is not null or pg_catalog.obj_description(s.oid, 'pg_class') is not null \
                               or q.seqtypid <> a.atttypid) \
) as reasons (place, because) order by place, because";
