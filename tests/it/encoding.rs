//! Values of every type through binary and text COPY, read back over another connection. What they must be is the
//! server's own reading of a literal or its own arithmetic.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sheetload::config::postgres::{DatabaseSettings, Environment};
use sheetload::db::pool::Database;
use sheetload::model::column::{ColumnKind, TargetColumn, TypeLimit};
use sheetload::model::reject::Reject;
use sheetload::model::table::TableName;
use sheetload::model::value::{Decimal, Value};
use sheetload::sink::copy::CopySink;
use sheetload::sink::encode::{FieldForm, RowEncoder};
use sheetload::sink::ledger::BatchRecord;
use sheetload::sink::retry::Retry;
use sheetload::sink::{Refusal, Sink as _};
use tokio_postgres::Client;

use crate::support::server::TestDatabase;

/// A column, how the server makes its value of a literal, and the values.
struct Column {
    sql_type: &'static str,
    kind: ColumnKind,
    /// SQL over `e.literal`.
    expected: &'static str,
    values: fn() -> BoxedStrategy<Given>,
}

const COLUMNS: [Column; 16] = [
    Column {
        sql_type: "boolean",
        kind: ColumnKind::Bool,
        expected: "e.literal::boolean",
        values: booleans,
    },
    Column {
        sql_type: "smallint",
        kind: ColumnKind::Int2,
        expected: "e.literal::smallint",
        values: || integers(any::<i16>().prop_map(i64::from)),
    },
    Column {
        sql_type: "integer",
        kind: ColumnKind::Int4,
        expected: "e.literal::integer",
        values: || integers(any::<i32>().prop_map(i64::from)),
    },
    Column {
        sql_type: "bigint",
        kind: ColumnKind::Int8,
        expected: "e.literal::bigint",
        values: || integers(prop_oneof![any::<i64>(), -100_i64..100]),
    },
    Column {
        sql_type: "real",
        kind: ColumnKind::Float4,
        expected: "e.literal::real",
        values: reals,
    },
    Column {
        sql_type: "double precision",
        kind: ColumnKind::Float8,
        expected: "e.literal::double precision",
        values: doubles,
    },
    Column {
        sql_type: "numeric",
        kind: ColumnKind::Numeric,
        expected: "e.literal::numeric",
        values: decimals,
    },
    Column {
        sql_type: "numeric",
        kind: ColumnKind::Numeric,
        expected: "e.literal::numeric",
        values: decimal_texts,
    },
    Column {
        sql_type: "text",
        kind: ColumnKind::Text,
        expected: "e.literal",
        values: texts,
    },
    Column {
        sql_type: "character varying(40)",
        kind: ColumnKind::Text,
        expected: "e.literal::bigint::character varying(40)",
        values: || integers(any::<i64>()),
    },
    Column {
        sql_type: "date",
        kind: ColumnKind::Date,
        expected: "date '2000-01-01' + e.literal::integer",
        values: dates,
    },
    Column {
        sql_type: "time",
        kind: ColumnKind::Time,
        expected: "time '00:00' + e.literal::bigint * interval '1 microsecond'",
        values: times,
    },
    Column {
        sql_type: "timestamp",
        kind: ColumnKind::Timestamp,
        expected: "timestamp '2000-01-01' + split_part(e.literal, ' ', 1)::integer * interval '1 day' \
                   + split_part(e.literal, ' ', 2)::bigint * interval '1 microsecond'",
        values: timestamps,
    },
    Column {
        sql_type: "interval",
        kind: ColumnKind::Interval,
        expected: "split_part(e.literal, ' ', 1)::bigint * interval '1 hour' \
                   + split_part(e.literal, ' ', 2)::bigint * interval '1 microsecond'",
        values: intervals,
    },
    Column {
        sql_type: "uuid",
        kind: ColumnKind::Uuid,
        expected: "e.literal::uuid",
        values: uuids,
    },
    Column {
        sql_type: "character(12)",
        kind: ColumnKind::Text,
        expected: "e.literal::character(12)",
        values: || texts_of("[a-zäöü€𝄞 ]{1,12}"),
    },
];

/// A column of a type that has no binary form here. With it, a table is written by text COPY.
const TEXT_ONLY: Column = Column {
    sql_type: "jsonb",
    kind: ColumnKind::Other,
    expected: "e.literal::jsonb",
    values: || {
        texts_of(r#"[0-9]{1,5}|"[a-zä\\\\]{0,6}"|\[true, null\]"#)
            .prop_filter("json", |given| {
                serde_json::from_str::<serde_json::Value>(&given.literal).is_ok()
            })
            .boxed()
    },
};

/// A value, and what the server makes it of.
#[derive(Debug, Clone)]
struct Given {
    literal: String,
    stored: Stored,
}

/// A value that owns its text.
#[derive(Debug, Clone)]
enum Stored {
    Plain(Value<'static>),
    Text(String),
    Decimal(String),
    CommaDecimal(String),
}

impl Given {
    fn plain(literal: &impl ToString, value: Value<'static>) -> Self {
        Self {
            literal: literal.to_string(),
            stored: Stored::Plain(value),
        }
    }

    fn value(&self) -> Value<'_> {
        match &self.stored {
            Stored::Plain(value) => *value,
            Stored::Text(text) => Value::Text(text),
            Stored::Decimal(text) => Value::DecimalText(text),
            Stored::CommaDecimal(text) => Value::CommaDecimalText(text),
        }
    }
}

fn booleans() -> BoxedStrategy<Given> {
    any::<bool>()
        .prop_map(|truth| Given::plain(&truth, Value::Bool(truth)))
        .boxed()
}

fn integers(numbers: impl Strategy<Value = i64> + 'static) -> BoxedStrategy<Given> {
    numbers
        .prop_map(|number| Given::plain(&number, Value::Int(number)))
        .boxed()
}

fn reals() -> BoxedStrategy<Given> {
    let special = vec![
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
        -0.0,
        0.1,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    prop_oneof![any::<f32>(), prop::sample::select(special), -1e6_f32..1e6]
        .prop_map(|number| Given::plain(&format!("{number:e}"), Value::Float(number.into())))
        .boxed()
}

fn doubles() -> BoxedStrategy<Given> {
    let special = vec![
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        0.1 + 0.2,
        1e21,
        1e-7,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let subnormal = (1..1_u64 << 52).prop_map(f64::from_bits);
    let any_bits = any::<u64>().prop_map(f64::from_bits);
    prop_oneof![
        any_bits,
        subnormal,
        prop::sample::select(special),
        -1e6_f64..1e6
    ]
    .prop_map(|number| Given::plain(&format!("{number:e}"), Value::Float(number)))
    .boxed()
}

fn decimals() -> BoxedStrategy<Given> {
    let coefficient = prop_oneof![
        any::<u64>(),
        (0_u32..20, any::<u64>()).prop_map(|(digits, any)| any % 10_u64.pow(digits)),
        (0_u64..100_000, 0_u32..14).prop_map(|(any, zeros)| any * 10_u64.pow(zeros)),
    ];
    let exponent = prop_oneof![3 => -12_i16..12, 1 => -300_i16..300];
    (any::<bool>(), coefficient, exponent)
        .prop_map(|(negative, coefficient, exponent)| {
            let sign = if negative { "-" } else { "" };
            Given::plain(
                &format!("{sign}{coefficient}e{exponent}"),
                Value::Decimal(Decimal {
                    negative,
                    coefficient,
                    exponent,
                }),
            )
        })
        .boxed()
}

fn decimal_texts() -> BoxedStrategy<Given> {
    let plain = |text: String| Given {
        literal: text.clone(),
        stored: Stored::Decimal(text),
    };
    let with_comma = |text: String| Given {
        literal: text.replace('.', "").replace(',', "."),
        stored: Stored::CommaDecimal(text),
    };
    prop_oneof![
        3 => "[+-]?[0-9]{1,18}(\\.[0-9]{0,9})?(e[+-]?[0-9]{1,2})?".prop_map(plain),
        1 => "-?0{0,9}[0-9]{1,400}\\.[0-9]{1,400}(E-?[0-9]{1,3})?".prop_map(plain),
        1 => "[+-]?\\.[0-9]{1,30}".prop_map(plain),
        1 => "-?[1-9][0-9]{0,2}(\\.[0-9]{3}){0,12},[0-9]{1,30}".prop_map(with_comma),
    ]
    .boxed()
}

fn texts() -> BoxedStrategy<Given> {
    prop_oneof![
        4 => texts_of("[^\\x00]{1,40}"),
        // What text COPY takes for syntax.
        2 => texts_of("[\\\\\t\r\n\u{8}\u{b}\u{c}.N,\"a-c]{1,20}|\\\\N|\\\\\\."),
        1 => texts_of("[^\\x00]{500,900}"),
    ]
    .boxed()
}

fn texts_of(pattern: &'static str) -> BoxedStrategy<Given> {
    pattern
        .prop_map(|text: String| Given {
            literal: text.clone(),
            stored: Stored::Text(text),
        })
        .boxed()
}

/// Days from 0001-01-01 to 9999-12-31 since 2000-01-01.
const DAYS: std::ops::Range<i32> = -730_119..2_921_940;
const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// Days with the first, the last and those about the epoch more often.
fn days() -> impl Strategy<Value = i32> {
    prop_oneof![4 => DAYS, 1 => -2_i32..3, 1 => prop::sample::select(vec![DAYS.start, DAYS.end - 1])]
}

fn micros_below(end: i64) -> impl Strategy<Value = i64> {
    let seconds = (0..end / 1_000_000).prop_map(|second| second * 1_000_000);
    prop_oneof![0..end, seconds, prop::sample::select(vec![0, end - 1])]
}

fn dates() -> BoxedStrategy<Given> {
    days()
        .prop_map(|days| Given::plain(&days, Value::Date(days)))
        .boxed()
}

fn times() -> BoxedStrategy<Given> {
    micros_below(MICROS_PER_DAY)
        .prop_map(|micros| Given::plain(&micros, Value::Time(micros)))
        .boxed()
}

fn timestamps() -> BoxedStrategy<Given> {
    (days(), micros_below(MICROS_PER_DAY))
        .prop_map(|(days, micros)| {
            let value = Value::Timestamp(i64::from(days) * MICROS_PER_DAY + micros);
            Given::plain(&format!("{days} {micros}"), value)
        })
        .boxed()
}

fn intervals() -> BoxedStrategy<Given> {
    // To 10,000 years either way.
    let hours = prop_oneof![-30_i64..30, -71_003_184_i64..71_003_184];
    (hours, micros_below(MICROS_PER_HOUR))
        .prop_map(|(hours, micros)| {
            let value = Value::Interval(hours * MICROS_PER_HOUR + micros);
            Given::plain(&format!("{hours} {micros}"), value)
        })
        .boxed()
}

fn uuids() -> BoxedStrategy<Given> {
    any::<[u8; 16]>()
        .prop_map(|bytes| {
            let literal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Given::plain(&literal, Value::Uuid(bytes))
        })
        .boxed()
}

type Row = Vec<Option<Given>>;

fn rows(columns: &[&Column]) -> impl Strategy<Value = Vec<Row>> + use<> {
    let row: Vec<_> = columns
        .iter()
        .map(|column| prop_oneof![1 => Just(None), 7 => (column.values)().prop_map(Some)])
        .collect();
    prop::collection::vec(row, 1..40)
}

/// Nothing is recorded.
struct NoRecord;

impl BatchRecord for NoRecord {
    fn sheet(&self) -> i32 {
        0
    }

    fn first_row(&self) -> i32 {
        0
    }

    fn last_row(&self) -> i32 {
        0
    }

    fn row_of(&self, _encoded: usize) -> i32 {
        0
    }

    fn rejected(&self) -> &[Reject] {
        &[]
    }

    fn refused(&self, _refusal: &Refusal) -> Option<Reject> {
        None
    }
}

/// A table of the columns, a sink that writes it, and a connection to look at it.
struct Target<'c> {
    table: &'static str,
    columns: Vec<&'c Column>,
    encoder: RowEncoder,
    sink: CopySink<Database>,
    reader: Client,
}

impl<'c> Target<'c> {
    async fn create(
        database: &TestDatabase,
        table: &'static str,
        columns: Vec<&'c Column>,
    ) -> Self {
        let definitions: Vec<String> = (0..)
            .zip(&columns)
            .map(|(index, column)| format!("c{index} {}", column.sql_type))
            .collect();
        let reader = database.connect().await;
        let definitions = definitions.join(", ");
        let statement = format!("create table {table} (row serial, {definitions})");
        reader.batch_execute(&statement).await.unwrap();
        let targets: Vec<TargetColumn> = (0..)
            .zip(&columns)
            .map(|(index, column)| TargetColumn {
                name: format!("c{index}"),
                sql_type: column.sql_type.to_owned(),
                kind: column.kind,
                not_null: false,
                limit: TypeLimit::None,
            })
            .collect();
        let settings = DatabaseSettings::resolve(
            Some(&database.url()),
            &Environment::empty().with_user("nobody"),
        );
        let connections = Database::connect(&settings.unwrap().unwrap())
            .await
            .unwrap();
        let name = TableName::unqualified(table);
        let sink = CopySink::prepare(connections, &name, &targets, None, Retry::never()).await;
        let kinds = columns.iter().map(|column| column.kind).collect();
        Self {
            table,
            columns,
            encoder: RowEncoder::new(FieldForm::for_columns(&targets), kinds),
            sink: sink.unwrap(),
            reader,
        }
    }

    async fn write(&mut self, rows: &[Row]) {
        for row in rows {
            self.encoder.start_row();
            for (index, given) in row.iter().enumerate() {
                let value = given.as_ref().map_or(Value::Null, Given::value);
                self.encoder.field(index, value);
            }
            self.encoder.finish_row();
        }
        let written = self
            .sink
            .write(&self.encoder.take(), &NoRecord)
            .await
            .unwrap();
        assert!(written.refused.is_empty(), "{:?}", written.refused);
        assert_eq!(written.loaded, rows.len() as u64);
    }

    /// The column's values, and what the server makes of the literals, as text.
    async fn read(&self, index: usize, rows: &[Row]) -> Vec<[Option<String>; 2]> {
        let (table, expected) = (self.table, self.columns[index].expected);
        let statement = format!(
            "with found as (select c{index} as value, row_number() over (order by row) as place from {table}) \
             select found.value::text, ({expected})::text \
             from unnest($1::text[]) with ordinality e (literal, place) full join found using (place) \
             order by place"
        );
        let literals: Vec<Option<&str>> = rows
            .iter()
            .map(|row| row[index].as_ref().map(|given| given.literal.as_str()))
            .collect();
        let found = self.reader.query(&statement, &[&literals]).await.unwrap();
        found.iter().map(|row| [row.get(0), row.get(1)]).collect()
    }

    async fn check(&mut self, rows: &[Row]) -> Result<(), TestCaseError> {
        self.write(rows).await;
        for index in 0..self.columns.len() {
            let values = self.read(index, rows).await;
            prop_assert_eq!(values.len(), rows.len());
            for (row, [found, expected]) in rows.iter().zip(values) {
                let sql_type = self.columns[index].sql_type;
                prop_assert_eq!(found, expected, "{} {:?}", sql_type, row[index]);
            }
        }
        let statement = format!("truncate {}", self.table);
        self.reader.batch_execute(&statement).await.unwrap();
        Ok(())
    }
}

/// Sends rows to a table of the columns and compares what is there.
fn round_trip(table: &'static str, columns: Vec<&Column>, form: FieldForm) {
    let database = TestDatabase::create();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rows = rows(&columns);
    let target = runtime.block_on(Target::create(&database, table, columns));
    let target = std::cell::RefCell::new(target);
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&rows, |rows| {
        let mut target = target.borrow_mut();
        runtime.block_on(target.check(&rows))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    assert_eq!(target.borrow_mut().encoder.take().form(), form);
}

#[test]
fn every_type_survives_binary_copy() {
    round_trip("binary_form", COLUMNS.iter().collect(), FieldForm::Binary);
}

#[test]
fn every_type_survives_text_copy() {
    let columns = COLUMNS.iter().chain([&TEXT_ONLY]).collect();
    round_trip("text_form", columns, FieldForm::Text);
}
