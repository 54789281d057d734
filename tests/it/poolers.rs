//! Poolers that give each transaction another session: a load is refused, and nothing of it stays on their sessions.

use rust_xlsxwriter::Workbook;
use tokio_postgres::NoTls;

use crate::support::import::tables;
use crate::support::pooler::Pooler;
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_before_anything_is_loaded() {
    let database = TestDatabase::create();
    let pooler = Pooler::start(database.port());
    let url = database.url_through(pooler.port());
    // Another program's connection, which has the pooler's session from time to time.
    let (other, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let settings = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings \
                    where name in ('statement_timeout', 'lock_timeout', 'bytea_output', 'DateStyle', 'TimeZone', \
                                   'idle_session_timeout', 'search_path') or source = 'session'";
    let before = one_text(&other, settings).await;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rows.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name"]).unwrap();
    sheet.write(1, 0, 1).unwrap();
    workbook.save(&file).unwrap();
    let file = file.to_str().unwrap();
    let limits = ["--statement-timeout", "7s", "--lock-timeout", "3s"];
    let commands: [&[&str]; 6] = [
        &["import", file, "--table", "t"],
        &["import", file, "--table", "t", "--no-ledger"],
        &["import", file, "--table", "t", "--commit", "batch"],
        &["import", file, "--table", "t", "--mode", "sequential"],
        &[
            "import",
            file,
            "--table",
            "t",
            "--mode",
            "concurrent",
            "--no-ledger",
        ],
        &["history"],
    ];
    for command in commands {
        let mut program = sheetload();
        program.args(command).args(["--database-url", &url]);
        if command[0] == "import" {
            program.args(limits).arg("--quiet");
        }
        // The pooler's threads are not this runtime's.
        let output = program.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{command:?}: {said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        for words in [
            "is a pooler in transaction or statement mode",
            "Connect to the server's own port, or to a pooler in session mode",
        ] {
            assert!(said.contains(words), "{said}");
        }
    }
    assert_eq!(tables(&database), Vec::<String>::new());
    let ledger = "select (to_regnamespace('sheetload') is null)::text";
    assert_eq!(database.value(ledger), "true");
    assert_eq!(one_text(&other, settings).await, before);
}

async fn one_text(client: &tokio_postgres::Client, query: &str) -> String {
    let messages = client.simple_query(query).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.unwrap().to_owned()
}
