//! How much a workbook may make its reader hold or do. A few bytes of a file can stand for gigabytes.

use std::fmt;

/// Inflated bytes of all parts: two of the largest.
pub const TOTAL_BYTES: u64 = 128 << 30;
/// Inflated bytes of a part. A sheet of all rows and 1,000 columns has some 30 GB, and is read as a stream.
pub const PART_BYTES: u64 = 64 << 30;
/// Inflated bytes of a part that is held in memory. A full styles part (65,490 cell styles) has some 30 MB.
pub const LIST_BYTES: u64 = 128 << 20;
/// Times the compressed size. Real sheets have 10 to 20, those that repeat one row some 100; deflate ends at 1,032.
pub const RATIO: u64 = 200;
/// Inflated bytes up to which the ratio does not count: no harm is done with them in any of the formats.
pub const RATIO_FLOOR_BYTES: u64 = 64 << 20;
/// Cells of a rectangle that is held in memory, filled or not, at 24 bytes each, twice: those of a full sheet in an xls.
pub const GRID_CELLS: u64 = 65_536 * 256;
/// Filled cells of a sheet: all rows of as many columns as a table can have.
pub const CELLS: u64 = 1_048_576 * 1_600;
/// Bytes that repeated cells stand for, at 16 each and their texts. The ratio holds for them, too: beyond its floor a file
/// of a few bytes cannot stand for so many cells.
pub const REPEATED_BYTES: u64 = 4 << 30;
/// Shared strings, 4 bytes each besides their texts. A sheet of all rows and 60 columns has as many cells.
pub const SHARED_STRINGS: u64 = 1 << 26;
/// Bytes of shared strings. They lie in memory that doubles as it grows, and so stay within 512 MiB.
pub const SHARED_TEXT_BYTES: u64 = 448 << 20;
/// Bytes of one text. Excel's cells end at 32,767 characters.
pub const STRING_BYTES: u64 = 16 << 20;
/// Bytes of the texts of one row: a row travels in one piece.
pub const ROW_TEXT_BYTES: u64 = 32 << 20;
/// Elements inside of each other. Sheets need some 10, texts in OpenDocument some 30.
pub const XML_DEPTH: u64 = 256;
/// Attributes of an element. Real ones stay below 100, with all the namespaces of a root.
pub const XML_ATTRIBUTES: u64 = 1_024;
/// Parts of a package, each of which has an entry in memory.
pub const PARTS: u64 = 1 << 16;
/// Columns with titles: as many as a table can have (PostgreSQL documentation, appendix K).
pub const COLUMNS: u64 = 1_600;
/// Bytes of a file that is held in memory as a whole, up to three times while it is taken apart.
pub const WHOLE_FILE_BYTES: u64 = 256 << 20;

/// The most of everything that a workbook may have. A reader stops at the first that is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes that all parts inflate to, each counted once. Default [`TOTAL_BYTES`].
    pub total_bytes: u64,
    /// Bytes that a part inflates to. Default [`PART_BYTES`].
    pub part_bytes: u64,
    /// Bytes that a part inflates to whose lists are held in memory: relationships, styles, sheets, names, tables.
    /// Default [`LIST_BYTES`].
    pub list_bytes: u64,
    /// How many times its compressed size a part, and the whole file, may inflate to, or have repeated cells stand for.
    /// Default [`RATIO`].
    pub ratio: u64,
    /// Inflated bytes up to which the ratio does not count. Default [`RATIO_FLOOR_BYTES`].
    pub ratio_floor_bytes: u64,
    /// Cells of a sheet that a reader lays out as a rectangle, by what the file declares or by its outermost cells. Only
    /// calamine does, for xls and ods. Default [`GRID_CELLS`].
    pub grid_cells: u64,
    /// Filled cells of a sheet, repeated ones as often as they stand for one. Default [`CELLS`].
    pub cells: u64,
    /// Bytes that cells of all sheets come to which the file has once and stand for several, as in OpenDocument. Default
    /// [`REPEATED_BYTES`].
    pub repeated_bytes: u64,
    /// Shared strings of a workbook. Default [`SHARED_STRINGS`].
    pub shared_strings: u64,
    /// Bytes of all shared strings together; beyond 4 GiB they cannot be told apart. Default [`SHARED_TEXT_BYTES`].
    pub shared_text_bytes: u64,
    /// Bytes of a text, of a cell or of anything else that has one. Default [`STRING_BYTES`].
    pub string_bytes: u64,
    /// Bytes of the texts of a row, and of the titles. Default [`ROW_TEXT_BYTES`].
    pub row_text_bytes: u64,
    /// How deep XML elements lie in each other. Default [`XML_DEPTH`].
    pub xml_depth: u64,
    /// Attributes of an XML element. Default [`XML_ATTRIBUTES`].
    pub xml_attributes: u64,
    /// Parts of a package. Default [`PARTS`].
    pub parts: u64,
    /// Columns with titles of a sheet that is loaded. Default [`COLUMNS`].
    pub columns: u64,
    /// Bytes of a file that cannot be read as a stream: xls, and encrypted ones. Default [`WHOLE_FILE_BYTES`].
    pub whole_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_bytes: TOTAL_BYTES,
            part_bytes: PART_BYTES,
            list_bytes: LIST_BYTES,
            ratio: RATIO,
            ratio_floor_bytes: RATIO_FLOOR_BYTES,
            grid_cells: GRID_CELLS,
            cells: CELLS,
            repeated_bytes: REPEATED_BYTES,
            shared_strings: SHARED_STRINGS,
            shared_text_bytes: SHARED_TEXT_BYTES,
            string_bytes: STRING_BYTES,
            row_text_bytes: ROW_TEXT_BYTES,
            xml_depth: XML_DEPTH,
            xml_attributes: XML_ATTRIBUTES,
            parts: PARTS,
            columns: COLUMNS,
            whole_file_bytes: WHOLE_FILE_BYTES,
        }
    }
}

/// One of the [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::total_bytes`]
    Total,
    /// [`Limits::part_bytes`]
    Part,
    /// [`Limits::list_bytes`]
    List,
    /// [`Limits::ratio`]
    Ratio,
    /// [`Limits::ratio_floor_bytes`]
    RatioFloor,
    /// [`Limits::grid_cells`]
    Grid,
    /// [`Limits::cells`]
    Cells,
    /// [`Limits::repeated_bytes`]
    Repeated,
    /// [`Limits::shared_strings`]
    SharedStrings,
    /// [`Limits::shared_text_bytes`]
    SharedText,
    /// [`Limits::string_bytes`]
    String,
    /// [`Limits::row_text_bytes`]
    RowText,
    /// [`Limits::xml_depth`]
    XmlDepth,
    /// [`Limits::xml_attributes`]
    XmlAttributes,
    /// [`Limits::parts`]
    Parts,
    /// [`Limits::columns`]
    Columns,
    /// [`Limits::whole_file_bytes`]
    WholeFile,
}

impl Limit {
    /// All of them, in the order of [`Limits`].
    pub const ALL: [Self; 17] = [
        Self::Total,
        Self::Part,
        Self::List,
        Self::Ratio,
        Self::RatioFloor,
        Self::Grid,
        Self::Cells,
        Self::Repeated,
        Self::SharedStrings,
        Self::SharedText,
        Self::String,
        Self::RowText,
        Self::XmlDepth,
        Self::XmlAttributes,
        Self::Parts,
        Self::Columns,
        Self::WholeFile,
    ];

    /// The option that sets it.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Total => "--max-total-size",
            Self::Part => "--max-part-size",
            Self::List => "--max-list-size",
            Self::Ratio => "--max-ratio",
            Self::RatioFloor => "--max-ratio-floor",
            Self::Grid => "--max-grid-cells",
            Self::Cells => "--max-cells",
            Self::Repeated => "--max-repeated-size",
            Self::SharedStrings => "--max-shared-strings",
            Self::SharedText => "--max-shared-text",
            Self::String => "--max-string",
            Self::RowText => "--max-row-text",
            Self::XmlDepth => "--max-xml-depth",
            Self::XmlAttributes => "--max-xml-attributes",
            Self::Parts => "--max-parts",
            Self::Columns => "--max-columns",
            Self::WholeFile => "--max-whole-file",
        }
    }

    /// Its figure.
    #[must_use]
    pub const fn of(self, limits: &Limits) -> u64 {
        match self {
            Self::Total => limits.total_bytes,
            Self::Part => limits.part_bytes,
            Self::List => limits.list_bytes,
            Self::Ratio => limits.ratio,
            Self::RatioFloor => limits.ratio_floor_bytes,
            Self::Grid => limits.grid_cells,
            Self::Cells => limits.cells,
            Self::Repeated => limits.repeated_bytes,
            Self::SharedStrings => limits.shared_strings,
            Self::SharedText => limits.shared_text_bytes,
            Self::String => limits.string_bytes,
            Self::RowText => limits.row_text_bytes,
            Self::XmlDepth => limits.xml_depth,
            Self::XmlAttributes => limits.xml_attributes,
            Self::Parts => limits.parts,
            Self::Columns => limits.columns,
            Self::WholeFile => limits.whole_file_bytes,
        }
    }

    /// Where its figure is kept.
    pub const fn of_mut(self, limits: &mut Limits) -> &mut u64 {
        match self {
            Self::Total => &mut limits.total_bytes,
            Self::Part => &mut limits.part_bytes,
            Self::List => &mut limits.list_bytes,
            Self::Ratio => &mut limits.ratio,
            Self::RatioFloor => &mut limits.ratio_floor_bytes,
            Self::Grid => &mut limits.grid_cells,
            Self::Cells => &mut limits.cells,
            Self::Repeated => &mut limits.repeated_bytes,
            Self::SharedStrings => &mut limits.shared_strings,
            Self::SharedText => &mut limits.shared_text_bytes,
            Self::String => &mut limits.string_bytes,
            Self::RowText => &mut limits.row_text_bytes,
            Self::XmlDepth => &mut limits.xml_depth,
            Self::XmlAttributes => &mut limits.xml_attributes,
            Self::Parts => &mut limits.parts,
            Self::Columns => &mut limits.columns,
            Self::WholeFile => &mut limits.whole_file_bytes,
        }
    }

    /// What passing this figure looks like, as the end of a sentence about a file or a part.
    #[must_use]
    pub fn passed(self, most: u64) -> String {
        let (size, count) = (Size(most), Grouped(most));
        match self {
            Self::Total => format!("inflates to more than {size} with the parts read before"),
            Self::Part | Self::List | Self::RatioFloor => format!("inflates to more than {size}"),
            Self::Ratio => format!("inflates to more than {count} times its compressed size"),
            Self::Grid => format!("spans more than {count} cells"),
            Self::Cells => format!("has more than {count} cells"),
            Self::Repeated => format!("repeats filled cells to more than {size}"),
            Self::SharedStrings => format!("has more than {count} shared strings"),
            Self::SharedText => format!("has more than {size} of shared strings"),
            Self::String => format!("has a text of more than {size}"),
            Self::RowText => format!("has a row with more than {size} of text"),
            Self::XmlDepth => format!("nests elements more than {count} deep"),
            Self::XmlAttributes => format!("has an element with more than {count} attributes"),
            Self::Parts => format!("has more than {count} parts"),
            Self::Columns => format!("has more than {count} columns with titles"),
            Self::WholeFile => {
                format!("has more than {size}, in a format that is held in memory")
            }
        }
    }
}

/// Bytes in the largest binary unit that they are a whole number of.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let fitting = |(shift, _): &&(u32, &str)| self.0 > 0 && self.0.trailing_zeros() >= *shift;
        match units.iter().find(fitting) {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", Grouped(self.0)),
        }
    }
}

/// A number with a comma before every three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_limit_has_a_figure_and_a_flag_of_its_own() {
        let mut limits = Limits::default();
        for (figure, limit) in (1..).zip(Limit::ALL) {
            *limit.of_mut(&mut limits) = figure;
        }
        for (figure, limit) in (1..).zip(Limit::ALL) {
            assert_eq!(limit.of(&limits), figure, "{limit:?}");
        }
        let flags: HashSet<_> = Limit::ALL.iter().map(|limit| limit.flag()).collect();
        assert_eq!(flags.len(), Limit::ALL.len());
        assert!(flags.iter().all(|flag| flag.starts_with("--max-")));
    }

    #[test]
    fn figures_are_shown_as_people_read_them() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1023, "1,023 bytes"),
            (1024, "1 KiB"),
            (1025, "1,025 bytes"),
            (64 << 20, "64 MiB"),
            (3 << 29, "1536 MiB"),
            (128 << 30, "128 GiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
        }
        assert_eq!(Grouped(1_677_721_600).to_string(), "1,677,721,600");
        assert!(Limit::Cells.passed(1_000).ends_with("1,000 cells"));
    }

    #[test]
    fn what_a_setting_does_not_name_has_its_default() {
        let limits: Limits = serde_json::from_str("{\"parts\": 7}").unwrap();
        let wanted = Limits {
            parts: 7,
            ..Limits::default()
        };
        assert_eq!(limits, wanted);
        let json = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), wanted);
        assert!(serde_json::from_str::<Limits>("{\"part\": 7}").is_err());
    }
}
