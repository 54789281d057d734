//! What cannot be loaded: each case has a message of one or two lines, its exit code, nothing on stdout, and leaves
//! the database as it was.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use insta::{allow_duplicates, assert_snapshot};
use rust_xlsxwriter::Workbook;

use crate::support::program::sheetload;
use crate::support::server::{TestDatabase, shared_server};

const SECRET: &str = "sEkReT-42";

/// A database with a table, and a directory with files of the test's own.
struct Case {
    database: TestDatabase,
    directory: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let database = TestDatabase::create();
        database.query(
            "create table stock (id int, name text not null, price numeric); \
             insert into stock values (7, 'old', 1.5)",
        );
        Self {
            database,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A workbook with one sheet, `Stock`, that holds these rows.
    fn workbook(&self, name: &str, rows: &[&[&str]]) -> PathBuf {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.set_name("Stock").unwrap();
        for (row, cells) in rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let (row, column) = (u32::try_from(row).unwrap(), u16::try_from(column).unwrap());
                match cell.parse::<f64>() {
                    Ok(number) => sheet.write(row, column, number).unwrap(),
                    Err(_) => sheet.write(row, column, *cell).unwrap(),
                };
            }
        }
        let path = self.path(name);
        workbook.save(&path).unwrap();
        path
    }

    fn good(&self) -> PathBuf {
        self.workbook("good.xlsx", &[&["id", "name"], &["1", "a"], &["2", "b"]])
    }

    /// Every relation with its number of rows, every schema, every column; without the schema `but`.
    fn state(&self, but: &str) -> Vec<Vec<Option<String>>> {
        self.database.query(&format!(
            "select n.nspname::text, c.relname::text, c.relkind::text, \
                    case when c.relkind = 'r' then (xpath('/row/n/text()', query_to_xml( \
                        format('select count(*) n from %I.%I', n.nspname, c.relname), \
                        false, true, '')))[1]::text end, \
                    (select string_agg(a.attname, ',' order by a.attnum) from pg_attribute a \
                     where a.attrelid = c.oid and a.attnum > 0) \
             from pg_namespace n left join pg_class c on c.relnamespace = n.oid \
             where n.nspname not like 'pg\\_%' and n.nspname not in ('information_schema', '{but}') \
             order by 1, 2",
        ))
    }

    /// Runs an import that must be refused before it begins, as another user where one is given, and gives its message.
    /// Nothing is changed, and there is no record of it.
    fn refused_as(&self, url: &str, code: i32, file: &Path, args: &[&str]) -> String {
        let before = self.state("");
        let message = self.message_as(url, code, file, args);
        assert_eq!(self.state(""), before, "{message}");
        message
    }

    /// Runs an import that must fail once it has begun: that it did is recorded, and nothing else has changed.
    fn failed_as(&self, url: &str, code: i32, file: &Path, args: &[&str]) -> String {
        let before = self.state("sheetload");
        let message = self.message_as(url, code, file, args);
        assert_eq!(self.state("sheetload"), before, "{message}");
        let last = self.database.query(
            "select state, rows_loaded::text, (finished_at is not null)::text \
             from sheetload.loads order by id desc limit 1",
        );
        let ended = ["failed", "0", "true"].map(|text| Some(text.to_owned()));
        assert_eq!(last, [ended], "{message}");
        message
    }

    fn message_as(&self, url: &str, code: i32, file: &Path, args: &[&str]) -> String {
        let output = sheetload()
            .arg("import")
            .arg(file)
            .args(args)
            .args(["--database-url", url])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{stderr}");
        assert!((1..=2).contains(&stderr.lines().count()), "{stderr}");
        assert!(!stderr.contains(SECRET), "{stderr}");
        assert!(
            !stderr.contains(shared_server().password().expose()),
            "{stderr}"
        );
        self.redacted(&stderr)
    }

    fn refused(&self, code: i32, file: &Path, args: &[&str]) -> String {
        self.refused_as(&self.database.url(), code, file, args)
    }

    fn failed(&self, code: i32, file: &Path, args: &[&str]) -> String {
        self.failed_as(&self.database.url(), code, file, args)
    }

    fn redacted(&self, text: &str) -> String {
        let server = shared_server();
        text.replace(&self.directory.path().display().to_string(), "[dir]")
            .replace(env!("CARGO_MANIFEST_DIR"), "[project]")
            .replace(&format!("{}:{}", server.host(), server.port()), "[server]")
            .replace(self.database.name(), "[database]")
            // The numbers are each system's own.
            .replace(" (os error 2)", "")
            .replace(" (os error 61)", "")
            .replace(" (os error 111)", "")
    }

    /// A role of this test's own, without any right but to connect, and its URL.
    fn role(&self, options: &str) -> (String, String) {
        // Roles are the server's, and the database's name is unique there.
        let role = format!("{}_role", self.database.name());
        self.database.query(&format!(
            "create role {role} login password '{SECRET}' {options}; \
             revoke create on schema public from public"
        ));
        let server = shared_server();
        let url = format!(
            "postgresql://{role}:{SECRET}@{}:{}/{}",
            server.host(),
            server.port(),
            self.database.name()
        );
        (role, url)
    }
}

#[test]
fn what_is_no_workbook_is_called_so() {
    let case = Case::new();
    let refused = |name: &str, bytes: &[u8]| {
        let path = case.path(name);
        fs::write(&path, bytes).unwrap();
        case.refused(4, &path, &[])
    };
    assert_snapshot!(refused("list.xlsx", b"id,name\n1,a\n"), @r"
    sheetload: [dir]/list.xlsx is comma-separated text (CSV), not a workbook
      Open it in a spreadsheet program and save it as .xlsx, or load it with psql's \copy
    ");
    assert_snapshot!(refused("logo.xls", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), @r"
    sheetload: [dir]/logo.xls is a picture, not a workbook
      Ask for the data as a workbook, or export it from its program as .xlsx
    ");
    let noise: Vec<u8> = (0..4_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    assert_snapshot!(refused("noise.ods", &noise), @r"
    sheetload: [dir]/noise.ods is not a workbook, whatever its name says: its first bytes are of no format that is read
      Name a workbook: xlsx, xlsm, xlsb, xls or ods
    ");
    assert_snapshot!(refused("nothing.xlsx", b""), @r"
    sheetload: [dir]/nothing.xlsx is an empty file
      Name a workbook: xlsx, xlsm, xlsb, xls or ods
    ");
    let compound = [&b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"[..], &[0; 600]].concat();
    let message = refused("hollow.xls", &compound);
    assert!(
        message.starts_with("sheetload: [dir]/hollow.xls is damaged"),
        "{message}"
    );
}

#[test]
fn what_cannot_be_read_is_named_with_the_reason() {
    let case = Case::new();
    assert_snapshot!(case.refused(4, &case.path("missing.xlsx"), &[]), @r"
    sheetload: [dir]/missing.xlsx cannot be read: No such file or directory
      Check the path and the file's permissions
    ");
    let folder = case.path("folder.xlsx");
    fs::create_dir(&folder).unwrap();
    assert_snapshot!(case.refused(4, &folder, &[]), @r"
    sheetload: [dir]/folder.xlsx is a folder, not a workbook
      Name a workbook: xlsx, xlsm, xlsb, xls or ods
    ");
    // Nobody can read it, not even root, to whom permissions do not apply.
    let circle = case.path("circle.xlsx");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let message = case.refused(4, &circle, &[]);
    assert!(
        message.starts_with("sheetload: [dir]/circle.xlsx cannot be read: "),
        "{message}"
    );
}

/// A zip file with these members.
fn zip_file(path: &Path, members: &[(&str, &str)]) {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, text) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn other_zip_files_are_no_workbooks() {
    let case = Case::new();
    let refused = |name: &str, members: &[(&str, &str)]| {
        let path = case.path(name);
        zip_file(&path, members);
        case.refused(4, &path, &[])
    };
    assert_snapshot!(refused("photos.zip", &[("a.txt", "x")]), @r"
    sheetload: [dir]/photos.zip is a zip file, but not a workbook
      Name a workbook: xlsx, xlsm, xlsb, xls or ods
    ");
    let word = [
        ("[Content_Types].xml", "<x/>"),
        ("word/document.xml", "<x/>"),
    ];
    assert_snapshot!(refused("letter.docx", &word), @r"
    sheetload: [dir]/letter.docx is a text or a presentation, not a workbook
      Name a workbook: xlsx, xlsm, xlsb, xls or ods
    ");
    let odt = [
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        ("content.xml", "<x/>"),
    ];
    assert_snapshot!(refused("letter.odt", &odt), @r"
    sheetload: [dir]/letter.odt is a text or a presentation, not a workbook
      Name a workbook: xlsx, xlsm, xlsb, xls or ods
    ");
}

#[test]
fn a_workbook_cut_off_anywhere_is_damaged() {
    let case = Case::new();
    let whole = fs::read(case.good()).unwrap();
    // The end-of-directory record has 22 bytes (APPNOTE.TXT 4.3.16); the directory lies before it.
    for length in [
        10,
        100,
        whole.len() / 2,
        whole.len() - 200,
        whole.len() - 10,
    ] {
        let path = case.path("cut.xlsx");
        fs::write(&path, &whole[..length]).unwrap();
        let message = case.refused(4, &path, &["--table", "stock"]);
        assert_eq!(
            message,
            "sheetload: [dir]/cut.xlsx is damaged: its zip directory is missing or cut off\n  \
             Copy or download the file again, or save it anew with a spreadsheet program\n",
            "{length} bytes"
        );
    }
}

#[test]
fn a_member_with_corrupt_data_is_damaged() {
    let case = Case::new();
    let rows: Vec<Vec<String>> = (0..400)
        .map(|row| vec![row.to_string(), format!("name {}", row * row * 7919)])
        .collect();
    let rows: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let mut sheet: Vec<&[&str]> = vec![&["id", "name"]];
    sheet.extend(rows.iter().map(Vec::as_slice));
    let good = case.workbook("whole.xlsx", &sheet);
    for member in [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/workbook.xml",
    ] {
        let mut bytes = fs::read(&good).unwrap();
        let mut archive = zip::ZipArchive::new(fs::File::open(&good).unwrap()).unwrap();
        let (start, size) = {
            let file = archive.by_name(member).unwrap();
            (file.data_start().unwrap(), file.compressed_size())
        };
        let middle = usize::try_from(start + size / 2).unwrap();
        for byte in &mut bytes[middle..middle + 20] {
            *byte ^= 0x5A;
        }
        let path = case.path("corrupt.xlsx");
        fs::write(&path, &bytes).unwrap();
        // Into a table to be created, and into one that there is.
        for args in [
            &[][..],
            &["--table", "stock"],
            &["--table", "stock", "--if-exists", "replace"],
        ] {
            let message = case.refused(4, &path, args);
            assert!(
                message.starts_with("sheetload: [dir]/corrupt.xlsx is damaged: "),
                "{member}: {message}"
            );
            assert!(
                message.contains("opy or download the file again"),
                "{message}"
            );
        }
    }
}

#[test]
fn a_password_protected_workbook_is_called_so() {
    let case = Case::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/encrypted.xlsx");
    assert_snapshot!(case.refused(4, &file, &[]), @r"
    sheetload: [project]/sample_data/encrypted.xlsx is protected by a password (agile encryption with AES-256 and SHA-512)
      Give the password with --password-file or SHEETLOAD_PASSWORD
    ");
}

#[test]
fn a_missing_sheet_lists_those_there_are() {
    let case = Case::new();
    let mut workbook = Workbook::new();
    for name in ["Stock", "Q3 2026"] {
        workbook.add_worksheet().set_name(name).unwrap();
    }
    let path = case.path("book.xlsx");
    workbook.save(&path).unwrap();
    assert_snapshot!(case.refused(4, &path, &["--sheet", "Stok"]), @r#"
    sheetload: [dir]/book.xlsx has no sheet named "Stok"
      The sheets there are: "Stock", "Q3 2026"
    "#);
    assert_snapshot!(case.refused(4, &path, &["--sheet", "Stock"]), @r#"
    sheetload: sheet "Stock" of [dir]/book.xlsx has no filled cell
      Name another sheet with --sheet
    "#);
}

#[test]
fn a_sheet_without_rows_changes_nothing() {
    let case = Case::new();
    let file = case.workbook("rows.xlsx", &[&["id", "name"]]);
    for args in [
        &[][..],
        &["--table", "stock"],
        &["--table", "stock", "--if-exists", "truncate"],
        &["--table", "stock", "--if-exists", "replace"],
    ] {
        allow_duplicates! {
                assert_snapshot!(case.refused(4, &file, args), @r#"
        sheetload: sheet "Stock" of [dir]/rows.xlsx has a header, but no rows below it
          Fill in rows, or name another sheet with --sheet
        "#);
        }
    }
}

#[test]
fn everything_that_does_not_fit_the_table_is_told_at_once() {
    let case = Case::new();
    let file = case.workbook(
        "odd.xlsx",
        &[&["ID", "Nmae", "id", "Price"], &["1", "a", "2", "3"]],
    );
    assert_snapshot!(case.refused(4, &file, &["--table", "stock"]), @r#"
    sheetload: sheet "Stock": the header does not fit table public.stock: "id" (sheet column C) is a second title for column id; no column for "Nmae" (sheet column B); column name must have a value, and the sheet lacks it
      The table's columns are: id, name, price; --extra-columns ignore leaves others out, add adds them to the table; --map "B=column" says where the sheet's column B goes, "-B" leaves it out
    "#);
}

#[test]
fn what_is_no_table_and_what_is_nowhere_is_told() {
    let case = Case::new();
    case.database.query(
        "create sequence numbers; create index by_id on stock (id); \
         create view names as select id, min(name) as name from stock group by id",
    );
    let file = case.good();
    for name in ["numbers", "by_id"] {
        let message = case.refused(5, &file, &["--table", name]);
        assert_eq!(
            message,
            format!(
                "sheetload: public.{name} is not a table that rows can be loaded into\n  Name a table with --table\n"
            )
        );
    }
    assert_snapshot!(case.refused(5, &file, &["--table", "names"]), @r#"
    sheetload: rows cannot be copied into public.names, because it is a view without an INSTEAD OF trigger
      Use --mode sequential or --mode concurrent, which insert the rows one by one
    "#);
    assert_snapshot!(case.failed(5, &file, &["--table", "nowhere.stock"]), @r#"
    sheetload: cannot create table nowhere.stock: schema "nowhere" does not exist
      Create the schema, or name another with --table schema.table
    "#);
    assert_snapshot!(case.refused(2, &file, &["--table", "stock", "--if-exists", "fail"]), @r"
    sheetload: table stock exists already
      Name another table, or say --if-exists append, replace or truncate
    ");
}

#[test]
fn a_missing_right_is_named_before_anything_is_done() {
    let case = Case::new();
    let (role, url) = case.role("");
    let file = case.good();
    let refused = |args: &[&str]| {
        case.refused_as(&url, 5, &file, args)
            .replace(&role, "[role]")
    };
    assert_snapshot!(refused(&["--table", "new"]), @r"
    sheetload: cannot make the schema sheetload for the ledger: permission denied for database [database]
      Ask for the right to create schemas in this database, or load with --no-ledger; such a load cannot be resumed
    ");
    assert_snapshot!(refused(&["--table", "new", "--no-ledger"]), @r"
    sheetload: cannot create table public.new: permission denied for schema public
      Ask the owner to grant the right, or connect as another user
    ");
    for mode in ["sequential", "concurrent", "batch"] {
        allow_duplicates! {
                    assert_snapshot!(refused(&["--table", "stock", "--mode", mode]).replace("[database]_role", "[role]"), @r#"
        sheetload: user "[role]" lacks the right to insert into table public.stock
          Ask the table's owner to grant insert on "public"."stock" to "[role]", or connect as another user
        "#);
        }
    }
    case.database
        .query(&format!("grant insert on stock to {role}"));
    for how in ["replace", "truncate"] {
        let message = refused(&["--table", "stock", "--if-exists", how]);
        assert!(
            message.contains("lacks the right to truncate table public.stock"),
            "{message}"
        );
    }
    // A right to other columns than those of the sheet shows when rows are written.
    case.database.query(&format!(
        "revoke insert on stock from {role}; grant insert (id) on stock to {role}"
    ));
    assert_snapshot!(refused(&["--table", "stock", "--no-ledger"]), @r"
    sheetload: cannot write rows to public.stock: permission denied for table stock
      Nothing was committed. Ask the owner to grant the right, or connect as another user
    ");
}

#[test]
fn a_ledger_of_another_user_is_no_reason_to_fail_in_the_dark() {
    let case = Case::new();
    let (role, url) = case.role("");
    case.database
        .query(&format!("grant insert on stock to {role}"));
    let file = case.good();
    let owner = case.database.url();
    let load = |url: &str, args: &[&str]| {
        sheetload()
            .arg("import")
            .arg(&file)
            .args(["--table", "stock", "--database-url", url])
            .args(args)
            .output()
            .unwrap()
    };
    assert_eq!(load(&owner, &[]).status.code(), Some(0));
    // Without any right, and without all that it takes.
    for right in [
        "usage on schema sheetload",
        "select on all tables in schema sheetload",
    ] {
        let message = case.refused_as(&url, 5, &file, &["--table", "stock"]);
        assert!(
            message.contains(" the ledger: permission denied for ")
                && message.contains("Ask for usage on the schema sheetload and for select, ")
                && message.contains("--no-ledger"),
            "{message}"
        );
        case.database.query(&format!("grant {right} to {role}"));
    }
    let without = load(&url, &["--no-ledger"]);
    assert_eq!(without.status.code(), Some(0), "{without:?}");
    case.database.query(&format!(
        "grant insert, update, delete on all tables in schema sheetload to {role}"
    ));
    assert_eq!(load(&url, &[]).status.code(), Some(7));
    assert_eq!(load(&url, &["--again"]).status.code(), Some(0));
}

#[test]
fn a_server_that_does_not_let_one_in_is_named_without_the_password() {
    let case = Case::new();
    let file = case.good();
    let server = shared_server();
    let (host, port) = (server.host(), server.port());
    // A port that was free a moment ago.
    let closed = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
    let url = format!("postgresql://me:{SECRET}@{closed}/shop");
    let message = case.refused_as(&url, 5, &file, &["--retry-for", "0"]);
    assert_snapshot!(message.replace(&closed.to_string(), "[closed]"), @r"
    sheetload: no server answers at [closed]: Connection refused
      Check that the server is running and listens there: host, port, listen_addresses, firewall
    ");
    let user = server.user();
    let database = case.database.name();
    let url = format!("postgresql://{user}:{SECRET}@{host}:{port}/{database}");
    assert_snapshot!(case.refused_as(&url, 5, &file, &[]), @r#"
    sheetload: the server at [server] does not let user "sheetload" in: password authentication failed for user "sheetload"
      Check PGPASSWORD or ~/.pgpass, and pg_hba.conf on the server
    "#);
    let url = case.database.url().replace(database, "no_such_shop");
    assert_snapshot!(case.refused_as(&url, 5, &file, &[]), @r#"
    sheetload: the server at [server] has no database "no_such_shop"
      Create it with createdb no_such_shop, or name another
    "#);

    let url = format!("mysql://{user}:{SECRET}@{host}:{port}/{database}");
    assert_snapshot!(case.refused_as(&url, 2, &file, &[]), @r"
    sheetload: the connection URL does not begin with postgresql:// or postgres://
      Write postgresql://user@host:5432/database, with special characters as %XX (@ is %40), and the password in PGPASSWORD or ~/.pgpass
    ");
}

#[test]
fn too_few_connections_are_told_with_the_number_that_fits() {
    let case = Case::new();
    let file = case.good();
    assert_snapshot!(case.refused(2, &file, &["--workers", "500"]), @r"
    sheetload: --workers 500 is too many
      Use at most 128
    ");
    let message = case.refused(5, &file, &["--workers", "128"]);
    assert!(
        message.starts_with(
            "sheetload: 129 connections are needed (128 for workers, 1 beside them), and "
        ) && message.contains("(max_connections = ")
            && message.contains("\n  Use --workers "),
        "{message}"
    );
    let (role, url) = case.role("connection limit 3");
    case.database
        .query(&format!("grant insert on stock to {role}"));
    let message = case.refused_as(&url, 5, &file, &["--table", "stock", "--workers", "3"]);
    assert_snapshot!(message, @r#"
    sheetload: 4 connections are needed (3 for workers, 1 beside them), and postgresql://[database]_role@[server]/[database] has 3 free (the connection limit 3 of role "[database]_role")
      Use --workers 2 or fewer, or alter role "[database]_role" connection limit -1
    "#);
    // As many as are said to fit do, and the least number is two, however rows are written.
    for (limit, args) in [
        (3, &["--workers", "2"][..]),
        (3, &["--workers", "2", "--no-ledger"]),
        (2, &["--again"]),
        (2, &["--no-ledger"]),
        (
            2,
            &["--mode", "sequential", "--no-ledger", "--table", "new_1"],
        ),
        (
            2,
            &["--mode", "concurrent", "--no-ledger", "--table", "new_2"],
        ),
        (2, &["--commit", "batch", "--table", "new_3"]),
        (2, &["--commit", "all", "--no-ledger", "--table", "new_4"]),
        (2, &["--mode", "concurrent", "--table", "new_5"]),
    ] {
        case.database.query(&format!(
            "alter role {role} connection limit {limit}; grant create on schema public to {role}; \
             grant create on database {} to {role}; truncate stock",
            case.database.name()
        ));
        let table = match args.contains(&"--table") {
            true => &[][..],
            false => &["--table", "stock"],
        };
        let loaded = sheetload()
            .arg("import")
            .arg(&file)
            .args([args, table].concat())
            .args(["--quiet", "--database-url", &url])
            .output()
            .unwrap();
        assert_eq!(loaded.status.code(), Some(0), "{args:?}: {loaded:?}");
    }
}

#[test]
fn the_private_server_and_samples_say_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let run = |code: i32, args: &[&str]| {
        let output = sheetload()
            .env("SHEETLOAD_HOME", directory.path().join("none"))
            .current_dir(directory.path())
            .args(args)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(output.stdout.is_empty(), "{stderr}");
        // Commands are printed as the program was called.
        stderr.replace(env!("CARGO_BIN_EXE_sheetload"), "sheetload")
    };
    assert_snapshot!(run(5, &["db", "url"]), @r"
    sheetload: the private server is not running
      Start it with `sheetload db start`
    ");
    assert_snapshot!(run(1, &["sample", "-o", "nowhere/a.xlsx"]), @r"
    sheetload: cannot write nowhere/a.xlsx: No such file or directory (os error 2)
      Name a file in a directory that exists, is yours to write to and has space
    ");
    assert_snapshot!(run(2, &["sample", "--rows", "2000000", "-o", "a.xlsx"]), @r"
    sheetload: 2000000 rows do not fit into a sheet, which has 1048575 below its header
      Ask for fewer rows, or write several workbooks with different seeds
    ");
    assert_snapshot!(run(2, &["import", "a.xlsx", "--workers", "0"]), @r"
    error: invalid value '0' for '--workers <N>': a whole number from 1 is needed

    For more information, try '--help'.
    ");
    assert_snapshot!(run(2, &["import", "a.xlsx", "--table", "a.b.c"]), @r"
    error: invalid value 'a.b.c' for '--table <T>': write table or schema.table, a name with a dot in double quotes

    For more information, try '--help'.
    ");
    // No server was started to find out.
    assert!(!directory.path().join("none").exists());
}
