-- The ledger: which load put which rows of which file into which table. A batch's row is written in the transaction
-- that writes the batch, so that the ledger and the table never differ.

create table sheetload.loads (
    id              uuid primary key,
    -- As it was named on the command line, made absolute.
    file            text not null,
    file_sha256     bytea not null check (octet_length(file_sha256) = 32),
    -- The sheets that were loaded, and what of the file was asked for, in one canonical text.
    sheets          text[] not null,
    selection       text not null,
    -- The table as it was found or created, and its oid: another table of the same name is another table.
    table_schema    text not null,
    table_name      text not null,
    table_oid       oid,
    -- Where rows are gathered until the end of the load, in the table's schema.
    staging_name    text,
    -- in_place: batches commit straight into the table; one_transaction: all of them together; staged: by way of a
    -- staging table that becomes the table, or whose rows do.
    route           text not null check (route in ('in_place', 'one_transaction', 'staged')),
    -- append: rows were added; create: the load made the table; replace: its rows took the place of all others;
    -- upsert: they were merged by a key.
    effect          text not null check (effect in ('append', 'create', 'replace', 'upsert')),
    -- Whether each row carries the load's id in _load_id.
    has_lineage     boolean not null,
    mode            text not null check (mode in ('sequential', 'concurrent', 'batch')),
    commit_mode     text not null check (commit_mode in ('all', 'batch', 'row')),
    -- The settings, as `sheetload resume` takes them up again. No password is among them.
    options         jsonb not null,
    -- For each sheet the header's columns and the table's columns they go into.
    columns         jsonb not null,
    -- Whether the table, or the staging table, is as the first row needs it: said in the transaction that makes it so.
    is_prepared     boolean not null default false,
    -- Counts up with each resume. A batch commits only under the attempt that holds.
    attempt         integer not null default 1,
    -- The connection that speaks for the running attempt: it is alive as long as the server knows it.
    session_pid     integer,
    session_start   timestamptz,
    state           text not null default 'running'
                    check (state in ('running', 'complete', 'interrupted', 'failed', 'undone')),
    -- Why it failed.
    error           text,
    -- A later load that removed these rows from the table.
    superseded_by   uuid references sheetload.loads (id) on delete set null,
    started_at      timestamptz not null default now(),
    finished_at     timestamptz,
    -- read = loaded + rejected + skipped, and what the columns hold.
    rows_read       bigint,
    rows_loaded     bigint,
    rows_rejected   bigint,
    receipt         jsonb
);

create index loads_by_file on sheetload.loads (file_sha256);
create index loads_by_table on sheetload.loads (table_oid);

create table sheetload.batches (
    load_id         uuid not null references sheetload.loads (id) on delete cascade,
    -- The sheet's place among those of the load, from 0, and rows as spreadsheets count them, from 1.
    sheet           integer not null,
    first_row       integer not null,
    -- The last row that is done with. While rows commit one by one it grows.
    last_row        integer not null,
    rows_loaded     bigint not null,
    attempt         integer not null,
    committed_at    timestamptz not null default now(),
    primary key (load_id, sheet, first_row)
);

create table sheetload.rejects (
    load_id         uuid not null references sheetload.loads (id) on delete cascade,
    sheet           integer not null,
    row             integer not null,
    cell            text not null,
    column_name     text,
    stored          text,
    expected        text,
    sqlstate        text not null,
    reason          text not null,
    message         text not null,
    primary key (load_id, sheet, row)
);

-- One row for each part of a batch that was written under a savepoint: it has the same xmin as the rows themselves, by
-- which they are told from those of others when the load is verified. Emptied afterwards.
create table sheetload.savepoints (
    load_id         uuid not null references sheetload.loads (id) on delete cascade
);

create index savepoints_by_load on sheetload.savepoints (load_id);

comment on schema sheetload is 'Which rows sheetload loaded from which files: sheetload history, resume, undo';
