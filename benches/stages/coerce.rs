//! Coercion: the cells of a column of each type become its values.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use sheetload::config::sample::Shape;

use crate::workbook::{ROWS, Sheet, TYPED, place_of};

/// Per cell.
pub(crate) fn columns(criterion: &mut Criterion) {
    let sheet = Sheet::read(Shape::Orders);
    let mut group = criterion.benchmark_group("coerce");
    group.throughput(Throughput::Elements(ROWS));
    for (sql_type, name) in TYPED {
        let place = place_of(&sheet, sql_type, name);
        let column = &sheet.columns[place];
        group.bench_function(sql_type, |bencher| {
            bencher.iter(|| {
                for batch in &sheet.batches {
                    for row in batch.rows() {
                        let cell = row.cells[place];
                        let value = sheet.coercion.coerce(cell, batch.text_of(cell), column);
                        black_box(value.is_ok());
                    }
                }
            });
        });
    }
    group.finish();
}
