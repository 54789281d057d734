//! The sample workbooks that all stages are timed on, and what the earlier stages make of them.

use std::path::Path;

use sheetload::Result;
use sheetload::config::import::ImportConfig;
use sheetload::config::sample::{Defects, SampleConfig, Shape};
use sheetload::model::batch::{Batch, BatchExchange, BatchLimits};
use sheetload::model::column::TargetColumn;
use sheetload::source::{self, RowSource};
use sheetload::transform::coerce::Coercion;
use sheetload::transform::display::display_number;
use sheetload::transform::infer::SeenColumns;
use sheetload::transform::names::column_names;

/// Rows of each workbook.
pub(crate) const ROWS: u64 = 20_000;
const SEED: u64 = 1;
/// The workbooks, with their names in the benches.
pub(crate) const SHAPES: [(&str, Shape); 2] =
    [("businesses", Shape::Businesses), ("orders", Shape::Orders)];

/// How a load of a shape's workbook is set up. The workbook is written once and kept below the build's directory.
pub(crate) fn config(shape: Shape) -> ImportConfig {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stages");
    std::fs::create_dir_all(&directory).expect("a directory for workbooks");
    let output = directory.join(format!("{shape:?}-{ROWS}-seed{SEED}.xlsx"));
    if !output.exists() {
        let sample = SampleConfig {
            rows: ROWS,
            seed: SEED,
            shape,
            defects: Defects::None,
            output: output.clone(),
        };
        sheetload::sample::write(&sample).expect("the workbook is written");
    }
    ImportConfig::new(output)
}

/// The only sheet.
pub(crate) fn open(config: &ImportConfig) -> Box<dyn RowSource> {
    let opened = source::open(&config.file, &config.read, display_number);
    let mut sheets = opened.expect("the workbook opens").sheets;
    sheets.swap_remove(0)
}

/// All rows of a sheet, with its columns and what makes values of its cells.
pub(crate) struct Sheet {
    pub(crate) batches: Vec<Batch>,
    pub(crate) columns: Vec<TargetColumn>,
    pub(crate) coercion: Coercion,
}

impl Sheet {
    /// Reads a shape's workbook and infers the types of its columns.
    pub(crate) fn read(shape: Shape) -> Self {
        let config = config(shape);
        let mut source = open(&config);
        let sheet = source.describe();
        let (width, names) = (sheet.header.width(), column_names(&sheet.header));
        let coercion = Coercion::for_sheet(sheet, config.on_cell_error, config.text_rules.clone());
        let limits = config.batch_limits();
        let mut kept = Kept {
            batches: Vec::new(),
            width,
            limits,
        };
        let totals = source.read(Batch::new(width, limits), &mut kept);
        assert_eq!(totals.expect("the workbook is sound").rows, ROWS);
        let mut seen = SeenColumns::new(width);
        for batch in &kept.batches {
            seen.observe(batch, &coercion);
        }
        let columns = names.into_iter().zip(seen.types);
        Self {
            batches: kept.batches,
            columns: columns
                .map(|(name, inferred)| inferred.to_column(name))
                .collect(),
            coercion,
        }
    }

    /// How many cells its rows have.
    pub(crate) fn cells(&self) -> u64 {
        ROWS * self.columns.len() as u64
    }
}

/// Keeps batches, and gives new ones like them.
struct Kept {
    batches: Vec<Batch>,
    width: usize,
    limits: BatchLimits,
}

impl BatchExchange for Kept {
    fn exchange(&mut self, full: Batch) -> Result<Batch> {
        self.batches.push(full);
        Ok(Batch::new(self.width, self.limits))
    }
}

/// A column of orders for each type that it has: the bench's name and the column's.
pub(crate) const TYPED: [(&str, &str); 8] = [
    ("text", "customer"),
    ("bigint", "order_id"),
    ("numeric", "unit_price"),
    ("double precision", "weight"),
    ("date", "order_date"),
    ("timestamp", "created_at"),
    ("time", "delivery_time"),
    ("boolean", "paid"),
];

/// The place of a column of orders, whose type must be the one that the bench is named after.
pub(crate) fn place_of(sheet: &Sheet, sql_type: &str, name: &str) -> usize {
    let place = sheet.columns.iter().position(|column| column.name == name);
    let place = place.expect("orders have this column");
    let found = sheet.columns[place].sql_type.as_str();
    assert!(found.starts_with(sql_type), "{name} is {found}");
    place
}
