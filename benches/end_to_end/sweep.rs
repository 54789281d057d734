//! What the options of a load are worth: each combination in its turn.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use comfy_table::{CellAlignment, Table, presets};
use sheetload::config::sample::Shape;

use crate::arguments::SweepArgs;
use crate::failure::{Result, While as _};
use crate::measure::plain;
use crate::race::take_turns;
use crate::render::amount;
use crate::report::{Metric, Side};
use crate::workloads::Bench;

/// An option of `sheetload import` and its values.
struct Dimension {
    option: &'static str,
    values: Vec<String>,
}

/// Loads orders under every combination of the options, and without any.
///
/// # Errors
/// When a load fails.
pub(crate) fn sweep(bench: &mut Bench<'_>, args: &SweepArgs) -> Result<String> {
    let shape = Shape::Orders;
    bench.table(shape)?;
    let dimensions = known_ones(bench.program, dimensions(args))?;
    let plain_load = bench.load(shape, bench.rows)?;
    let mut contenders = vec![plain_load.clone()];
    for options in combinations(&dimensions) {
        let mut load = plain_load.clone();
        load.name = options.join(" ");
        load.arguments
            .extend(options.iter().flat_map(|option| words(option)));
        contenders.push(load);
    }
    if let Some(first) = contenders.first_mut() {
        first.name = "(defaults)".to_owned();
    }
    let sides = take_turns(bench.server, &contenders, bench.runs)?;
    Ok(table(&sides))
}

fn dimensions(args: &SweepArgs) -> Vec<Dimension> {
    let bytes = args.batch_mib.iter().map(|mib| (mib << 20).to_string());
    let plain = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect();
    vec![
        Dimension {
            option: "--workers",
            values: plain(&args.workers),
        },
        Dimension {
            option: "--batch-bytes",
            values: bytes.collect(),
        },
        Dimension {
            option: "--reader-threads",
            values: plain(&args.reader_threads),
        },
    ]
}

/// Those that the program has.
fn known_ones(program: &Path, dimensions: Vec<Dimension>) -> Result<Vec<Dimension>> {
    let mut help = Command::new(program);
    let help = plain(help.args(["import", "--help"]))
        .output()
        .doing("ask the program for its options")?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let mut known = Vec::new();
    for dimension in dimensions {
        let is_known = help.split_whitespace().any(|word| word == dimension.option);
        if is_known {
            known.push(dimension);
        } else {
            eprintln!("note: the program has no option {}", dimension.option);
        }
    }
    Ok(known)
}

/// Every choice of a value for each option.
fn combinations(dimensions: &[Dimension]) -> Vec<Vec<String>> {
    let mut combinations: Vec<Vec<String>> = vec![Vec::new()];
    for dimension in dimensions {
        combinations = combinations
            .iter()
            .flat_map(|chosen| {
                dimension.values.iter().map(|value| {
                    let mut chosen = chosen.clone();
                    chosen.push(format!("{} {value}", dimension.option));
                    chosen
                })
            })
            .collect();
    }
    combinations.retain(|options| !options.is_empty());
    combinations
}

fn words(option: &str) -> Vec<OsString> {
    option.split(' ').map(OsString::from).collect()
}

fn table(sides: &[Side]) -> String {
    let wall = |side: &Side| side.median(Metric::Wall).unwrap_or(f64::NAN);
    let best = sides.iter().map(wall).fold(f64::INFINITY, f64::min);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "options",
        "wall",
        "CPU",
        "peak",
        "from the best",
    ]);
    for side in sides {
        let column = |metric: Metric| {
            let median = side.median(metric);
            median.map_or_else(String::new, |median| amount(metric, median))
        };
        table.add_row([
            side.name.clone(),
            column(Metric::Wall),
            column(Metric::Cpu),
            column(Metric::Memory),
            format!("{:+.1} %", (wall(side) / best - 1.0) * 100.0),
        ]);
    }
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}
