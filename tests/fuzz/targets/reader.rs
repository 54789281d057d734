//! Workbooks of any format: every input gives rows or an error that is about the file, and each row can be loaded into
//! the table that would be made for its sheet.

use std::collections::HashSet;
use std::io::{Cursor, Write as _};
use std::path::Path;

use sheetload::error::{Error, ErrorKind, Result};
use sheetload::model::address::CellRange;
use sheetload::model::batch::{Batch, BatchExchange, BatchLimits};
use sheetload::model::cell::Cell;
use sheetload::model::column::{ColumnKind, TargetColumn};
use sheetload::model::reject::RejectReason;
use sheetload::model::selection::{HeaderRows, Hidden, MergedCells, ReadOptions, SheetChoice};
use sheetload::model::sheet::{SheetDescription, SheetTotals};
use sheetload::model::value::Value;
use sheetload::sink::encode::{FieldForm, RowEncoder};
use sheetload::source::{self, RowSource};
use sheetload::transform::coerce::{Coercion, OnCellError};
use sheetload::transform::display::display_number;
use sheetload::transform::infer::SeenColumns;
use sheetload::transform::profile::{SheetFacts, SheetProfile, sheet_findings};
use sheetload::transform::text_rules::TextRules;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::copy_format::{assert_binary, assert_text, binary_rows};

/// Starts the line that names a part of a package that is given part by part.
const PART: &[u8] = b"#part ";
/// The part that holds options for reading, as a document.
const OPTIONS_PART: &str = "options";
/// Cells that are read of one input; a file can say that it has billions.
const MAX_CELLS: usize = 50_000;
/// Rows of a batch.
const BATCH_ROWS: usize = 16;
/// Rows of a batch where rows out of order are in different ones.
const FEW_ROWS: usize = 2;

/// Takes a workbook as it is, or the parts of a package: each a line `#part NAME` and its bytes. Those are packed here,
/// so that a changed byte changes a part, and not just a checksum.
pub(crate) fn run(data: &[u8]) {
    let (bytes, options) = match data.strip_prefix(PART) {
        Some(parts) => package(parts),
        None => (data.to_vec(), None),
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let everything = ReadOptions {
        sheets: SheetChoice::All,
        header: HeaderRows::Auto,
        hidden: Hidden::Load,
        merged: MergedCells::Fill,
        ..ReadOptions::default()
    };
    for options in [ReadOptions::default(), everything]
        .into_iter()
        .chain(options)
    {
        read(file.path(), &options);
    }
}

/// The zip file of parts, and the options among them.
fn package(parts: &[u8]) -> (Vec<u8>, Option<ReadOptions>) {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut options = None;
    for part in split(parts) {
        let end = part.iter().position(|byte| *byte == b'\n');
        let (name, content) = part.split_at(end.unwrap_or(part.len()));
        let (name, content) = (String::from_utf8_lossy(name), content.get(1..));
        let content = content.unwrap_or_default();
        if name == OPTIONS_PART {
            options = serde_json::from_slice(content).ok();
        // Two parts of one name are no zip file that could be written.
        } else if zip.start_file(name.into_owned(), stored).is_ok() {
            zip.write_all(content).unwrap();
        }
    }
    (zip.finish().unwrap().into_inner(), options)
}

/// The pieces between the lines' beginnings that name a part.
fn split(parts: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = parts;
    let marker = [b"\n", PART].concat();
    while let Some(at) = rest
        .windows(marker.len())
        .position(|window| window == marker)
    {
        pieces.push(&rest[..at]);
        rest = &rest[at + marker.len()..];
    }
    pieces.push(rest);
    pieces
}

fn read(file: &Path, options: &ReadOptions) {
    let opened = match source::open(file, options, display_number) {
        Ok(opened) => opened,
        Err(error) => return assert_is_about_the_file(&error),
    };
    let mut cells_left = MAX_CELLS;
    for mut sheet in opened.sheets {
        let merged = sheet.merged_ranges().unwrap_or_else(|error| {
            assert_is_about_the_file(&error);
            Vec::new()
        });
        let (totals, cells) = load(sheet.as_mut(), &merged, cells_left);
        cells_left = cells_left.saturating_sub(cells);
        // Cells beside the titles have columns of their own in a table.
        if let Ok(totals) = totals
            && let (true, Some(first)) = (totals.cells_outside_header > 0, totals.first_column)
        {
            sheet.widen(first, totals.last_column);
            let (wide, cells) = load(sheet.as_mut(), &merged, cells_left);
            cells_left = cells_left.saturating_sub(cells);
            assert!(wide.is_err() || wide.is_ok_and(|wide| wide.cells_outside_header == 0));
        }
    }
}

/// Reads a sheet as a load does, once to find its columns and once for the values, and once more in other batches.
/// Gives what the readings found, and how many cells each had.
fn load(
    sheet: &mut dyn RowSource,
    merged: &[CellRange],
    most_cells: usize,
) -> (Result<SheetTotals, ErrorKind>, usize) {
    let mut look = Look::at(sheet, most_cells);
    let first = read_sheet(sheet, BATCH_ROWS, &mut look);
    if let Ok(totals) = &first {
        look.assert_profile(sheet.describe(), totals, merged);
    }
    let mut load = Load::after(look, most_cells);
    let second = read_sheet(sheet, BATCH_ROWS, &mut load);
    let name = &sheet.describe().sheet;
    assert_eq!(first, second, "{name} is read in two ways");
    if let Ok(totals) = first {
        assert_eq!(totals.rows, load.seen.rows.len() as u64);
    }
    // Rows out of order are taken or refused by the size of the batches, but never become other rows.
    let mut look = Look::at(sheet, most_cells);
    let third = read_sheet(sheet, FEW_ROWS, &mut look);
    if let (Ok(totals), Ok(others)) = (first, third) {
        assert_eq!((totals, &load.seen), (others, &look.seen));
    }
    (first, load.seen.cells)
}

/// Reads a sheet with batches of so many rows.
fn read_sheet(
    sheet: &mut dyn RowSource,
    rows: usize,
    exchange: &mut dyn BatchExchange,
) -> Result<SheetTotals, ErrorKind> {
    let limits = BatchLimits {
        rows,
        bytes: 1 << 20,
    };
    let batch = Batch::new(sheet.describe().header.width(), limits);
    sheet.read(batch, exchange).map_err(|error| {
        if error.kind() != ErrorKind::Interrupted {
            assert_is_about_the_file(&error);
        }
        error.kind()
    })
}

fn assert_is_about_the_file(error: &Error) {
    use ErrorKind as K;
    assert!(
        matches!(
            error.kind(),
            K::NotAWorkbook
                | K::WorkbookBroken
                | K::WorkbookEncrypted
                | K::WorkbookTooLarge
                | K::SheetNotFound
                | K::SheetEmpty
        ),
        "{error:?}"
    );
    assert!(!error.message().is_empty());
}

/// What one reading has seen.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    rows: HashSet<u32>,
    cells: usize,
}

impl Seen {
    fn take(&mut self, batch: &Batch, most_cells: usize) -> Result<()> {
        assert!(batch.row_count() > 0, "an empty batch");
        for row in batch.rows() {
            assert_eq!(row.cells.len(), batch.width());
            assert!(
                self.rows.insert(row.sheet_row),
                "row {} comes twice",
                row.sheet_row
            );
            self.cells += row.cells.len();
            if self.cells > most_cells {
                return Err(Error::new(ErrorKind::Interrupted, "enough"));
            }
        }
        Ok(())
    }
}

/// The first reading: which types the columns have.
struct Look {
    coercion: Coercion,
    columns: SeenColumns,
    profile: SheetProfile,
    seen: Seen,
    most_cells: usize,
}

impl Look {
    fn at(sheet: &dyn RowSource, most_cells: usize) -> Self {
        let description = sheet.describe();
        Self {
            coercion: Coercion::for_sheet(description, OnCellError::Null, TextRules::default()),
            columns: SeenColumns::new(description.header.width()),
            profile: SheetProfile::of(description),
            seen: Seen::default(),
            most_cells,
        }
    }
}

impl Look {
    /// What people are told about the sheet is about its columns, and they are the same as a load's.
    fn assert_profile(&self, sheet: &SheetDescription, totals: &SheetTotals, merged: &[CellRange]) {
        let types: Vec<_> = self.profile.types().collect();
        assert_eq!(types, self.columns.types);
        let columns = self.profile.columns(sheet);
        assert_eq!(columns.len(), types.len());
        for column in columns {
            assert!(column.distinct <= column.values);
            assert!(column.values + column.errors + column.nulls == totals.rows);
        }
        let facts = SheetFacts {
            sheet,
            totals,
            merged,
            max_columns: 1_600,
        };
        let of_sheet = sheet_findings(&facts, &self.profile);
        for finding in self.profile.findings(sheet).iter().chain(&of_sheet) {
            assert!(finding.count > 0, "{finding:?}");
        }
    }
}

impl BatchExchange for Look {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        // All rows of a batch count for the types, those behind the last one that is wanted, too.
        self.columns.observe(&full, &self.coercion);
        self.profile.observe(&full);
        self.seen.take(&full, self.most_cells)?;
        full.clear();
        Ok(full)
    }
}

/// The second reading: each cell becomes a value of its column, and the values rows of a COPY.
struct Load {
    coercion: Coercion,
    columns: Vec<TargetColumn>,
    seen: Seen,
    most_cells: usize,
}

impl Load {
    fn after(look: Look, most_cells: usize) -> Self {
        let types = look.columns.types.iter();
        Self {
            coercion: look.coercion,
            columns: types.map(|t| t.to_column("c".to_owned())).collect(),
            seen: Seen::default(),
            most_cells,
        }
    }

    fn encode(&self, batch: &Batch) {
        let kinds: Vec<ColumnKind> = self.columns.iter().map(|column| column.kind).collect();
        let form = FieldForm::for_columns(&self.columns);
        let mut encoder = RowEncoder::new(form, kinds.clone());
        let mut kept = Vec::new();
        for row in batch.rows() {
            let values = row.cells.iter().zip(&self.columns);
            let values = values.map(|(cell, column)| self.value(*cell, batch, column));
            let Some(values) = values.collect::<Option<Vec<_>>>() else {
                continue;
            };
            encoder.start_row();
            for (index, value) in values.iter().enumerate() {
                encoder.field(index, *value);
            }
            encoder.finish_row();
            kept.push(values);
        }
        let encoded = encoder.take();
        let rows = binary_rows(&encoded.rows(0..kept.len()));
        assert_eq!(rows.len(), kept.len());
        for (row, values) in rows.iter().zip(&kept) {
            for ((field, value), kind) in row.iter().zip(values).zip(&kinds) {
                match form {
                    FieldForm::Binary => assert_binary(field.as_deref(), *value, *kind),
                    FieldForm::Text => assert_text(field.as_deref(), *value),
                }
            }
        }
    }

    /// The value of a cell; `None` for the only texts that PostgreSQL cannot store.
    fn value<'a>(
        &'a self,
        cell: Cell,
        batch: &'a Batch,
        column: &TargetColumn,
    ) -> Option<Value<'a>> {
        match self.coercion.coerce(cell, batch.text_of(cell), column) {
            Ok(coerced) => Some(coerced.value),
            Err(fault) => {
                assert_eq!(
                    fault.reason,
                    RejectReason::NulCharacter,
                    "{cell:?}: {fault:?}"
                );
                None
            }
        }
    }
}

impl BatchExchange for Load {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        self.seen.take(&full, self.most_cells)?;
        self.encode(&full);
        full.clear();
        Ok(full)
    }
}
