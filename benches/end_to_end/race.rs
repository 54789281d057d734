//! Taking turns.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::Result;
use crate::measure::measure;
use crate::render;
use crate::report::{Run, Side};
use crate::server::Server;

/// One who takes turns: a command, what comes before it, and how to see that it did its work.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is this project's program.
    pub(crate) is_ours: bool,
    /// The rows that must be there afterwards.
    pub(crate) rows: u64,
    /// Where they must be.
    pub(crate) counted: Counted,
    /// What empties the table.
    pub(crate) before: Option<String>,
    /// What is measured.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
}

/// Where the number of rows comes from.
#[derive(Debug, Clone)]
pub(crate) enum Counted {
    /// The server counts this table.
    InTable(String),
    /// The command prints it.
    Printed,
}

/// Lets each run once to warm up, and then all of them in turns.
///
/// # Errors
/// When a run fails, or not all of its rows are there: that is no figure.
pub(crate) fn take_turns(
    server: &Server,
    contenders: &[Contender],
    turns: usize,
) -> Result<Vec<Side>> {
    for contender in contenders {
        once(server, contender)?;
    }
    let mut sides: Vec<Side> = contenders
        .iter()
        .map(|contender| Side {
            name: contender.name.clone(),
            is_ours: contender.is_ours,
            rows: contender.rows,
            runs: Vec::with_capacity(turns),
        })
        .collect();
    for _turn in 0..turns {
        for (side, contender) in sides.iter_mut().zip(contenders) {
            let run = once(server, contender)?;
            eprintln!("  {}: {}", side.name, render::run(&run));
            side.runs.push(run);
        }
    }
    Ok(sides)
}

fn once(server: &Server, contender: &Contender) -> Result<Run> {
    if let Some(statement) = &contender.before {
        // What an earlier run left to be written must not be written during this one.
        server.run(&[statement.clone(), "CHECKPOINT".to_owned()])?;
    }
    let finished = measure(&contender.program, &contender.arguments)?;
    let rows = match &contender.counted {
        Counted::InTable(table) => server.count(table)?,
        Counted::Printed => finished.printed.trim().parse()?,
    };
    if rows != contender.rows {
        let (name, expected) = (&contender.name, contender.rows);
        return Err(format!("{name}: {rows} rows are there, not {expected}").into());
    }
    Ok(finished.run)
}
