//! A load's settings as a JSON document, to be kept with the load and taken up again.
//!
//! Settings that have a text on the command line are that text in the document, and are read with the same checks. What
//! a document lacks has its default, so that documents of older versions can be read; what it has too much is an error,
//! since a load must not go on with half of its settings. Passwords are in no document.

use serde::Deserialize as _;
use serde_json::Value;

use super::import::ImportConfig;
use crate::error::{Error, ErrorKind, Result};

impl ImportConfig {
    /// The settings as a document, without the workbook's password.
    ///
    /// # Errors
    /// `Internal` for a setting that JSON has no form for; there is none.
    pub fn to_document(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "the settings of the load could not be written down",
            )
            .caused_by(error)
        })
    }

    /// The settings of a document, as strictly checked as those of the command line. The password is left to the
    /// caller.
    ///
    /// # Errors
    /// `InvalidOptions`.
    pub fn from_document(document: &Value) -> Result<Self> {
        let config = Self::deserialize(document).map_err(|error| {
            Error::new(
                ErrorKind::InvalidOptions,
                format!("the settings of the load cannot be read: {error}"),
            )
            .next_step(
                "Load the file anew with sheetload import, or use the version that wrote them",
            )
        })?;
        config.validate()?;
        Ok(config)
    }
}

/// A path as text; one that is not UTF-8 with its bytes as `%XX`, marked as such.
pub(super) mod path {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes(Encoded),
    }

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Encoded {
        percent_encoded: String,
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        path: &Path,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let form = match path.to_str() {
            Some(text) => Form::Text(text.to_owned()),
            None => Form::Bytes(Encoded {
                percent_encoded: percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC)
                    .to_string(),
            }),
        };
        form.serialize(serializer)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        let path = match Form::deserialize(deserializer)? {
            Form::Text(text) => OsString::from(text),
            Form::Bytes(encoded) => OsString::from_vec(
                percent_decode_str(&encoded.percent_encoded).collect::<Vec<u8>>(),
            ),
        };
        if is_usable(&path) {
            Ok(path.into())
        } else {
            Err(de::Error::custom(
                "the path is empty or holds a NUL character",
            ))
        }
    }

    fn is_usable(path: &OsStr) -> bool {
        !path.is_empty() && !path.as_bytes().contains(&0)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::num::NonZeroUsize;
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::PathBuf;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::import::{IfExists, Lineage, Mode, NewTypes, OnError, SeveralSheets};
    use crate::config::storage::{Indexes, Persistence, RowForm, StorageOptions};
    use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS, MAX_ROWS};
    use crate::model::code_page::CodePage;
    use crate::model::limits::Limits;
    use crate::model::secret::Password;
    use crate::model::selection::{
        Area, HeaderRows, Hidden, MergedCells, ReadOptions, Reader, ReaderThreads, SheetChoice,
        SheetPattern,
    };
    use crate::model::sql_type::SqlType;
    use crate::model::table::TableName;
    use crate::transform::coerce::OnCellError;
    use crate::transform::column_spec::{ColumnAction, ColumnSpec};
    use crate::transform::date_format::DateFormat;
    use crate::transform::mapping::{EmptyCells, ExtraColumns, MappingRules};
    use crate::transform::names::NameStyle;
    use crate::transform::text_rules::TextRules;

    fn one_of<T: Clone + std::fmt::Debug + 'static>(
        all: &[T],
    ) -> impl Strategy<Value = T> + use<T> {
        prop::sample::select(all.to_vec())
    }

    /// Any text that an argument can be.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[^\0]{0,20}", "[-=:\"\\\\a% .*]{0,8}", "\\PC{0,20}"]
    }

    fn some_text() -> impl Strategy<Value = String> {
        text().prop_filter("not empty", |text| !text.is_empty())
    }

    fn path() -> impl Strategy<Value = PathBuf> {
        let bytes = vec(1_u8.., 1..30).prop_map(|bytes| OsString::from_vec(bytes).into());
        prop_oneof![some_text().prop_map(PathBuf::from), bytes]
    }

    fn range() -> impl Strategy<Value = CellRange> {
        let corner = || (0..MAX_ROWS, 0..MAX_COLUMNS);
        (corner(), corner()).prop_map(|(one, other)| CellRange {
            first: CellAddress {
                row: one.0.min(other.0),
                column: one.1.min(other.1),
            },
            last: CellAddress {
                row: one.0.max(other.0),
                column: one.1.max(other.1),
            },
        })
    }

    fn table() -> impl Strategy<Value = TableName> {
        (option::of(some_text()), some_text())
            .prop_map(|(schema, table)| TableName { schema, table })
    }

    fn sheets() -> impl Strategy<Value = SheetChoice> {
        let pattern = text().prop_map(|text| text.parse::<SheetPattern>().unwrap());
        prop_oneof![
            Just(SheetChoice::FirstVisible),
            Just(SheetChoice::All),
            vec(pattern, 1..3).prop_map(SheetChoice::Matching),
        ]
    }

    fn read() -> impl Strategy<Value = ReadOptions> {
        let area = prop_oneof![
            Just(Area::Used),
            range().prop_map(Area::Range),
            text().prop_map(Area::Named)
        ];
        let header = prop_oneof![
            one_of(&[HeaderRows::FirstFilled, HeaderRows::Auto, HeaderRows::None]),
            (0..MAX_ROWS, 0..MAX_ROWS).prop_map(|(one, other)| HeaderRows::Rows {
                first: one.min(other),
                last: one.max(other)
            }),
        ];
        let hidden = one_of(&[Hidden::LoadRowsAndColumns, Hidden::Load, Hidden::Skip]);
        let merged = one_of(&[MergedCells::UpperLeft, MergedCells::Fill]);
        let reader = one_of(&[Reader::Own, Reader::Calamine]);
        let code_page = one_of(&[None, CodePage::numbered(1251), CodePage::numbered(437)]);
        (sheets(), area, header, hidden, merged, reader, code_page).prop_map(
            |(sheets, area, header, hidden, merged, reader, code_page)| ReadOptions {
                threads: ReaderThreads::default(),
                sheets,
                area,
                header,
                hidden,
                merged,
                password: None,
                code_page,
                reader,
                limits: Limits::default(),
            },
        )
    }

    fn sql_type() -> impl Strategy<Value = SqlType> {
        let known = one_of(&[
            "int",
            "numeric(10,-2)",
            "timestamp(3) with time zone",
            "varchar(20)[]",
            "my_schema.\"Odd \"\" name\"",
        ]);
        known.prop_map(|known| known.parse().unwrap())
    }

    fn spec() -> impl Strategy<Value = ColumnSpec> {
        let load = |(column, sql_type)| ColumnAction::Load { column, sql_type };
        let action = prop_oneof![
            Just(ColumnAction::LeaveOut),
            (option::of(some_text()), sql_type().prop_map(Some)).prop_map(load),
            (some_text().prop_map(Some), option::of(sql_type())).prop_map(load),
        ];
        let short = |action: &ColumnAction| !matches!(action, ColumnAction::Load { column: Some(column), .. } if column.len() > 63);
        (some_text(), action.prop_filter("fits", short))
            .prop_map(|(source, action)| ColumnSpec { source, action })
    }

    fn text_rules() -> impl Strategy<Value = TextRules> {
        let date_format = one_of(&["DD.MM.YYYY", "%-d/%m/%y %H:%M", "\"on \"YYYY年MM月DD日"])
            .prop_map(|pattern| pattern.parse::<DateFormat>().unwrap());
        let words = || vec(text(), 0..3);
        (
            (words(), words(), words()),
            any::<bool>(),
            any::<bool>(),
            option::of(date_format),
            option::of(one_of(&["UTC", "Europe/Berlin", "America/Port-au-Prince"])),
        )
            .prop_map(
                |(words, trim, decimal_comma, date_format, zone)| TextRules {
                    null_words: words.0,
                    trim,
                    decimal_comma,
                    date_format,
                    time_zone: zone.map(|zone| zone.parse().unwrap()),
                    true_words: words.1,
                    false_words: words.2,
                },
            )
    }

    fn mapping() -> impl Strategy<Value = MappingRules> {
        let extra = one_of(&[ExtraColumns::Error, ExtraColumns::Ignore, ExtraColumns::Add]);
        let names = one_of(&[NameStyle::SnakeCase, NameStyle::AsIs]);
        let empty = one_of(&[EmptyCells::Null, EmptyCells::Default]);
        let made = (vec(spec(), 0..4), extra, names, empty);
        made.prop_map(|(specs, extra, names, empty)| MappingRules {
            specs,
            extra,
            names,
            empty,
        })
    }

    fn number() -> impl Strategy<Value = Option<NonZeroUsize>> {
        option::of((1_usize..).prop_map(|number| NonZeroUsize::new(number).unwrap()))
    }

    prop_compose! {
        fn storage()(
            persistence in one_of(&[Persistence::Logged, Persistence::Unlogged]),
            indexes in one_of(&[Indexes::Kept, Indexes::Deferred]),
            rows in one_of(&[RowForm::Plain, RowForm::Frozen]),
        ) -> StorageOptions {
            StorageOptions { persistence, indexes, rows }
        }
    }

    prop_compose! {
        fn config()(
            (file, read, table) in (path(), read(), option::of(table())),
            several in one_of(&[SeveralSheets::OneTableEach, SeveralSheets::Union]),
            types in one_of(&[NewTypes::Inferred, NewTypes::Text]),
            lineage in one_of(&[Lineage::None, Lineage::Columns]),
            mode in one_of(&[Mode::Sequential, Mode::Concurrent, Mode::Batch]),
            (workers, batch_rows, batch_bytes, infer_rows) in (number(), number(), number(), number()),
            if_exists in one_of(&[IfExists::Fail, IfExists::Append, IfExists::Replace, IfExists::Truncate]),
            on_error in one_of(&[OnError::Skip, OnError::Abort]),
            on_cell_error in one_of(&[OnCellError::Null, OnCellError::Reject, OnCellError::Text]),
            (text_rules, mapping, storage) in (text_rules(), mapping(), storage()),
        ) -> ImportConfig {
            ImportConfig {
                read, several, table, types, lineage, mode, workers, batch_rows, batch_bytes, if_exists, on_error,
                on_cell_error, text_rules, mapping, infer_rows, storage,
                ..ImportConfig::new(file)
            }
        }
    }

    proptest! {
        #[test]
        fn settings_are_read_as_they_were_written(config in config()) {
            let document = config.to_document().unwrap();
            let text = serde_json::to_string(&document).unwrap();
            prop_assert_eq!(serde_json::from_str::<ImportConfig>(&text).unwrap(), config.clone());
            match ImportConfig::from_document(&document) {
                Ok(read) => prop_assert_eq!(read, config),
                Err(error) => {
                    let expected = config.validate().unwrap_err();
                    prop_assert_eq!(error.message(), expected.message());
                }
            }
        }

        /// A document with one part of it replaced is refused, or is read as settings that are written the same again.
        #[test]
        fn hostile_documents_are_refused_or_mean_something(
            config in config(),
            part in one_of(&["/file", "/read/sheets", "/read/area", "/read/header", "/table", "/table/table",
                "/mapping/specs/0", "/text_rules/date_format", "/workers", "/mode"]),
            text in text(),
            number in any::<i64>(),
            shape in 0..5,
        ) {
            let mut document = config.to_document().unwrap();
            if let Some(place) = document.pointer_mut(part) {
                *place = match shape {
                    0 => json!(text),
                    1 => json!(number),
                    2 => json!([text]),
                    3 => json!({ text: number }),
                    _ => json!({ "range": text }),
                };
            }
            if let Ok(read) = ImportConfig::from_document(&document) {
                prop_assert!(read.validate().is_ok());
                let again = ImportConfig::from_document(&read.to_document().unwrap()).unwrap();
                prop_assert_eq!(again, read);
            }
        }
    }

    #[test]
    fn a_document_reads_like_the_command_line() {
        let mut config = ImportConfig::new("data/prices.xlsx".into());
        config.read.sheets = SheetChoice::Matching(vec!["Sales *".parse().unwrap()]);
        config.read.area = "A3:F200".parse().unwrap();
        config.read.header = "2-3".parse().unwrap();
        config.table = Some("shop.prices".parse().unwrap());
        config.mapping.specs = vec![
            "Unit Price=price:numeric(10,2)".parse().unwrap(),
            "-Notes".parse().unwrap(),
        ];
        config.text_rules.date_format = Some("DD.MM.YYYY".parse().unwrap());
        config.workers = NonZeroUsize::new(4);
        let document = config.to_document().unwrap();
        for (part, expected) in [
            ("/file", json!("data/prices.xlsx")),
            ("/read/sheets", json!({ "matching": ["Sales *"] })),
            ("/read/area", json!({ "range": "A3:F200" })),
            ("/read/header", json!("2-3")),
            ("/read/hidden", json!("load_rows_and_columns")),
            ("/table", json!({ "schema": "shop", "table": "prices" })),
            (
                "/mapping/specs",
                json!(["Unit Price=price:numeric(10,2)", "-Notes"]),
            ),
            ("/text_rules/date_format", json!("DD.MM.YYYY")),
            ("/workers", json!(4)),
            ("/mode", json!("batch")),
        ] {
            assert_eq!(document.pointer(part), Some(&expected), "{part}");
        }
        let bytes = OsString::from_vec(b"caf\xe9.xlsx".to_vec());
        let document = ImportConfig::new(bytes.into()).to_document().unwrap();
        let expected = json!({ "percent_encoded": "caf%E9%2Exlsx" });
        assert_eq!(document.get("file"), Some(&expected));
    }

    #[test]
    fn what_a_document_lacks_has_its_default() {
        for document in [
            json!({ "file": "a.xlsx" }),
            json!({ "file": "a.xlsx", "read": {}, "mapping": {}, "text_rules": {}, "storage": {} }),
        ] {
            let read = ImportConfig::from_document(&document).unwrap();
            assert_eq!(read, ImportConfig::new("a.xlsx".into()));
        }
    }

    #[test]
    fn a_password_is_never_written() {
        let mut config = ImportConfig::new("a.xlsx".into());
        config.read.password = Some(Password::new("correct horse"));
        let document = config.to_document().unwrap();
        let text = document.to_string();
        assert!(!text.contains("horse") && !text.contains("password"));
        let read = ImportConfig::from_document(&document).unwrap();
        assert_eq!(read.read.password, None);
        let with_password = json!({ "file": "a.xlsx", "read": { "password": "correct horse" } });
        let error = ImportConfig::from_document(&with_password).unwrap_err();
        assert!(!format!("{error:?}").contains("horse"));
    }

    #[test]
    fn a_document_is_checked_like_the_command_line() {
        let long_name = format!("a={}", "b".repeat(64));
        for part in [
            json!({ "file": "" }),
            json!({ "file": "a\0b" }),
            json!({ "file": { "percent_encoded": "a%00" } }),
            json!({ "file": 1 }),
            json!({ "unknown": 1 }),
            json!({ "workers": 0 }),
            json!({ "workers": -1 }),
            json!({ "workers": 129 }),
            json!({ "batch_rows": 1_048_577 }),
            json!({ "mode": "sequential", "workers": 2 }),
            json!({ "mode": "Batch" }),
            json!({ "table": "a" }),
            json!({ "table": { "table": "" } }),
            json!({ "table": { "schema": "", "table": "a" } }),
            json!({ "table": { "schema": "a\0", "table": "a" } }),
            json!({ "table": { "table": "a", "database": "b" } }),
            json!({ "several": "union", "table": { "table": "{sheet}" } }),
            json!({ "read": { "area": { "range": "A0" } } }),
            json!({ "read": { "area": { "range": "A1:XFE1" } } }),
            json!({ "read": { "area": "all" } }),
            json!({ "read": { "header": "3-2" } }),
            json!({ "read": { "header": "0" } }),
            json!({ "read": { "header": "1048577" } }),
            json!({ "read": { "sheets": "every" } }),
            json!({ "mapping": { "specs": ["a"] } }),
            json!({ "mapping": { "specs": ["a=b:int; drop table c"] } }),
            json!({ "mapping": { "specs": ["a=xmin"] } }),
            json!({ "mapping": { "specs": [long_name] } }),
            json!({ "text_rules": { "date_format": "YYYY" } }),
            json!({ "text_rules": { "trim": "yes" } }),
            json!({ "storage": { "indexes": "deferred" }, "mode": "sequential" }),
            json!({ "storage": { "rows": "frozen" }, "commit": "batch" }),
            json!({ "storage": { "indexes": true } }),
            json!({ "storage": { "fillfactor": 90 } }),
        ] {
            let mut document = json!({ "file": "a.xlsx" });
            for (name, value) in part.as_object().unwrap() {
                document[name] = value.clone();
            }
            let error = ImportConfig::from_document(&document).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOptions, "{part}");
        }
        for document in [json!({}), json!(null), json!([]), json!("a.xlsx")] {
            assert!(ImportConfig::from_document(&document).is_err());
        }
    }
}
