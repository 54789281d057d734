//! Reading: from the bytes of a workbook to batches.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use sheetload::Result;
use sheetload::model::batch::{Batch, BatchExchange};

use crate::workbook::{self, ROWS, SHAPES};

/// Empties batches as they come.
struct Emptied;

impl BatchExchange for Emptied {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        black_box(&full);
        full.clear();
        Ok(full)
    }
}

/// What comes before the rows: the package's lists, the styles, and the shared strings, which outweigh all else. Per
/// row of the sheet.
pub(crate) fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    group.throughput(Throughput::Elements(ROWS));
    for (name, shape) in SHAPES {
        let config = workbook::config(shape);
        group.bench_function(name, |bencher| bencher.iter(|| workbook::open(&config)));
    }
    group.finish();
}

/// All rows of a sheet whose shared strings are there. Per cell.
pub(crate) fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    for (name, shape) in SHAPES {
        let config = workbook::config(shape);
        let mut source = workbook::open(&config);
        let width = source.describe().header.width();
        group.throughput(Throughput::Elements(ROWS * width as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let totals = source.read(Batch::new(width, config.batch_limits()), &mut Emptied);
                assert_eq!(totals.expect("the workbook is sound").rows, ROWS);
            });
        });
    }
    group.finish();
}
