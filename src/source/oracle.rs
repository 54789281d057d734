//! Reads real workbooks and compares every cell with what another reader found.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value as Json;

use super::workbook::{Content, Flow, SheetVisitor};
use crate::error::ErrorKind;
use crate::model::address::{CellAddress, CellRange};
use crate::model::cell::FormatId;
use crate::model::sheet::{SheetKind, Visibility};

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    corpus.is_dir().then_some(corpus)
}

#[derive(Default)]
struct Cells(BTreeMap<(u32, u32), Json>);

impl SheetVisitor for Cells {
    fn dimension(&mut self, _range: CellRange) {}
    fn hidden_columns(&mut self, _first: u32, _last: u32) {}
    fn hidden_row(&mut self, _row: u32) -> Flow {
        Ok(ControlFlow::Continue(()))
    }
    fn cell(&mut self, at: CellAddress, content: Content<'_>, _format: FormatId) -> Flow {
        let value = match content {
            Content::Bool(truth) => Json::from(truth),
            Content::Number(number) => Json::from(number),
            Content::Text(text) => Json::from(text),
            Content::Iso(text) => serde_json::json!({"iso": text}),
            Content::Error(error) => serde_json::json!({"t": "e", "v": error.name()}),
            Content::Uncached => return Ok(ControlFlow::Continue(())),
        };
        self.0.insert((at.row, at.column), value);
        Ok(ControlFlow::Continue(()))
    }
}

fn agrees(ours: Option<&Json>, oracle: &Json) -> bool {
    let Some(ours) = ours else { return false };
    if let (Some(a), Some(b)) = (ours.as_f64(), oracle.as_f64()) {
        return a == b || (a - b).abs() <= a.abs() * 1e-15;
    }
    if let Some(iso) = ours.get("iso") {
        // Another notation of the same moment; the loaded table is what counts.
        return oracle.get("iso").is_some() || iso == oracle;
    }
    if let (Some(a), Some(n)) = (ours.as_f64(), oracle.get("n").and_then(Json::as_f64)) {
        return a == n || (a - n).abs() <= a.abs() * 1e-15;
    }
    if let (Some(a), Some("big")) = (ours.as_f64(), oracle.get("t").and_then(Json::as_str)) {
        let big = oracle["v"]
            .as_str()
            .and_then(|text| text.parse::<f64>().ok());
        return Some(a) == big;
    }
    ours == oracle
}

fn compare(file: &Path, oracle: &Json, differences: &mut Vec<String>) -> Result<usize, ErrorKind> {
    let mut workbook = super::open_workbook(file, None).map_err(|error| {
        differences.push(error.to_string());
        error.kind()
    })?;
    let sheets = workbook.sheets().to_vec();
    let wanted: Vec<&Json> = oracle["sheets"].as_array().unwrap().iter().collect();
    let mut compared = 0;
    for sheet in wanted {
        if sheet["kind"] != "worksheet" {
            continue;
        }
        let name = sheet["name"].as_str().unwrap_or_default();
        let Some(index) = sheets.iter().position(|entry| entry.name == name) else {
            differences.push(format!("no sheet {name:?} among {sheets:?}"));
            continue;
        };
        let visibility = match sheets[index].visibility {
            Visibility::Visible => "visible",
            Visibility::Hidden => "hidden",
            Visibility::VeryHidden => "very_hidden",
        };
        if sheet["visibility"] != visibility || sheets[index].kind != SheetKind::Worksheet {
            differences.push(format!("{name:?} is {:?}", sheets[index]));
        }
        let mut cells = Cells::default();
        if let Err(error) = workbook.read_sheet(index, &mut cells) {
            differences.push(format!("{name:?}: {error}"));
        }
        let mut seen = 0;
        for cell in sheet["cells"].as_array().into_iter().flatten() {
            let at = |index: usize| u32::try_from(cell[index].as_u64().unwrap()).unwrap();
            let (row, column) = (at(0), at(1));
            compared += 1;
            let ours = cells.0.get(&(row, column));
            seen += usize::from(ours.is_some());
            if !agrees(ours, &cell[2]) {
                let at = CellAddress { row, column };
                differences.push(format!("{name:?}!{at}: {ours:?} is {:?}", cell[2]));
            }
        }
        if sheet.get("truncated").is_none() && cells.0.len() > seen {
            differences.push(format!("{name:?}: {} cells too many", cells.0.len() - seen));
        }
    }
    Ok(compared)
}

/// `ORACLE=xls cargo test --lib oracle -- --nocapture` looks at the files whose container has that in its name.
#[test]
fn every_cell_is_as_another_reader_found_it() {
    let Some(corpus) = corpus() else { return };
    let only = std::env::var("ORACLE").unwrap_or_default();
    let manifest = std::fs::read_to_string(corpus.join("manifest.tsv")).unwrap();
    let mut lines = manifest
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|title| *title == name).unwrap();
    let mut failed = 0;
    for line in lines {
        let (id, trust) = (line[column("id")], line[column("trust")]);
        let container = line[column("container")];
        if !container.contains(&only) {
            continue;
        }
        let file = corpus
            .join("files")
            .join(line[column("file")].trim_start_matches("files/"));
        let oracle = File::open(corpus.join(format!("oracle/{id}.json.gz"))).unwrap();
        let oracle: Json = serde_json::from_reader(GzDecoder::new(oracle)).unwrap();
        let mut differences = Vec::new();
        let started = std::time::Instant::now();
        let outcome = compare(&file, &oracle, &mut differences);
        let scored = matches!(trust, "two-readers" | "oracle" | "oracle-only");
        failed += usize::from(scored && !differences.is_empty());
        let calm = differences.is_empty();
        println!(
            "{} {trust} {container} {} {outcome:?} {} differ, {:?}",
            if calm {
                "ok  "
            } else if scored {
                "FAIL"
            } else {
                "info"
            },
            file.file_name().unwrap().to_string_lossy(),
            differences.len(),
            started.elapsed(),
        );
        for difference in differences.iter().take(5) {
            println!("       {difference}");
        }
    }
    assert_eq!(failed, 0, "scored files with differences");
}
