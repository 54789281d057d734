//! What is measured, against what, and what it shall come to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use sheetload::config::sample::Shape;

use crate::failure::{Result, While as _};
use crate::race::{Contender, Counted, take_turns};
use crate::report::{Better, Figure, Goal, Measured, Metric, Side, linearity, median, turn_ratios};
use crate::server::Server;
use crate::workbooks::{file_for, name_of, shared_text_bytes, workbook};

/// The number of rows that the goals are set for.
pub(crate) const FULL_ROWS: u64 = 1_000_000;
/// Rows of the workload with indexes: a commit for each takes long.
const INDEXED_ROWS: u64 = 10_000;
const SMALL_ROWS: u64 = 10;
const MIB: f64 = (1 << 20) as f64;

/// The workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Nine text columns into an existing table, against psql's \copy of a ready-made text file
    Businesses,
    /// 20 columns of every type into an existing table, against the same
    Orders,
    /// The same into a table that is created, all types inferred first, against psql into an existing one
    OrdersCreated,
    /// Reading orders alone, CPU, against calamine
    ReadingOrders,
    /// Reading businesses alone, CPU, against calamine
    ReadingBusinesses,
    /// Into the table of `sheetload migrate` with its indexes: row by row against in batches
    Indexed,
    /// Ten rows, the whole command
    Small,
    /// Peak memory of loading orders
    MemoryOrders,
    /// Peak memory of loading businesses, against what their texts need
    MemoryBusinesses,
    /// How the time grows from a hundredth to all of the rows
    Linear,
}

/// A place to measure in.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    /// The server.
    pub(crate) server: &'a Server,
    /// The program to be measured.
    pub(crate) program: &'a Path,
    /// Rows of the large workbooks.
    pub(crate) rows: u64,
    /// How often each one runs.
    pub(crate) runs: usize,
    /// The text files of the tables that are there.
    pub(crate) tables: BTreeMap<&'static str, PathBuf>,
}

/// What a workload is in words, and its sides.
struct Plan {
    what: String,
    shape: Shape,
    rows: u64,
    contenders: Vec<Contender>,
    turns: usize,
}

impl Bench<'_> {
    /// Measures a workload.
    ///
    /// # Errors
    /// When a run fails or leaves rows out.
    pub(crate) fn measure(&mut self, workload: Workload) -> Result<Measured> {
        let id = workload.id();
        eprintln!("{id}");
        let plan = self.plan(workload)?;
        let sides = take_turns(self.server, &plan.contenders, plan.turns)?;
        let figure = self.figure(workload, &sides)?;
        Ok(Measured {
            id,
            what: plan.what,
            shape: name_of(plan.shape).to_owned(),
            rows: plan.rows,
            sides,
            figure,
        })
    }

    fn plan(&mut self, workload: Workload) -> Result<Plan> {
        let shape = workload.shape();
        let rows = self.rows_of(workload);
        let (what, contenders) = match workload {
            Workload::Businesses | Workload::Orders => {
                let text = self.table(shape)?;
                let what = "into an existing table, against psql \\copy of the rows as text";
                (what, vec![self.load(shape, rows)?, self.copy(shape, &text)])
            }
            Workload::OrdersCreated => {
                let text = self.table(shape)?;
                let what = "into a table to be created, against psql \\copy into an existing one";
                (what, vec![self.create(shape)?, self.copy(shape, &text)])
            }
            Workload::ReadingOrders | Workload::ReadingBusinesses => {
                let what = "reading alone, against calamine's cells one by one";
                let readers = ["sheetload", "calamine"];
                let readers = readers.map(|reader| self.reading(reader, shape));
                (what, readers.into_iter().collect::<Result<_>>()?)
            }
            Workload::Indexed => {
                let what = "into the table of `sheetload migrate`, row by row against in batches";
                (what, self.indexed(rows)?)
            }
            Workload::Small => {
                self.table(shape)?;
                ("the whole command", vec![self.load(shape, rows)?])
            }
            Workload::MemoryOrders | Workload::MemoryBusinesses => {
                self.table(shape)?;
                let what = "peak memory of a load into an existing table";
                (what, vec![self.load(shape, rows)?])
            }
            Workload::Linear => {
                self.table(shape)?;
                let what = "a row of the largest load against one between the smaller ones";
                let sizes = [rows / 100, rows / 10, rows];
                let loads = sizes.map(|rows| self.load(shape, rows));
                (what, loads.into_iter().collect::<Result<_>>()?)
            }
        };
        // Short runs scatter more, and cost little.
        let turns = match workload {
            Workload::Small => self.runs * 4,
            _ => self.runs,
        };
        Ok(Plan {
            what: what.to_owned(),
            shape,
            rows,
            contenders,
            turns,
        })
    }

    fn rows_of(&self, workload: Workload) -> u64 {
        match workload {
            Workload::Small => SMALL_ROWS,
            Workload::Indexed => INDEXED_ROWS.min(self.rows),
            _ => self.rows,
        }
    }

    /// The workload's one figure, with its goal where its size is the one that the goal is set for.
    fn figure(&self, workload: Workload, sides: &[Side]) -> Result<Figure> {
        let is_full = self.rows == FULL_ROWS
            || matches!(workload, Workload::Small)
            || workload == Workload::Indexed && self.rows >= INDEXED_ROWS;
        let goal = |goal: Goal| is_full.then_some(goal);
        let ratio = |of: Metric, better: Better, bound: Goal| match sides {
            [over, under] => Ok(Figure::Ratio {
                of,
                better,
                turns: turn_ratios(of, over, under),
                goal: goal(bound),
            }),
            _ => Err("a ratio needs two sides"),
        };
        let only = |of: Metric, bound: Goal| {
            let values: Vec<f64> = sides.iter().flat_map(|side| side.values(of)).collect();
            let value = median(&values).ok_or("there are no runs")?;
            let goal = goal(bound);
            Ok(Figure::Median { of, value, goal })
        };
        let lower = Better::Lower;
        let figure = match workload {
            Workload::Businesses => ratio(Metric::Wall, lower, Goal::AtMost(1.0)),
            Workload::Orders => ratio(Metric::Wall, lower, Goal::AtMost(0.7)),
            Workload::OrdersCreated => ratio(Metric::Wall, lower, Goal::AtMost(1.2)),
            Workload::ReadingOrders | Workload::ReadingBusinesses => {
                ratio(Metric::Cpu, lower, Goal::AtMost(0.25))
            }
            Workload::Indexed => ratio(Metric::Wall, Better::Higher, Goal::AtLeast(50.0)),
            Workload::Small => only(Metric::Wall, Goal::AtMost(0.05)),
            Workload::MemoryOrders => only(Metric::Memory, Goal::AtMost(64.0 * MIB)),
            Workload::MemoryBusinesses => {
                let texts = shared_text_bytes(&workbook(workload.shape(), self.rows)?)?;
                let bound = texts as f64 * 1.25 + 64.0 * MIB;
                only(Metric::Memory, Goal::AtMost(bound))
            }
            Workload::Linear => Ok(Figure::Linearity {
                value: linearity(sides).ok_or("there are no runs")?,
                goal: goal(Goal::AroundOne(0.1)),
            }),
        };
        Ok(figure?)
    }

    /// Makes sure that there is a plain table with the shape's columns, and a text file of its rows.
    pub(crate) fn table(&mut self, shape: Shape) -> Result<PathBuf> {
        let table = plain_table(shape);
        if let Some(text) = self.tables.get(table) {
            return Ok(text.clone());
        }
        let load = self.load(shape, self.rows)?;
        crate::measure::measure(&load.program, &load.arguments)?;
        let text = file_for(shape, self.rows, "tsv");
        let quoted = text.display().to_string().replace('\'', "''");
        self.server
            .run(&[format!("\\copy {table} to '{quoted}'")])
            .doing("write the table as text")?;
        self.tables.insert(table, text.clone());
        Ok(text)
    }

    /// A load of a workbook into the shape's plain table.
    pub(crate) fn load(&self, shape: Shape, rows: u64) -> Result<Contender> {
        let table = plain_table(shape);
        let empty = format!("TRUNCATE {table}");
        self.import("sheetload", shape, rows, table, empty)
    }

    fn create(&self, shape: Shape) -> Result<Contender> {
        let drop = "DROP TABLE IF EXISTS orders_created".to_owned();
        self.import("sheetload", shape, self.rows, "orders_created", drop)
    }

    fn import(
        &self,
        name: &str,
        shape: Shape,
        rows: u64,
        table: &str,
        before: String,
    ) -> Result<Contender> {
        let mut arguments = vec![OsString::from("import"), workbook(shape, rows)?.into()];
        let url = self.server.url();
        let options = ["--table", table, "--again", "-q", "--database-url", url];
        arguments.extend(options.map(OsString::from));
        Ok(Contender {
            name: name.to_owned(),
            is_ours: true,
            rows,
            counted: Counted::InTable(table.to_owned()),
            before: Some(before),
            program: self.program.to_path_buf(),
            arguments,
        })
    }

    fn copy(&self, shape: Shape, text: &Path) -> Contender {
        let table = plain_table(shape);
        let quoted = text.display().to_string().replace('\'', "''");
        let copy = format!("\\copy {table} from '{quoted}'");
        let url = self.server.url();
        let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", &copy];
        Contender {
            name: "psql".to_owned(),
            is_ours: false,
            rows: self.rows,
            counted: Counted::InTable(table.to_owned()),
            before: Some(format!("TRUNCATE {table}")),
            program: self.server.psql().clone(),
            arguments: arguments.map(OsString::from).to_vec(),
        }
    }

    fn reading(&self, reader: &str, shape: Shape) -> Result<Contender> {
        let file = workbook(shape, self.rows)?;
        Ok(Contender {
            name: reader.to_owned(),
            is_ours: reader == "sheetload",
            rows: self.rows,
            counted: Counted::Printed,
            before: None,
            program: std::env::current_exe().doing("find this program")?,
            arguments: vec!["read-one".into(), reader.into(), file.into()],
        })
    }

    fn indexed(&self, rows: u64) -> Result<Vec<Contender>> {
        let migrate = ["migrate", "--database-url", self.server.url()].map(OsString::from);
        crate::measure::measure(self.program, &migrate)?;
        ["sequential", "batch"]
            .iter()
            .map(|mode| {
                let empty = "TRUNCATE businesses".to_owned();
                let mut load = self.import(mode, Shape::Businesses, rows, "businesses", empty)?;
                load.arguments.extend(["--mode", mode].map(OsString::from));
                Ok(load)
            })
            .collect()
    }
}

impl Workload {
    /// Its name, as `--only` takes it.
    pub(crate) fn id(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn shape(self) -> Shape {
        match self {
            Self::Businesses | Self::ReadingBusinesses | Self::Indexed | Self::MemoryBusinesses => {
                Shape::Businesses
            }
            Self::Orders
            | Self::OrdersCreated
            | Self::ReadingOrders
            | Self::Small
            | Self::MemoryOrders
            | Self::Linear => Shape::Orders,
        }
    }
}

/// The table that a shape is loaded into: as the program creates it, without keys or indexes.
fn plain_table(shape: Shape) -> &'static str {
    match shape {
        Shape::Businesses => "businesses_plain",
        _ => "orders_plain",
    }
}
