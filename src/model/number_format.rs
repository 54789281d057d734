//! Number formats: how a number is displayed, which is what tells a date from a price.

/// A format code and what it makes of a number (ECMA-376 Part 1, §18.8.30 and §18.8.31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// The code as the workbook has it.
    pub code: String,
}

impl NumberFormat {
    /// The format of cells that have none.
    pub const GENERAL_CODE: &'static str = "General";

    /// Stands for the code of a date that may have a time, where the reader only says "date".
    pub const ANY_DATE_CODE: &'static str = "date";

    /// A format with this code.
    #[must_use]
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into() }
    }

    /// The format of cells that have none.
    #[must_use]
    pub fn general() -> Self {
        Self::new(Self::GENERAL_CODE)
    }

    /// The built-in format with this id (ECMA-376 Part 1, §18.8.30 numFmt; [MS-XLS] 2.4.126 Format). Ids 27 to 36 and 50
    /// to 58 are dates or times, which differ from one East Asian language to another; where they differ, the value
    /// tells which.
    #[must_use]
    pub fn built_in(id: u16) -> Option<Self> {
        let code = match id {
            0 => Self::GENERAL_CODE,
            1 => "0",
            2 => "0.00",
            3 => "#,##0",
            4 => "#,##0.00",
            5 => "\"$\"#,##0_);\\(\"$\"#,##0\\)",
            6 => "\"$\"#,##0_);[Red]\\(\"$\"#,##0\\)",
            7 => "\"$\"#,##0.00_);\\(\"$\"#,##0.00\\)",
            8 => "\"$\"#,##0.00_);[Red]\\(\"$\"#,##0.00\\)",
            9 => "0%",
            10 => "0.00%",
            11 => "0.00E+00",
            12 => "# ?/?",
            13 => "# ??/??",
            14 => "mm-dd-yy",
            15 => "d-mmm-yy",
            16 => "d-mmm",
            17 => "mmm-yy",
            18 => "h:mm AM/PM",
            19 => "h:mm:ss AM/PM",
            20 => "h:mm",
            21 => "h:mm:ss",
            22 => "m/d/yy h:mm",
            37 => "#,##0_);(#,##0)",
            38 => "#,##0_);[Red](#,##0)",
            39 => "#,##0.00_);(#,##0.00)",
            40 => "#,##0.00_);[Red](#,##0.00)",
            41 => "_(* #,##0_);_(* \\(#,##0\\);_(* \"-\"_);_(@_)",
            42 => "_(\"$\"* #,##0_);_(\"$\"* \\(#,##0\\);_(\"$\"* \"-\"_);_(@_)",
            43 => "_(* #,##0.00_);_(* \\(#,##0.00\\);_(* \"-\"??_);_(@_)",
            44 => "_(\"$\"* #,##0.00_);_(\"$\"* \\(#,##0.00\\);_(\"$\"* \"-\"??_);_(@_)",
            45 => "mm:ss",
            46 => "[h]:mm:ss",
            47 => "mmss.0",
            48 => "##0.0E+0",
            49 => "@",
            27..=31 | 36 | 50..=54 | 57 | 58 => "yyyy-mm-dd",
            32..=35 | 55 | 56 => Self::ANY_DATE_CODE,
            _ => return None,
        };
        Some(Self::new(code))
    }
}
