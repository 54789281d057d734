//! Inference: the types of a sheet's columns from all of its cells.

use criterion::{Criterion, Throughput};
use sheetload::transform::infer::SeenColumns;

use crate::workbook::{SHAPES, Sheet};

/// Per cell.
pub(crate) fn observe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("infer");
    for (name, shape) in SHAPES {
        let sheet = Sheet::read(shape);
        group.throughput(Throughput::Elements(sheet.cells()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut seen = SeenColumns::new(sheet.columns.len());
                for batch in &sheet.batches {
                    seen.observe(batch, &sheet.coercion);
                }
                seen
            });
        });
    }
    group.finish();
}
