//! The workbooks, what another reader found in them, and the differences that are argued for.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use sheetload::model::address::{CellAddress, CellRange};

/// How far the other reading can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Score {
    /// Every cell must be the same.
    EveryCell,
    /// It opens, or gives a clear error.
    OpensOrSaysWhy,
}

/// One workbook of the corpus.
#[derive(Debug)]
pub(super) struct Workbook {
    pub(super) id: String,
    pub(super) file: PathBuf,
    pub(super) trust: String,
    pub(super) score: Score,
    oracle: PathBuf,
}

/// What the other reader found in a sheet.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) is_visible: bool,
    pub(super) cells: BTreeMap<(u32, u32), Json>,
}

/// What the other reader found in a workbook: its worksheets.
#[derive(Debug)]
pub(super) struct Reading {
    /// Whether the other reader could read it.
    pub(super) is_complete: bool,
    pub(super) date1904: bool,
    pub(super) sheets: Vec<Sheet>,
}

/// The directory of the corpus, which is not part of this repository.
pub(super) fn directory() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    directory.is_dir().then_some(directory)
}

pub(super) fn workbooks(directory: &Path) -> Vec<Workbook> {
    let manifest = std::fs::read_to_string(directory.join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').collect());
    let titles: Vec<&str> = lines.next().unwrap();
    let place = |title: &str| titles.iter().position(|other| *other == title).unwrap();
    let (id, file, trust) = (place("id"), place("file"), place("trust"));
    lines
        .map(|fields: Vec<&str>| Workbook {
            id: fields[id].to_owned(),
            file: directory.join(fields[file]),
            trust: fields[trust].to_owned(),
            score: match fields[trust] {
                "two-readers" | "oracle" | "oracle-only" => Score::EveryCell,
                _ => Score::OpensOrSaysWhy,
            },
            oracle: directory.join(format!("oracle/{}.json.gz", fields[id])),
        })
        .collect()
}

impl Workbook {
    pub(super) fn reading(&self) -> Reading {
        let file = GzDecoder::new(File::open(&self.oracle).unwrap());
        let oracle: Json = serde_json::from_reader(file).unwrap();
        let sheets = oracle["sheets"].as_array().map_or(&[][..], Vec::as_slice);
        Reading {
            is_complete: oracle["status"] == "ok",
            date1904: oracle["date1904"] == true,
            sheets: sheets
                .iter()
                .filter(|sheet| sheet["kind"] == "worksheet")
                .map(|sheet| Sheet {
                    name: sheet["name"].as_str().unwrap().to_owned(),
                    is_visible: sheet["visibility"] == "visible",
                    cells: cells(sheet),
                })
                .collect(),
        }
    }
}

fn cells(sheet: &Json) -> BTreeMap<(u32, u32), Json> {
    let number = |value: &Json| u32::try_from(value.as_u64().unwrap()).unwrap();
    let cells = sheet["cells"].as_array().map_or(&[][..], Vec::as_slice);
    cells
        .iter()
        .map(|cell| ((number(&cell[0]), number(&cell[1])), cell[2].clone()))
        .collect()
}

/// A difference with a reason, which is written beside it in the file.
#[derive(Debug)]
pub(super) struct Argued {
    id: &'static str,
    sheet: &'static str,
    /// All cells without one.
    cells: Option<CellRange>,
    load: &'static str,
    /// What the table must hold instead.
    pub(super) instead: Instead,
}

/// What a cell must have become where the other reading is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// NULL, or no row at all.
    Nothing,
    /// The number as a duration.
    Duration,
    /// This text.
    Text(&'static str),
}

impl Argued {
    pub(super) fn covers(&self, id: &str, sheet: &str, load: &str, cell: (u32, u32)) -> bool {
        let (row, column) = cell;
        let range_covers = self
            .cells
            .is_none_or(|cells| cells.contains(CellAddress { row, column }));
        self.id == id
            && (self.sheet == "*" || self.sheet == sheet)
            && (self.load == "*" || self.load == load)
            && range_covers
    }
}

/// The differences that are argued for.
pub(super) fn argued_differences() -> Vec<Argued> {
    include_str!("argued_differences.tsv")
        .lines()
        .filter(|line| !line.starts_with("# ") && !line.is_empty())
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [id, sheet, cells, load, instead, reason] = fields[..] else {
                panic!("six fields: {line}");
            };
            assert!(!reason.is_empty(), "a reason: {line}");
            Argued {
                id,
                sheet,
                cells: (cells != "*").then(|| cells.parse().unwrap()),
                load,
                instead: match instead {
                    "nothing" => Instead::Nothing,
                    "duration" => Instead::Duration,
                    text => Instead::Text(text.strip_prefix("text ").unwrap()),
                },
            }
        })
        .collect()
}
