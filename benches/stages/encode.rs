//! Encoding: values become the bytes that COPY takes.

use criterion::{Criterion, Throughput};
use sheetload::config::sample::Shape;
use sheetload::model::column::ColumnKind;
use sheetload::model::value::Value;
use sheetload::sink::encode::text::copy_lines;
use sheetload::sink::encode::{EncodedBatch, FieldForm, RowEncoder};

use crate::workbook::{ROWS, Sheet, TYPED, place_of};

/// A column of each type in its binary form. Per value.
pub(crate) fn binary(criterion: &mut Criterion) {
    columns(criterion, "encode/binary", FieldForm::Binary, |encoded| {
        encoded.byte_count()
    });
}

/// The same as lines of text COPY, escaping included. Per value.
pub(crate) fn text_lines(criterion: &mut Criterion) {
    columns(criterion, "encode/text lines", FieldForm::Text, |encoded| {
        let rows: Vec<_> = (0..encoded.row_count())
            .map(|row| encoded.rows(row..row + 1))
            .collect();
        copy_lines(rows.iter().map(AsRef::as_ref)).len()
    });
}

fn columns(
    criterion: &mut Criterion,
    group: &str,
    form: FieldForm,
    finish: impl Fn(&EncodedBatch) -> usize,
) {
    let sheet = Sheet::read(Shape::Orders);
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(ROWS));
    for (sql_type, name) in TYPED {
        let place = place_of(&sheet, sql_type, name);
        let values = values(&sheet, place);
        let kind = sheet.columns[place].kind;
        group.bench_function(sql_type, |bencher| {
            bencher.iter(|| finish(&encode(form, kind, &values)));
        });
    }
    group.finish();
}

fn encode(form: FieldForm, kind: ColumnKind, values: &[Value<'_>]) -> EncodedBatch {
    let mut encoder = RowEncoder::new(form, vec![kind]);
    for value in values {
        encoder.start_row();
        encoder.field(0, *value);
        encoder.finish_row();
    }
    encoder.take()
}

fn values(sheet: &Sheet, place: usize) -> Vec<Value<'_>> {
    let column = &sheet.columns[place];
    let batches = sheet.batches.iter();
    let values = batches.flat_map(|batch| {
        batch.rows().map(|row| {
            let cell = row.cells[place];
            let coerced = sheet.coercion.coerce(cell, batch.text_of(cell), column);
            coerced.expect("its own column takes it").value
        })
    });
    values.collect()
}
