//! Options that say what becomes of columns and of the text in their cells.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::import::at_least_one;
use crate::config::import::{ImportConfig, NewTypes};
use crate::error::Error;
use crate::model::time_zone::TimeZone;
use crate::transform::column_spec::ColumnSpec;
use crate::transform::date_format::DateFormat;
use crate::transform::mapping::{EmptyCells, ExtraColumns, MappingRules};
use crate::transform::names::NameStyle;
use crate::transform::text_rules::TextRules;

/// What becomes of columns and of the text in their cells.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns and values")]
pub(super) struct ColumnArgs {
    /// A column's name and type: "Title=name", "Title=name:type", "Title=:type", or "-Title" to leave it out; letters
    /// such as C do where no title is so named; repeatable
    #[arg(long, value_name = "SPEC", allow_hyphen_values = true, value_parser = parsed::<ColumnSpec>)]
    map: Vec<ColumnSpec>,
    /// What happens to columns of the sheet that the table lacks
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = ExtraColumnsArg::Error)]
    extra_columns: ExtraColumnsArg,
    /// Names of new columns
    #[arg(long, value_name = "HOW", value_enum, default_value_t = NamesArg::Snake)]
    names: NamesArg,
    /// The types of a table to be created
    #[arg(long, value_name = "HOW", value_enum, default_value_t = TypesArg::Infer)]
    types: TypesArg,
    /// Find the types of a table to be created in the first N rows; columns are widened when later rows need it;
    /// default: all rows are read
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    infer_rows: Option<NonZeroUsize>,
    /// What empty cells become in a table that exists
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = EmptyArg::Null)]
    empty: EmptyArg,
    /// Words that stand for NULL in text cells, such as "N/A,-"
    #[arg(
        long,
        value_name = "WORDS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    null: Vec<String>,
    /// Remove white space at both ends of text cells
    #[arg(long)]
    trim: bool,
    /// Text cells have a comma for the decimal point: 1.234,56
    #[arg(long)]
    decimal_comma: bool,
    /// How text cells write dates, such as DD.MM.YYYY or "%d.%m.%Y %H:%M"
    #[arg(long, value_name = "FORMAT", value_parser = parsed::<DateFormat>)]
    date_format: Option<DateFormat>,
    /// The zone of dates and times that are written without one, where the column has one [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = parsed::<TimeZone>)]
    time_zone: Option<TimeZone>,
    /// Words for true in text cells, instead of true, t, yes, y, on, 1
    #[arg(
        long = "true",
        value_name = "WORDS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    true_words: Vec<String>,
    /// Words for false in text cells, instead of false, f, no, n, off, 0
    #[arg(
        long = "false",
        value_name = "WORDS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    false_words: Vec<String>,
}

/// Reads a value; the message says what is wrong and what to do, since clap shows nothing else.
fn parsed<T: FromStr<Err = Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: Error| match error.advice() {
        Some(advice) => format!("{error}. {advice}"),
        None => error.to_string(),
    })
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExtraColumnsArg {
    /// Nothing is loaded
    Error,
    /// They are left out
    Ignore,
    /// The table gets them
    Add,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EmptyArg {
    /// NULL
    Null,
    /// The default of their column
    Default,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NamesArg {
    /// Lower case, words joined by _
    Snake,
    /// As the titles are
    AsIs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TypesArg {
    /// By the formats and values of the cells
    Infer,
    /// text, with numbers in plain digits and dates in ISO 8601
    Text,
}

impl ColumnArgs {
    /// Puts the options into a configuration.
    pub(super) fn apply(&self, config: &mut ImportConfig) {
        config.mapping = MappingRules {
            specs: self.map.clone(),
            extra: match self.extra_columns {
                ExtraColumnsArg::Error => ExtraColumns::Error,
                ExtraColumnsArg::Ignore => ExtraColumns::Ignore,
                ExtraColumnsArg::Add => ExtraColumns::Add,
            },
            names: match self.names {
                NamesArg::Snake => NameStyle::SnakeCase,
                NamesArg::AsIs => NameStyle::AsIs,
            },
            empty: match self.empty {
                EmptyArg::Null => EmptyCells::Null,
                EmptyArg::Default => EmptyCells::Default,
            },
        };
        config.types = match self.types {
            TypesArg::Infer => NewTypes::Inferred,
            TypesArg::Text => NewTypes::Text,
        };
        config.infer_rows = self.infer_rows;
        config.text_rules = TextRules {
            null_words: self.null.clone(),
            trim: self.trim,
            decimal_comma: self.decimal_comma,
            date_format: self.date_format.clone(),
            time_zone: self.time_zone.clone(),
            true_words: self.true_words.clone(),
            false_words: self.false_words.clone(),
        };
    }
}
