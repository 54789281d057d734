//! Real workbooks, from the file to PostgreSQL and back: every cell must be what another reader found in it.
//!
//! The corpus lies beside the repository; without it there is nothing to compare.

mod corpus;
mod load;
mod value;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value as Json;
use sheetload::model::address::CellAddress;

use self::corpus::{Argued, Instead, Reading, Score, Workbook};
use self::load::{Run, Table, WAYS, Way};
use self::value::{Epoch, Errors};
use crate::support::server::TestDatabase;

const THREADS: usize = 3;

/// A cell that is not in the table as it is in the sheet, or a sheet that was not loaded.
struct Difference {
    way: &'static str,
    sheet: String,
    cell: (u32, u32),
    /// What is in the table, if something is.
    found: Option<String>,
    /// What the other reader found, if it found something.
    wanted: Option<Json>,
    what: &'static str,
}

/// What came of one workbook.
#[derive(Default)]
struct Outcome {
    compared: usize,
    differences: Vec<Difference>,
    /// Errors that are not clear, and whatever else must not happen to any file.
    unclear: Vec<String>,
    refused: Vec<String>,
    peak_memory: u64,
}

#[test]
fn every_cell_of_real_workbooks_lands_in_the_table() {
    let Some(directory) = corpus::directory() else {
        report("conformance: no corpus beside the repository, nothing was compared");
        return;
    };
    let only = std::env::var("CONFORMANCE").unwrap_or_default();
    let mut workbooks = corpus::workbooks(&directory);
    workbooks.retain(|workbook| workbook.file.to_string_lossy().contains(&only));
    let database = TestDatabase::create();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .filter(|index| *index < workbooks.len())
                {
                    let outcome = check(&workbooks[index], &database);
                    outcomes.lock().unwrap().insert(index, outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes.len(), workbooks.len());
    let checked: Vec<(&Workbook, Outcome)> = workbooks.iter().zip(outcomes.into_values()).collect();
    conclude(&checked, only.is_empty());
}

/// Loads a workbook in both ways and compares.
fn check(workbook: &Workbook, database: &TestDatabase) -> Outcome {
    let reading = workbook.reading();
    let mut outcome = Outcome::default();
    for way in WAYS {
        let schema = format!("{}_{}", way.name, workbook.id);
        let all = ["--all-sheets", "--hidden", "load"];
        let run = load::load(&workbook.file, &all, way, database, &schema);
        let tables = if run.is_complete() {
            outcome.took(&run);
            run.tables(database)
        } else {
            each_sheet(workbook, &reading, way, database, &run, &mut outcome)
        };
        if reading.is_complete {
            compare(&reading, tables, way, &mut outcome);
        }
    }
    if reading.sheets.iter().any(|sheet| !sheet.is_visible) {
        check_visibility(workbook, &reading, database, &mut outcome);
    }
    outcome
}

impl Outcome {
    /// Notes what every run must keep to.
    fn took(&mut self, run: &Run) {
        self.peak_memory = self.peak_memory.max(run.peak_memory());
        if !run.is_clear() {
            self.unclear.push(run.describe());
        } else if !run.is_complete() {
            self.refused.push(run.describe());
        }
    }
}

/// Loads the sheets one by one, because all together failed with `failed`.
fn each_sheet(
    workbook: &Workbook,
    reading: &Reading,
    way: Way,
    database: &TestDatabase,
    failed: &Run,
    outcome: &mut Outcome,
) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    let is_filled = |place: &usize| !reading.sheets[place - 1].cells.is_empty();
    let places: Vec<usize> = (1..=reading.sheets.len()).filter(is_filled).collect();
    if places.is_empty() {
        outcome.took(failed);
    }
    for place in places {
        let schema = format!("{}_{}_{place}", way.name, workbook.id);
        let sheet = ["--sheet", &place.to_string()];
        let run = load::load(&workbook.file, &sheet, way, database, &schema);
        outcome.took(&run);
        tables.extend(run.tables(database));
    }
    tables
}

fn compare(reading: &Reading, tables: Vec<(String, Table)>, way: Way, outcome: &mut Outcome) {
    let epoch = if reading.date1904 {
        Epoch::From1904
    } else {
        Epoch::From1900
    };
    let mut tables: BTreeMap<String, Table> = tables.into_iter().collect();
    let mut differ = |sheet: &str, cell, found, wanted, what| {
        outcome.differences.push(Difference {
            way: way.name,
            sheet: sheet.to_owned(),
            cell,
            found,
            wanted,
            what,
        });
    };
    for sheet in &reading.sheets {
        let mut table = tables.remove(&sheet.name).unwrap_or_default();
        for (cell, wanted) in &sheet.cells {
            outcome.compared += 1;
            let is_null = way.errors == Errors::Null && wanted["t"] == "e";
            let found = table.cells.remove(cell);
            let agrees = match &found {
                None => is_null,
                Some(found) => {
                    value::agrees(wanted, found, table.types[&cell.1], epoch, way.errors)
                }
            };
            if !agrees {
                differ(&sheet.name, *cell, found, Some(wanted.clone()), "differs");
            }
        }
        for (column, what) in value::untypical_columns(&sheet.cells, &table.types) {
            if way.name == "typed" {
                differ(&sheet.name, (0, column), None, None, what);
            }
        }
        for (cell, found) in table.cells {
            differ(&sheet.name, cell, Some(found), None, "is not in the sheet");
        }
    }
    for (sheet, _) in tables {
        differ(&sheet, (0, 0), None, None, "there is no such worksheet");
    }
}

/// Without `--hidden load`, hidden sheets stay out, and the others go in.
fn check_visibility(
    workbook: &Workbook,
    reading: &Reading,
    database: &TestDatabase,
    outcome: &mut Outcome,
) {
    let schema = format!("visible_{}", workbook.id);
    let run = load::load(
        &workbook.file,
        &["--all-sheets"],
        WAYS[0],
        database,
        &schema,
    );
    if !run.is_complete() {
        outcome.took(&run);
        return;
    }
    let loaded: Vec<String> = run
        .tables(database)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for sheet in reading
        .sheets
        .iter()
        .filter(|sheet| !sheet.cells.is_empty())
    {
        if loaded.contains(&sheet.name) != sheet.is_visible {
            outcome.differences.push(Difference {
                way: "visible",
                sheet: sheet.name.clone(),
                cell: (0, 0),
                found: None,
                wanted: None,
                what: "is hidden and was loaded, or is not and was not",
            });
        }
    }
}

/// Sums by the trust in the other reader.
#[derive(Default)]
struct Sums {
    files: usize,
    refused: usize,
    compared: usize,
    differing: usize,
    argued: usize,
    files_differing: usize,
    peak_memory: u64,
}

/// Prints the report, and fails when a scored workbook differs or any workbook fails unclearly.
fn conclude(checked: &[(&Workbook, Outcome)], is_whole_corpus: bool) {
    let argued = corpus::argued_differences();
    let mut argued_used = vec![false; argued.len()];
    let mut sums: BTreeMap<(Score, &str), Sums> = BTreeMap::new();
    let mut failures = String::new();
    let mut notes = String::new();
    for (workbook, outcome) in checked {
        let sum = sums
            .entry((workbook.score, workbook.trust.as_str()))
            .or_default();
        let mut unargued = Vec::new();
        for difference in &outcome.differences {
            match argument(&argued, workbook, difference) {
                Some(index) => {
                    argued_used[index] = true;
                    sum.argued += 1;
                }
                None => unargued.push(difference),
            }
        }
        sum.files += 1;
        sum.refused += usize::from(!outcome.refused.is_empty());
        sum.compared += outcome.compared;
        sum.differing += unargued.len();
        sum.files_differing += usize::from(!unargued.is_empty());
        sum.peak_memory = sum.peak_memory.max(outcome.peak_memory);
        let is_scored = workbook.score == Score::EveryCell;
        let out = if is_scored && !unargued.is_empty() || !outcome.unclear.is_empty() {
            &mut failures
        } else {
            &mut notes
        };
        describe(workbook, outcome, &unargued, out);
    }
    for (index, used) in argued_used.iter().enumerate() {
        if is_whole_corpus && !used {
            writeln!(failures, "nothing differs any more: {:?}", argued[index]).unwrap();
        }
    }
    report(&format!("{notes}{failures}\n{}", table(&sums)));
    assert!(failures.is_empty(), "{failures}");
}

/// Which argument holds for a difference: one for the cell whose value the table has.
fn argument(argued: &[Argued], workbook: &Workbook, difference: &Difference) -> Option<usize> {
    let Difference {
        way, sheet, cell, ..
    } = difference;
    let found = difference.found.as_deref();
    argued.iter().position(|argued| {
        let holds = match argued.instead {
            Instead::Nothing => found.is_none(),
            Instead::Text(text) => found == Some(text),
            Instead::Duration => {
                let number = difference.wanted.as_ref().and_then(Json::as_f64);
                number
                    .zip(found)
                    .is_some_and(|(number, found)| value::is_duration(number, found))
            }
        };
        holds && argued.covers(&workbook.id, sheet, way, *cell)
    })
}

/// One workbook's differences, the first few of them, and errors.
fn describe(workbook: &Workbook, outcome: &Outcome, unargued: &[&Difference], out: &mut String) {
    let name = workbook.file.file_name().unwrap().to_string_lossy();
    if !unargued.is_empty() {
        let (count, trust) = (unargued.len(), &workbook.trust);
        writeln!(
            out,
            "{name} ({trust}): {count} of {} differ",
            outcome.compared
        )
        .unwrap();
    }
    for difference in unargued.iter().take(12) {
        let (row, column) = difference.cell;
        let at = CellAddress { row, column };
        let (sheet, way, what) = (&difference.sheet, difference.way, difference.what);
        let (found, wanted) = (&difference.found, &difference.wanted);
        let values = format!("{found:?}, not {wanted:?}");
        let values: String = values.chars().take(300).collect();
        writeln!(out, "  {way} {sheet}!{at} {what}: {values}").unwrap();
    }
    for unclear in &outcome.unclear {
        writeln!(out, "{name}: unclear: {unclear}").unwrap();
    }
    let mut refused = outcome.refused.clone();
    refused.dedup();
    for refused in &refused {
        let first_line = refused.lines().next().unwrap_or_default();
        writeln!(out, "{name}: refused: {first_line}").unwrap();
    }
}

fn table(sums: &BTreeMap<(Score, &str), Sums>) -> String {
    let mut table = format!(
        "{:<26}{:>6}{:>9}{:>10}{:>10}{:>8}{:>17}{:>10}\n",
        "trust",
        "files",
        "refused",
        "compared",
        "differing",
        "argued",
        "files differing",
        "peak MiB"
    );
    for ((_, trust), sum) in sums {
        writeln!(
            table,
            "{trust:<26}{:>6}{:>9}{:>10}{:>10}{:>8}{:>17}{:>10}",
            sum.files,
            sum.refused,
            sum.compared,
            sum.differing,
            sum.argued,
            sum.files_differing,
            sum.peak_memory >> 20
        )
        .unwrap();
    }
    table
}

#[expect(
    clippy::print_stderr,
    reason = "the figures are for whoever runs the test"
)]
fn report(text: &str) {
    eprintln!("{text}");
}
