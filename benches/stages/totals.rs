//! The receipt: what the columns of loaded rows hold is added up.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use sheetload::model::column::ColumnKind;
use sheetload::model::receipt::ColumnTotals;
use sheetload::model::value::{Decimal, Value};

const VALUES: u64 = 10_000;

/// What a receipt adds to each value, in a column of each number type. Per value.
pub(crate) fn add(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("totals");
    group.throughput(Throughput::Elements(VALUES));
    let decimal_text = |_| Value::DecimalText("1234567.89");
    for (name, kind, values) in [
        ("text", ColumnKind::Text, all(|_| Value::Text("text"))),
        ("bigint", ColumnKind::Int8, all(|n| Value::Int(n as i64))),
        ("numeric", ColumnKind::Numeric, all(decimal)),
        ("numeric text", ColumnKind::Numeric, all(decimal_text)),
        (
            "double precision",
            ColumnKind::Float8,
            all(|n| Value::Float(n as f64 / 7.0)),
        ),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut totals = ColumnTotals::new(kind);
                for value in black_box(&values) {
                    totals.add(value);
                }
                totals
            });
        });
    }
    group.finish();
}

fn all(value: impl Fn(u64) -> Value<'static>) -> Vec<Value<'static>> {
    (0..VALUES).map(value).collect()
}

fn decimal(number: u64) -> Value<'static> {
    Value::Decimal(Decimal {
        negative: number.is_multiple_of(7),
        coefficient: number * 31,
        exponent: if number.is_multiple_of(10) { -1 } else { -2 },
    })
}
