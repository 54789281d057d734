//! Dates and times arrive at the moment that the sheet shows, however many digits a program wrote of them.

use crate::support::import::{Run, columns, rows};
use crate::support::raw::{iso, number, ods, ods_cell, text, xlsx};
use crate::support::server::TestDatabase;

const CODES: [&str; 4] = ["yyyy-mm-dd hh:mm:ss", "hh:mm:ss", "[h]:mm:ss", "yyyy-mm-dd"];
/// 2024-03-31 as a sheet counts days.
const DAY: u64 = 45_382;
const ROWS: u64 = 400;

/// A number of days in so many significant digits.
fn days(thousandths: u64, digits: usize) -> String {
    let days = thousandths as f64 / 86_400_000.0;
    format!("{days:.*e}", digits - 1).replace('e', "E")
}

/// Moments 37 minutes and 7 seconds apart, and so many milliseconds, with the text that each must be.
fn sheet(digits: usize, millis: u64) -> Vec<Vec<String>> {
    let titles = ["txt", "ts", "tz", "tm", "dur"];
    let mut rows = vec![titles.map(text).to_vec()];
    for row in 0..ROWS {
        let at = row * (37 * 60 + 7) * 1_000 + millis;
        let of_day = at % 86_400_000;
        let moment = days(DAY * 86_400_000 + at, digits);
        rows.push(vec![
            text(&at.to_string()),
            number(&moment, 1),
            number(&moment, 1),
            number(&days(of_day, digits), 2),
            number(&days(at, digits), 3),
        ]);
    }
    rows
}

/// Rows that are not at the moment that their text says: milliseconds since the first.
const WRONG: &str = "\
    select count(*)::text from seen, lateral (select timestamp '2024-03-31' + txt::bigint * interval '1 ms' as at) m \
    where ts is distinct from at or tz is distinct from at at time zone 'UTC' or tm is distinct from at::time \
       or dur is distinct from txt::bigint * interval '1 ms'";

#[test]
fn whole_seconds_are_whole_whatever_the_digits() {
    let directory = tempfile::tempdir().unwrap();
    for digits in [12, 14, 15, 16, 17] {
        let file = xlsx(directory.path(), "seconds.xlsx", &CODES, &sheet(digits, 0));
        let database = TestDatabase::create();
        database.query(
            "create table seen (txt text, ts timestamp(0), tz timestamptz(0), tm time(0), dur interval(0))",
        );
        let report = Run::import(&database, &file, &["--table", "seen"]).document(0);
        assert_eq!(report["success_count"], ROWS, "{digits} digits");
        assert_eq!(rows(&database, WRONG), ["0"], "{digits} digits");
        database.query("drop table seen");
        Run::import(&database, &file, &["--table", "seen", "--again"]).document(0);
        assert_eq!(
            columns(&database, "seen"),
            [
                "txt text",
                "ts timestamp without time zone",
                "tz timestamp without time zone",
                "tm time without time zone",
                "dur interval"
            ]
        );
        let wrong = WRONG.replace("at at time zone 'UTC'", "at");
        assert_eq!(rows(&database, &wrong), ["0"], "{digits} digits, new table");
    }
}

#[test]
fn milliseconds_are_kept_and_never_rounded_to_fewer() {
    let directory = tempfile::tempdir().unwrap();
    for (digits, millis) in [(16, 1), (17, 500), (15, 999)] {
        let file = xlsx(
            directory.path(),
            "millis.xlsx",
            &CODES,
            &sheet(digits, millis),
        );
        let database = TestDatabase::create();
        database.query("create table seen (txt text, ts timestamp(3), tz timestamptz, tm time(3), dur interval)");
        Run::import(&database, &file, &["--table", "seen"]).document(0);
        assert_eq!(rows(&database, WRONG), ["0"], "{digits} digits");
        database.query("drop table seen; create table seen (txt text, ts timestamp, tz timestamptz(2), tm time, dur interval)");
        let report = Run::import(&database, &file, &["--table", "seen", "--again"])
            .document(if millis == 500 { 0 } else { 3 });
        let rejected = if millis == 500 { 0 } else { ROWS };
        assert_eq!(
            report["error_count"], rejected,
            "{millis} ms into two decimals"
        );
    }
}

#[test]
fn what_a_text_of_iso_8601_says_to_the_microsecond_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let moment = |text: &str| {
        ods_cell(
            &format!("office:value-type=\"date\" office:date-value=\"{text}\""),
            "x",
        )
    };
    let time = |text: &str| {
        ods_cell(
            &format!("office:value-type=\"time\" office:time-value=\"{text}\""),
            "x",
        )
    };
    let title = |text| ods_cell("office:value-type=\"string\"", text);
    let file = ods(
        directory.path(),
        "moments.ods",
        &[
            vec![title("ts"), title("tm")],
            vec![
                moment("2024-03-31T00:37:06.999999686"),
                time("PT00H37M06.999999686S"),
            ],
            vec![
                moment("2024-03-31T00:37:07.000003"),
                time("PT00H37M07.000003S"),
            ],
            vec![moment("2024-03-31T00:37:07.5"), time("PT23H59M59.9999993S")],
            vec![
                moment("2024-03-30T23:59:59.9999991"),
                time("PT00H00M00.123456S"),
            ],
        ],
    );
    let database = TestDatabase::create();
    Run::import(&database, &file, &["--table", "seen"]).document(0);
    assert_eq!(
        rows(
            &database,
            "select ts::text, tm::text from seen order by ts, tm"
        ),
        [
            "2024-03-31 00:00:00|00:00:00.123456",
            "2024-03-31 00:37:07|00:37:07",
            "2024-03-31 00:37:07.000003|00:37:07.000003",
            "2024-03-31 00:37:07.5|24:00:00",
        ]
    );
}

#[test]
fn a_cell_with_a_zone_is_an_instant_where_the_column_has_one() {
    let directory = tempfile::tempdir().unwrap();
    let both = |moment: &str| vec![iso(moment), iso(moment)];
    let file = xlsx(
        directory.path(),
        "instants.xlsx",
        &CODES,
        &[
            vec![text("tz"), text("ts")],
            both("2024-07-01T12:00:00Z"),
            both("2024-07-01T12:00:00"),
            vec![iso("2024-07-01T12:00:00+02:00")],
        ],
    );
    let database = TestDatabase::create();
    database.query("create table seen (tz timestamptz, ts timestamp)");
    let args = ["--table", "seen", "--time-zone", "America/New_York"];
    Run::import(&database, &file, &args).document(0);
    assert_eq!(
        rows(
            &database,
            "select (tz at time zone 'UTC')::text, ts::text from seen order by 1, 2"
        ),
        [
            "2024-07-01 10:00:00|~",
            "2024-07-01 12:00:00|2024-07-01 12:00:00",
            "2024-07-01 16:00:00|2024-07-01 12:00:00",
        ]
    );
}

#[test]
fn moments_without_a_zone_are_in_the_zone_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = xlsx(
        directory.path(),
        "zones.xlsx",
        &CODES,
        &[
            vec![text("at"), text("clock")],
            vec![number("45474.5", 1), text("12:00+02")],
            vec![text("2024-01-01 12:00"), text("12:00Z")],
            vec![text("2024-01-01T12:00:00Z")],
            vec![number("45474", 4)],
            vec![text("2024-01-02"), text("12:00")],
        ],
    );
    let database = TestDatabase::create();
    database.query("create table seen (at timestamptz, clock timetz)");
    let zone = ["--table", "seen", "--time-zone", "Europe/Berlin"];
    let report = Run::import(&database, &file, &zone).document(3);
    assert_eq!(report["rejects"][0]["cell"], "S!B6");
    let read = "select (at at time zone 'UTC')::text, (clock at time zone 'UTC')::text from seen order by at";
    assert_eq!(
        rows(&database, read),
        [
            "2024-01-01 11:00:00|12:00:00+00",
            "2024-01-01 12:00:00|~",
            "2024-06-30 22:00:00|~",
            "2024-07-01 10:00:00|10:00:00+00",
        ]
    );
    database.query("truncate seen");
    Run::import(&database, &file, &["--table", "seen", "--again"]).document(0);
    assert_eq!(
        rows(&database, read),
        [
            "2024-01-01 12:00:00|12:00:00+00",
            "2024-01-01 12:00:00|~",
            "2024-01-02 00:00:00|12:00:00+00",
            "2024-07-01 00:00:00|~",
            "2024-07-01 12:00:00|10:00:00+00",
        ]
    );
    for zone in ["UTC+2", "Mars/Olympus_Mons"] {
        let run = Run::import(
            &database,
            &file,
            &["--table", "seen", "--again", "--time-zone", zone],
        );
        assert_eq!(run.code, 2, "{zone}: {}", run.stderr);
    }
}
