//! Numbers keep the digits that the file has, in columns of every type, or the load says so.

use crate::support::import::{Run, columns, rows};
use crate::support::raw::{number, ods, ods_cell, text, xlsx};
use crate::support::server::TestDatabase;

const IDS: [&str; 4] = [
    "1914310000010100016",
    "9007199254740993",
    "1234567890123456789",
    "-123456789012345678",
];

#[test]
fn long_ids_keep_the_digits_that_the_file_has() {
    let directory = tempfile::tempdir().unwrap();
    let title = |text| ods_cell("office:value-type=\"string\"", text);
    let value = |digits: &str| {
        ods_cell(
            &format!("office:value-type=\"float\" office:value=\"{digits}\""),
            digits,
        )
    };
    let mut in_xlsx = vec![vec![text("txt"), text("n")]];
    let mut in_ods = vec![vec![title("txt"), title("n")]];
    for id in IDS {
        in_xlsx.push(vec![text(id), number(id, 0)]);
        in_ods.push(vec![title(id), value(id)]);
    }
    let files = [
        xlsx(directory.path(), "ids.xlsx", &[], &in_xlsx),
        ods(directory.path(), "ids.ods", &in_ods),
    ];
    for file in &files {
        for sql_type in [
            "bigint",
            "numeric",
            "numeric(30,2)",
            "text",
            "varchar(20)",
            "jsonb",
        ] {
            for mode in ["batch", "sequential"] {
                let database = TestDatabase::create();
                database.query(&format!("create table seen (txt text, n {sql_type})"));
                let report =
                    Run::import(&database, file, &["--table", "seen", "--mode", mode]).document(0);
                assert_eq!(report["warnings"], serde_json::json!([]), "{sql_type}");
                let wrong = "select txt, n::text from seen where n::text::numeric <> txt::numeric";
                assert_eq!(
                    rows(&database, wrong),
                    [""; 0],
                    "{} {sql_type} {mode}",
                    file.display()
                );
            }
        }
        let database = TestDatabase::create();
        database.query("create table seen (txt text, n double precision)");
        let report = Run::import(&database, file, &["--table", "seen"]).document(0);
        let warning = report["warnings"][0].as_str().unwrap();
        assert!(
            warning.starts_with("more than 15 digits in n: 4 (S!B2, …)"),
            "{warning}"
        );
        database.query("drop table seen; create table seen (txt text, n integer)");
        let report = Run::import(&database, file, &["--table", "seen", "--again"]).document(3);
        assert_eq!(report["error_count"], 4);
        assert_eq!(
            report["rejects"][0]["message"],
            "the number is out of range for integer"
        );
        assert_eq!(report["rejects"][0]["stored"], IDS[0]);
    }
}

#[test]
fn doubles_that_stand_for_several_numbers_are_told_of_or_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let file = xlsx(
        directory.path(),
        "doubles.xlsx",
        &[],
        &[
            vec![text("n")],
            vec![number("1.9143100000101E+18", 0)],
            vec![number("9.0071992547409934E+15", 0)],
            vec![number("1E+17", 0)],
            vec![number("9007199254740992", 0)],
            vec![number("1234567890123456", 0)],
        ],
    );
    let database = TestDatabase::create();
    database.query("create table seen (n bigint)");
    let report = Run::import(&database, &file, &["--table", "seen"]).document(3);
    let message = report["rejects"][0]["message"].as_str().unwrap();
    assert!(message.contains("more than 15 digits"), "{message}");
    assert_eq!(report["error_count"], 2);
    // The file has its digits, but whoever wrote them may have had others.
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("more than 15 digits in n: 2 (S!A4, …)"),
        "{warning}"
    );
    assert_eq!(
        rows(&database, "select n::text from seen order by seen.n"),
        ["1234567890123456", "9007199254740992", "100000000000000000"]
    );
    for sql_type in ["numeric", "text", "double precision"] {
        database.query(&format!(
            "drop table seen; create table seen (n {sql_type})"
        ));
        let report = Run::import(&database, &file, &["--table", "seen", "--again"]).document(0);
        let warning = report["warnings"][0].as_str().unwrap();
        assert!(
            warning.starts_with("more than 15 digits in n: 4 (S!A2, …)"),
            "{warning}"
        );
    }
}

#[test]
fn a_double_is_the_cells_double_whatever_its_neighbours_are() {
    let directory = tempfile::tempdir().unwrap();
    let codes = ["0.00", "&quot;$&quot;#,##0.00", "0%", "#,##0"];
    let numbers = [
        ("0.30000000000000004", 0),
        ("0.30000000000000004", 1),
        ("790.7936267415464", 2),
        ("0.6666666666666666", 3),
        ("142857.14285714287", 4),
    ];
    let mut sheet = vec![vec![text("x")]];
    sheet.extend(numbers.map(|(digits, style)| vec![number(digits, style)]));
    let file = xlsx(directory.path(), "doubles.xlsx", &codes, &sheet);
    let database = TestDatabase::create();
    Run::import(&database, &file, &["--table", "seen"]).document(0);
    assert_eq!(columns(&database, "seen"), ["x double precision"]);
    let mut expected = numbers.map(|(digits, _)| digits.to_owned());
    expected.sort();
    let read = "select x::text from seen order by x::text collate \"C\"";
    assert_eq!(rows(&database, read), expected);
    database.query("truncate seen");
    Run::import(&database, &file, &["--table", "seen", "--again"]).document(0);
    assert_eq!(rows(&database, read), expected);
}

#[test]
fn numbers_are_plain_digits_in_text_columns() {
    let directory = tempfile::tempdir().unwrap();
    let codes = [
        "0%",
        "#,##0.00 &quot;€&quot;",
        "dd.mm.yyyy",
        "dd.mm.yyyy hh:mm",
        "h:mm AM/PM",
        "[h]:mm",
        "00000",
        "0.00E+00",
    ];
    let cells = [
        ("5", 0, "5"),
        ("0.1", 0, "0.1"),
        ("0.33333333333333331", 0, "0.3333333333333333"),
        ("123456789012345", 0, "123456789012345"),
        ("1234567890123456", 0, "1234567890123456"),
        ("1E+21", 0, "1000000000000000000000"),
        ("0.00001", 0, "0.00001"),
        ("1E-7", 0, "0.0000001"),
        ("-0", 0, "0"),
        ("1234567890.123456", 0, "1234567890.123456"),
        ("0.08", 1, "0.08"),
        ("1234.5", 2, "1234.5"),
        ("45351", 3, "2024-02-29"),
        ("45351.5", 4, "2024-02-29 12:00:00"),
        ("0.5", 5, "12:00:00"),
        ("1.5", 6, "36:00:00"),
        ("501", 7, "00501"),
        ("123456789012", 8, "123456789012"),
    ];
    let mut sheet = vec![vec![text("id"), text("val")]];
    for (place, (digits, style, _)) in cells.iter().enumerate() {
        sheet.push(vec![number(&place.to_string(), 0), number(digits, *style)]);
    }
    let file = xlsx(directory.path(), "num.xlsx", &codes, &sheet);
    let expected = cells.map(|(_, _, shown)| shown.to_owned());
    let database = TestDatabase::create();
    database.query("create table kept (id integer, val text)");
    Run::import(&database, &file, &["--table", "kept"]).document(0);
    assert_eq!(
        rows(&database, "select val from kept order by id"),
        expected
    );
    Run::import(&database, &file, &["--table", "made", "--types", "text"]).document(0);
    assert_eq!(
        rows(&database, "select val from made order by id::integer"),
        expected
    );
}
