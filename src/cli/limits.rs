//! Options that say how much a workbook may cost.

use clap::Args;

use crate::model::limits::{Limit, Limits};

/// Each option names it, since a heading for all would go on behind them.
const HEADING: &str = "Limits on hostile workbooks (sizes as 64MiB or 2GiB)";

/// What a workbook may cost. `-h` leaves these out, `--help` shows them.
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// What all parts together may inflate to [default: 128GiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_total_size: Option<u64>,
    /// What a part may inflate to, such as a sheet [default: 64GiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_part_size: Option<u64>,
    /// What a part may inflate to that is held in memory, such as the styles [default: 128MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_list_size: Option<u64>,
    /// How many times its compressed size a part, or the file, may inflate to [default: 200]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_ratio: Option<u64>,
    /// Up to which inflated size that does not matter [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_ratio_floor: Option<u64>,
    /// Cells of a sheet that is laid out as a rectangle, empty ones included [default: 16777216]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_grid_cells: Option<u64>,
    /// Filled cells of a sheet [default: 1677721600]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_cells: Option<u64>,
    /// What repeated cells of an ods may come to [default: 4GiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_repeated_size: Option<u64>,
    /// Shared strings [default: 67108864]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_shared_strings: Option<u64>,
    /// Bytes of all shared strings together [default: 448MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_shared_text: Option<u64>,
    /// Bytes of one text [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_string: Option<u64>,
    /// Bytes of the texts of one row [default: 32MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_row_text: Option<u64>,
    /// How deep XML elements may lie in each other [default: 256]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_xml_depth: Option<u64>,
    /// Attributes of an XML element [default: 1024]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_xml_attributes: Option<u64>,
    /// Parts of the file [default: 65536]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_parts: Option<u64>,
    /// Columns with titles of a sheet that is loaded [default: 1600]
    #[arg(long, value_name = "N", value_parser = count, help_heading = HEADING, hide_short_help = true)]
    max_columns: Option<u64>,
    /// Size of a file that is held in memory as a whole: xls, and encrypted ones [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HEADING, hide_short_help = true)]
    max_whole_file: Option<u64>,
}

impl LimitArgs {
    /// The limits, with the default of each that is not given.
    pub(super) fn to_limits(&self) -> Limits {
        let mut limits = Limits::default();
        for limit in Limit::ALL {
            if let Some(given) = self.given(limit) {
                *limit.of_mut(&mut limits) = given;
            }
        }
        limits
    }

    fn given(&self, limit: Limit) -> Option<u64> {
        match limit {
            Limit::Total => self.max_total_size,
            Limit::Part => self.max_part_size,
            Limit::List => self.max_list_size,
            Limit::Ratio => self.max_ratio,
            Limit::RatioFloor => self.max_ratio_floor,
            Limit::Grid => self.max_grid_cells,
            Limit::Cells => self.max_cells,
            Limit::Repeated => self.max_repeated_size,
            Limit::SharedStrings => self.max_shared_strings,
            Limit::SharedText => self.max_shared_text,
            Limit::String => self.max_string,
            Limit::RowText => self.max_row_text,
            Limit::XmlDepth => self.max_xml_depth,
            Limit::XmlAttributes => self.max_xml_attributes,
            Limit::Parts => self.max_parts,
            Limit::Columns => self.max_columns,
            Limit::WholeFile => self.max_whole_file,
        }
    }
}

/// Reads bytes, in a binary unit or none, such as `64MiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "kib" => 10,
        "mib" => 20,
        "gib" => 30,
        "tib" => 40,
        _ => return Err("a unit is one of KiB, MiB, GiB, TiB".to_owned()),
    };
    count(digits)?
        .checked_mul(1 << shift)
        .ok_or_else(|| "this is more than any file can have".to_owned())
}

/// Reads a number from 1.
fn count(text: &str) -> Result<u64, String> {
    let number: Option<u64> = text.parse().ok();
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| "a whole number from 1 is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        limits: LimitArgs,
    }

    #[test]
    fn sizes_have_binary_units_or_none() {
        for (text, wanted) in [
            ("1", Some(1)),
            ("64MiB", Some(64 << 20)),
            ("2gib", Some(2 << 30)),
            ("512 KiB", Some(512 << 10)),
            ("16777215TiB", Some(16_777_215 << 40)),
            ("16777216TiB", None),
            ("64MB", None),
            ("0", None),
            ("MiB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("", None),
        ] {
            assert_eq!(size(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn each_flag_raises_its_limit_and_no_other() {
        for limit in Limit::ALL {
            let only = Only::try_parse_from(["only", limit.flag(), "7"]).unwrap();
            let mut wanted = Limits::default();
            *limit.of_mut(&mut wanted) = 7;
            assert_eq!(only.limits.to_limits(), wanted, "{limit:?}");
        }
        let none = Only::from_arg_matches(&Only::command().get_matches_from(["only"])).unwrap();
        assert_eq!(none.limits.to_limits(), Limits::default());
    }

    #[test]
    fn the_help_tells_each_default() {
        let command: Command = Only::command();
        for limit in Limit::ALL {
            let name = limit.flag().trim_start_matches('-');
            let argument = command
                .get_arguments()
                .find(|argument| argument.get_long() == Some(name))
                .unwrap();
            let help = argument.get_help().unwrap().to_string();
            let (_, said) = help.split_once("[default: ").unwrap();
            let said = size(said.trim_end_matches(']')).unwrap();
            assert_eq!(said, limit.of(&Limits::default()), "{limit:?}");
        }
    }
}
