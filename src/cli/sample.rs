//! `sheetload sample`: writes a sample workbook.

use std::path::PathBuf;
use std::pin::pin;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use tokio_util::sync::CancellationToken;

use super::render;
use crate::config::sample::{Defects, SampleConfig, Shape};
use crate::error::Result;
use crate::exit;
use crate::pipeline::{Signals, blocking};
use crate::sample::{self, ColumnFigures, Figures, Values};

/// Options of `sheetload sample`.
#[derive(Debug, Args)]
#[command(after_help = "\
The same options give the same file, byte for byte. The figures printed are what a table holds after a complete \
import: count(*), count(*) - count(column), sum, min and max of numbers and times, the number of true booleans, \
and characters and bytes of texts.")]
pub(super) struct SampleArgs {
    /// Rows below the header, up to 1,048,575
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    rows: u64,
    /// Chooses the values
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Which columns
    #[arg(long, value_enum, default_value_t = ShapeArg::Businesses)]
    shape: ShapeArg,
    /// Rows that no table takes
    #[arg(long, value_enum, default_value_t = DefectsArg::None)]
    defects: DefectsArg,
    /// The .xlsx file to write; an existing one is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print the figures as one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShapeArg {
    /// Nine text columns: name, category, phone, ...
    Businesses,
    /// 20 columns of every type: ids, money, percent, dates, times, booleans, texts
    Orders,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DefectsArg {
    /// Every row is good
    None,
    /// 13 bad rows of five kinds (businesses only)
    Showcase,
}

impl SampleArgs {
    fn to_config(&self) -> SampleConfig {
        SampleConfig {
            rows: self.rows,
            seed: self.seed,
            shape: match self.shape {
                ShapeArg::Businesses => Shape::Businesses,
                ShapeArg::Orders => Shape::Orders,
            },
            defects: match self.defects {
                DefectsArg::None => Defects::None,
                DefectsArg::Showcase => Defects::Showcase,
            },
            output: self.output.clone(),
        }
    }
}

pub(super) async fn run(args: SampleArgs) -> Result<u8> {
    let stop = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let (config, stopped) = (args.to_config(), stop.clone());
    let mut writing = pin!(blocking(move || sample::write_until(&config, &stopped)));
    let figures = loop {
        tokio::select! {
            written = &mut writing => break written?,
            () = signals.next() => stop.cancel(),
        }
    };
    if args.json {
        render::json(&figures)?;
    } else {
        render::line(&describe(&figures, &args));
    }
    Ok(exit::SUCCESS)
}

fn describe(figures: &Figures, args: &SampleArgs) -> String {
    let mut text = format!(
        "Wrote {} rows to {}, sheet {}.\n\n{}",
        figures.rows,
        args.output.display(),
        figures.sheet,
        columns_table(figures)
    );
    if !figures.defects.is_empty() {
        text.push_str(&format!(
            "\n\nThe figures are those of the {} good rows. The bad ones:\n\n{}",
            figures.loadable_rows,
            defects_table(figures)
        ));
    }
    text
}

fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn columns_table(figures: &Figures) -> Table {
    let mut table = plain_table(&["Column", "Type", "Nulls", "Sum", "Min", "Max"]);
    for column in figures.columns.iter() {
        table.add_row(column_row(column));
    }
    for number in 2..6 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn column_row(column: &ColumnFigures) -> [String; 6] {
    let (sum, min, max) = match &column.values {
        Values::Numbers { sum, min, max } => (sum.clone(), min.as_deref(), max.as_deref()),
        Values::Moments { min, max } => (String::new(), min.as_deref(), max.as_deref()),
        Values::Booleans { trues } => (format!("{trues} true"), None, None),
        Values::Texts { characters, bytes } => (
            format!("{characters} characters, {bytes} bytes"),
            None,
            None,
        ),
    };
    [
        column.column.clone(),
        column.sql_type.name().to_owned(),
        column.nulls.to_string(),
        sum,
        min.unwrap_or_default().to_owned(),
        max.unwrap_or_default().to_owned(),
    ]
}

fn defects_table(figures: &Figures) -> Table {
    let mut table = plain_table(&["Cell", "Column", "SQLSTATE", "Holds"]);
    for defect in &figures.defects {
        table.add_row([
            &defect.cell,
            &defect.column,
            &defect.sqlstate,
            &defect.holds,
        ]);
    }
    table
}
