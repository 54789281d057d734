//! Values of any column in COPY's formats: what comes out is what went in.

use sheetload::model::cell::{Cell, CellError, FormatId, TextSpan};
use sheetload::model::column::{ColumnKind, Moment, TargetColumn, TypeLimit};
use sheetload::model::number_format::{NumberFormat, ZeroPattern};
use sheetload::model::sheet::DateSystem;
use sheetload::model::time_zone::UTC;
use sheetload::model::value::{Decimal, Value};
use sheetload::sink::encode::text::copy_lines;
use sheetload::sink::encode::{EncodedBatch, FieldForm, RowEncoder};
use sheetload::transform::coerce::{Coercion, OnCellError};
use sheetload::transform::number_format::classify;
use sheetload::transform::text_rules::TextRules;

use super::copy_format::{assert_binary, assert_text, binary_rows, text_rows};
use super::input::Input;

const KINDS: [ColumnKind; 19] = [
    ColumnKind::Bool,
    ColumnKind::Int2,
    ColumnKind::Int4,
    ColumnKind::Int8,
    ColumnKind::Float4,
    ColumnKind::Float8,
    ColumnKind::Numeric,
    ColumnKind::Text,
    ColumnKind::Date,
    ColumnKind::Time,
    ColumnKind::Timestamp,
    ColumnKind::Interval,
    ColumnKind::Uuid,
    ColumnKind::TimestampTz,
    ColumnKind::TimeTz,
    ColumnKind::Moments(Moment::TimestampTz),
    ColumnKind::Money,
    ColumnKind::OtherText,
    ColumnKind::Other,
];
const FORMATS: [&str; 8] = [
    "General",
    "0.00",
    "0%",
    "00000",
    "yyyy-mm-dd",
    "yyyy-mm-dd hh:mm",
    "hh:mm:ss",
    "[h]:mm",
];
const MAX_ROWS: usize = 64;
/// Days from 0001-01-01 to 9999-12-31, since 2000-01-01: those of four-digit years.
const DAYS: std::ops::Range<i64> = -730_119..2_921_940;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What a field is made from.
enum Origin {
    /// A value as it is.
    Value(Stored),
    /// A cell, through coercion.
    Cell(Cell, String),
}

/// A value that owns its text.
enum Stored {
    Plain(Value<'static>),
    Text(String),
    Padded(i64, ZeroPattern),
}

impl Stored {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Text(text) => Value::Text(text),
            Self::Padded(number, pattern) => Value::Padded {
                number: *number,
                pattern,
            },
        }
    }
}

/// Takes columns, rules, and rows of values and cells.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let columns: Vec<TargetColumn> = (0..input.below(6) + 1)
        .map(|_| column(&mut input))
        .collect();
    let coercion = coercion(&mut input);
    let mut rows = Vec::new();
    while !input.is_empty() && rows.len() < MAX_ROWS {
        let row: Vec<Origin> = columns
            .iter()
            .map(|column| origin(&mut input, column.kind))
            .collect();
        rows.push(row);
    }
    encode(&columns, &coercion, &rows);
}

fn column(input: &mut Input<'_>) -> TargetColumn {
    let kind = KINDS[input.below(KINDS.len())];
    let limit = match input.below(8) {
        1 => TypeLimit::Chars(input.byte().into()),
        2 => TypeLimit::Digits {
            precision: input.byte().into(),
            scale: i16::from(input.byte()) - 100,
        },
        3 => TypeLimit::SecondDecimals(input.byte()),
        _ => TypeLimit::None,
    };
    TargetColumn {
        name: "c".to_owned(),
        sql_type: "t".to_owned(),
        kind,
        not_null: input.below(8) == 1,
        limit,
    }
}

fn coercion(input: &mut Input<'_>) -> Coercion {
    let flags = input.byte();
    let is_set = |bit: u8| flags & 1 << bit != 0;
    let formats = FORMATS
        .iter()
        .map(|code| classify(&NumberFormat::new(*code)));
    Coercion {
        date_system: if is_set(0) {
            DateSystem::From1904
        } else {
            DateSystem::From1900
        },
        formats: formats.collect(),
        on_cell_error: if is_set(1) {
            OnCellError::Text
        } else {
            OnCellError::Null
        },
        text_rules: TextRules {
            trim: is_set(2),
            decimal_comma: is_set(3),
            date_format: is_set(4).then(|| "DD.MM.YYYY".parse().unwrap()),
            null_words: vec!["-".to_owned()],
            ..TextRules::default()
        },
    }
}

fn origin(input: &mut Input<'_>, kind: ColumnKind) -> Origin {
    let any_span = TextSpan { start: 0, len: 0 };
    let cell = match input.below(9) {
        0 => Cell::Empty,
        1 => Cell::Bool(input.below(2) == 1),
        2 => Cell::Number {
            value: input.double(),
            format: FormatId(input.byte().into()),
        },
        // Numbers that people write are short.
        3 => Cell::Number {
            value: input.long() as i32 as f64 / 100.0,
            format: FormatId(input.below(FORMATS.len()) as u16),
        },
        4 => return Origin::Cell(Cell::Text(any_span), input.text()),
        5 => return Origin::Cell(Cell::Iso(any_span), input.text()),
        7 => {
            let cell = Cell::Digits {
                text: any_span,
                format: FormatId(input.below(FORMATS.len()) as u16),
            };
            let digits = 1_u128 << 64 | u128::from(input.long().unsigned_abs());
            return Origin::Cell(cell, digits.to_string());
        }
        6 => Cell::Error(CellError::from_code(input.byte())),
        _ => return Origin::Value(value(input, kind)),
    };
    Origin::Cell(cell, String::new())
}

/// A value that coercion could make for the column.
fn value(input: &mut Input<'_>, kind: ColumnKind) -> Stored {
    let days = |number: i64| DAYS.start + number.rem_euclid(DAYS.end - DAYS.start);
    Stored::Plain(match kind {
        ColumnKind::Bool => Value::Bool(input.below(2) == 1),
        ColumnKind::Int2 => Value::Int(i64::from(input.long() as i16)),
        ColumnKind::Int4 => Value::Int(i64::from(input.long() as i32)),
        ColumnKind::Int8 => Value::Int(input.long()),
        ColumnKind::Float4 | ColumnKind::Float8 => Value::Float(input.double()),
        ColumnKind::Numeric => Value::Decimal(Decimal {
            negative: input.below(2) == 1,
            coefficient: u64::from_le_bytes(input.array()),
            exponent: input.long() as i16 % 400,
        }),
        ColumnKind::Date => Value::Date(days(input.long()) as i32),
        ColumnKind::Time => Value::Time(input.long().rem_euclid(MICROS_PER_DAY)),
        ColumnKind::Timestamp => {
            let number = input.long();
            let time = number.rem_euclid(MICROS_PER_DAY);
            Value::Timestamp(days(number / 1_000) * MICROS_PER_DAY + time)
        }
        ColumnKind::Interval => Value::Interval(input.long()),
        ColumnKind::Uuid => Value::Uuid(input.array()),
        ColumnKind::Text if input.below(4) == 1 => {
            let pattern = input.text().replace('0', "\0");
            return match ZeroPattern::new(&pattern) {
                Some(pattern) => Stored::Padded(input.long(), pattern),
                None => Stored::Text(pattern.replace('\0', "")),
            };
        }
        ColumnKind::TimestampTz => Value::Zoned {
            micros: days(input.long()) * MICROS_PER_DAY,
            zone: &UTC,
        },
        ColumnKind::Text
        | ColumnKind::OtherText
        | ColumnKind::Other
        | ColumnKind::TimeTz
        | ColumnKind::Moments(_)
        | ColumnKind::Money => {
            return Stored::Text(input.text().replace('\0', ""));
        }
    })
}

/// Encodes the rows whose cells fit, in both forms, and reads them back.
fn encode(columns: &[TargetColumn], coercion: &Coercion, rows: &[Vec<Origin>]) {
    let kinds: Vec<ColumnKind> = columns.iter().map(|column| column.kind).collect();
    for form in [FieldForm::for_columns(columns), FieldForm::Text] {
        let mut encoder = RowEncoder::new(form, kinds.clone());
        let mut kept = Vec::new();
        for row in rows {
            encoder.start_row();
            let mut values = Vec::new();
            for (index, (origin, column)) in row.iter().zip(columns).enumerate() {
                let value = match origin {
                    Origin::Value(stored) => Some(stored.value()),
                    Origin::Cell(cell, text) => coercion
                        .coerce(*cell, text, column)
                        .ok()
                        .map(|coerced| coerced.value),
                };
                let Some(value) = value else {
                    break;
                };
                encoder.field(index, value);
                values.push(value);
            }
            if values.len() == columns.len() {
                encoder.finish_row();
                kept.push(values);
            } else {
                encoder.cancel_row();
            }
        }
        let batch = encoder.take();
        assert_eq!(batch.row_count(), kept.len());
        read_back(&batch, &kinds, &kept);
        assert_eq!(encoder.take().row_count(), 0);
    }
}

fn read_back(batch: &EncodedBatch, kinds: &[ColumnKind], kept: &[Vec<Value<'_>>]) {
    let all = batch.rows(0..kept.len());
    assert_eq!(all.len(), batch.byte_count());
    let rows = binary_rows(&all);
    assert_eq!(rows.len(), kept.len());
    for (index, (row, values)) in rows.iter().zip(kept).enumerate() {
        let fields: Vec<Option<Vec<u8>>> = batch
            .fields(index)
            .map(|field| field.map(<[u8]>::to_vec))
            .collect();
        assert_eq!(&fields, row);
        assert_eq!(row.len(), kinds.len());
        for ((field, value), kind) in row.iter().zip(values).zip(kinds) {
            match batch.form() {
                FieldForm::Binary => assert_binary(field.as_deref(), *value, *kind),
                FieldForm::Text => assert_text(field.as_deref(), *value),
            }
        }
    }
    if batch.form() == FieldForm::Text {
        let each: Vec<_> = (0..kept.len())
            .map(|row| batch.rows(row..row + 1))
            .collect();
        let lines = copy_lines(each.iter().map(|row| &row[..]));
        assert_eq!(text_rows(&lines), rows);
    }
}
