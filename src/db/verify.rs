//! The figures of a receipt, computed from the table's rows by the server.

use std::fmt;

use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::introspect::only_own_rows;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::receipt::{
    ColumnReceipt, ColumnTotals, Extremes, Number, OUTSIZED, Receipt, Sum, Verified,
};
use crate::model::table::{TableName, quote_identifier};

/// Which rows of a table are a load's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    WholeTable,
    /// Those with the load's id in `_load_id`, be it a uuid or a text.
    Lineage(Uuid),
    /// Those written in the same transactions as the load's batches in the ledger, and under the same savepoints: they
    /// have the same `xmin`. A row that somebody has changed since is not among them. Not for rows that were committed
    /// one by one: a batch's record is changed by each, and keeps the last `xmin` alone.
    Transactions(Uuid),
}

impl Scope {
    /// The condition on rows of the table, which is called `loaded`, with the load's id as `$1`.
    #[must_use]
    pub fn condition(self) -> &'static str {
        match self {
            Self::WholeTable => "$1::text is not null",
            Self::Lineage(_) => "loaded.\"_load_id\"::text = $1::text",
            Self::Transactions(_) => {
                "loaded.xmin in (select xmin from sheetload.batches where load_id = $1::text::uuid \
                 union all select xmin from sheetload.savepoints where load_id = $1::text::uuid)"
            }
        }
    }

    /// The value of `$1` in [`condition`](Self::condition).
    #[must_use]
    pub fn parameter(self) -> String {
        match self {
            Self::WholeTable => String::new(),
            Self::Lineage(load) | Self::Transactions(load) => load.to_string(),
        }
    }
}

impl From<Scope> for Verified {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::WholeTable => Self::WholeTable,
            Scope::Lineage(_) => Self::Lineage,
            Scope::Transactions(_) => Self::Transactions,
        }
    }
}

/// What is counted or computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Rows of the table.
    Rows,
    /// NULLs of a column.
    Nulls,
    /// The sum of a column.
    Sum,
    /// Its least value.
    Least,
    /// Its greatest value.
    Greatest,
    /// NaN, infinities and the like, which are in no sum.
    Outsized,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "number of rows",
            Self::Nulls => "number of NULLs",
            Self::Sum => "sum",
            Self::Least => "least value",
            Self::Greatest => "greatest value",
            Self::Outsized => "number of values beyond 1e280 or NaN",
        })
    }
}

/// A figure that is another in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The table, as written in messages.
    pub table: String,
    /// The column; none for the number of rows.
    pub column: Option<String>,
    /// The figure.
    pub figure: Figure,
    /// What the source's values give.
    pub expected: String,
    /// What the table's give.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}", self.table)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column:?}")?;
        }
        write!(
            f,
            ": the {} is {}, and {} was loaded",
            self.figure, self.found, self.expected
        )
    }
}

/// Computes a receipt's figures from the table's rows, in one statement, and gives those that differ: none when the
/// table holds what was loaded. Counts, integers and numerics are compared exactly, as are the extremes of
/// floating-point numbers; their sum within [`FloatTotals::tolerance`](crate::model::receipt::FloatTotals::tolerance),
/// since the server adds them in any order.
///
/// Of the receipt's rows the table itself left out `left_out`, by a trigger or a rule. Which ones is not known: the others
/// are compared by their number, and their figures only as far as those of all rows bound them.
///
/// # Errors
/// What the server says: a column that is not there any more, a missing right to read the table.
pub async fn verify(
    client: &(impl GenericClient + Sync),
    table: &TableName,
    scope: Scope,
    receipt: &Receipt,
    left_out: u64,
) -> Result<Vec<Mismatch>> {
    let only = match scope {
        Scope::WholeTable => only_own_rows(client, table).await?,
        Scope::Lineage(_) | Scope::Transactions(_) => "",
    };
    let statement = statement(&format!("{only}{table}"), scope, receipt);
    let row = client
        .query_one(&statement, &[&scope.parameter()])
        .await
        .map_err(|error| {
            let doing = format!("compare table {} with what was loaded", table.plain());
            error_from_postgres(error, &doing).in_table(table.plain())
        })?;
    let rows: i64 = row.get(0);
    let rows = u64::try_from(rows).unwrap_or(0);
    let mut comparison = Comparison {
        table: table.plain(),
        column: None,
        left_out,
        mismatches: Vec::new(),
    };
    for (index, column) in receipt.columns.iter().enumerate() {
        let expected_rows = column.totals.nulls().saturating_add(column.totals.values());
        if index == 0 {
            comparison.equal(Figure::Rows, &expected_rows.saturating_sub(left_out), &rows);
        }
        comparison.column = Some(column.name.clone());
        let figures: Vec<Option<String>> = row.get(index + 1);
        comparison.column_figures(&column.totals, rows, &Found(&figures))?;
    }
    Ok(comparison.mismatches)
}

/// One array of texts for each column: the server gives at most 1,664 values, and a table may have 1,600 columns.
fn statement(table: &str, scope: Scope, receipt: &Receipt) -> String {
    let mut sql = "select count(*)".to_owned();
    for column in &receipt.columns {
        sql.push_str(&format!(", array[{}]", figures_sql(column).join(", ")));
    }
    sql.push_str(&format!(
        " from {table} as loaded where {}",
        scope.condition()
    ));
    sql
}

/// In the order in which [`Found`] is read. Doubles are read bit by bit: their texts depend on settings.
fn figures_sql(column: &ColumnReceipt) -> Vec<String> {
    let name = format!("loaded.{}", quote_identifier(&column.name));
    let mut figures = vec![format!("count({name})::text")];
    match column.totals.sum() {
        None => {}
        Some(Sum::Exact(_)) => figures.extend([
            format!("sum({name})::text"),
            format!("min({name})::text"),
            format!("max({name})::text"),
        ]),
        Some(Sum::Float(_)) => {
            let bits = |number: String| format!("encode(float8send({number}), 'hex')");
            // NaN is greater than all numbers.
            let is_ordinary = format!("abs({name}::float8) < '{OUTSIZED:e}'::float8");
            figures.extend([
                bits(format!("sum({name}::float8) filter (where {is_ordinary})")),
                bits(format!("min({name}::float8)")),
                bits(format!("max({name}::float8)")),
                format!("(count(*) filter (where not {is_ordinary}))::text"),
            ]);
        }
    }
    figures
}

/// A column's figures as the server gave them.
struct Found<'a>(&'a [Option<String>]);

impl Found<'_> {
    fn at(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_deref()
    }

    fn parsed<T: std::str::FromStr>(&self, index: usize) -> Result<Option<T>> {
        let text = self.at(index);
        text.map(|text| text.parse().map_err(|_| not_understood(text)))
            .transpose()
    }

    fn double(&self, index: usize) -> Result<Option<f64>> {
        let text = self.at(index);
        text.map(|text| {
            let bits = u64::from_str_radix(text, 16).map_err(|_| not_understood(text))?;
            Ok(f64::from_bits(bits))
        })
        .transpose()
    }
}

fn not_understood(text: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the server gave {text:?} for a number"),
    )
}

struct Comparison {
    table: String,
    column: Option<String>,
    /// Rows of the receipt that the table itself left out; the server does not say which.
    left_out: u64,
    mismatches: Vec<Mismatch>,
}

impl Comparison {
    fn column_figures(
        &mut self,
        totals: &ColumnTotals,
        rows: u64,
        found: &Found<'_>,
    ) -> Result<()> {
        let values: u64 = found.parsed(0)?.unwrap_or(0);
        if self.left_out > 0 {
            self.at_most(Figure::Nulls, totals.nulls(), rows.saturating_sub(values));
            return self.within_extremes(totals, found);
        }
        self.equal(Figure::Nulls, &totals.nulls(), &rows.saturating_sub(values));
        match totals.sum() {
            None => Ok(()),
            Some(Sum::Exact(sum)) => {
                let found_sum = found.parsed(1)?.unwrap_or_else(|| 0.into());
                self.equal(Figure::Sum, &sum, &found_sum);
                let (least, greatest) = match totals.extremes() {
                    Some(Extremes::Exact(least, greatest)) => (Some(least), Some(greatest)),
                    _ => (None, None),
                };
                self.equal(Figure::Least, &Maybe(least), &Maybe(found.parsed(2)?));
                self.equal(Figure::Greatest, &Maybe(greatest), &Maybe(found.parsed(3)?));
                Ok(())
            }
            Some(Sum::Float(sum)) => self.float_figures(sum, totals, found),
        }
    }

    /// What rows without some of them can be held to: nothing is less than the least of all or greater than the greatest.
    fn within_extremes(&mut self, totals: &ColumnTotals, found: &Found<'_>) -> Result<()> {
        let Some(Extremes::Exact(least, greatest)) = totals.extremes() else {
            return Ok(());
        };
        if let Some(found) = found.parsed::<Number>(2)?
            && found < least
        {
            self.add(Figure::Least, least.to_string(), found.to_string());
        }
        if let Some(found) = found.parsed::<Number>(3)?
            && found > greatest
        {
            self.add(Figure::Greatest, greatest.to_string(), found.to_string());
        }
        Ok(())
    }

    fn at_most(&mut self, figure: Figure, expected: u64, found: u64) {
        if found > expected {
            self.add(figure, expected.to_string(), found.to_string());
        }
    }

    fn float_figures(&mut self, sum: f64, totals: &ColumnTotals, found: &Found<'_>) -> Result<()> {
        let Some(floats) = totals.floats() else {
            return Ok(());
        };
        let found_sum = found.double(1)?.unwrap_or(0.0);
        // Not `>`: a NaN, which the sum can't be, would pass.
        let is_near = (found_sum - sum).abs() <= floats.tolerance();
        if !is_near {
            self.add(
                Figure::Sum,
                Double(sum).to_string(),
                Double(found_sum).to_string(),
            );
        }
        let (least, greatest) = floats.extremes().unzip();
        let double = |number: Option<f64>| Maybe(number.map(Double));
        self.equal(Figure::Least, &double(least), &double(found.double(2)?));
        self.equal(
            Figure::Greatest,
            &double(greatest),
            &double(found.double(3)?),
        );
        let outsized: u64 = found.parsed(4)?.unwrap_or(0);
        self.equal(Figure::Outsized, &floats.outsized(), &outsized);
        Ok(())
    }

    fn equal<T: PartialEq + fmt::Display>(&mut self, figure: Figure, expected: &T, found: &T) {
        if expected != found {
            self.add(figure, expected.to_string(), found.to_string());
        }
    }

    fn add(&mut self, figure: Figure, expected: String, found: String) {
        self.mismatches.push(Mismatch {
            table: self.table.clone(),
            column: self.column.clone(),
            figure,
            expected,
            found,
        });
    }
}

/// A figure of a column that may have no values.
#[derive(PartialEq)]
struct Maybe<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(figure) => figure.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// A double; NaN equals itself, as for the server.
struct Double(f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0.is_nan() && other.0.is_nan()
    }
}

impl fmt::Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Sum::Float(self.0).fmt(f)
    }
}
