//! All stages together: the real pipeline, reader and workers, into a sink that keeps nothing.

use std::collections::HashMap;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use sheetload::pipeline::progress::Progress;
use sheetload::pipeline::{Load, Pipeline};
use sheetload::sink::null::NullSink;
use sheetload::transform::mapping::MappedColumn;
use tokio_util::sync::CancellationToken;

use crate::workbook::{self, ROWS, SHAPES, Sheet};

/// Reads, coerces, encodes. Per row.
pub(crate) fn read_convert_encode(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("read, convert, encode");
    group.throughput(Throughput::Elements(ROWS));
    for (name, shape) in SHAPES {
        let config = workbook::config(shape);
        let columns = Sheet::read(shape).columns;
        let mut source = Some(workbook::open(&config));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let opened = source.take().expect("the last run gave it back");
                let columns = columns.iter().cloned().enumerate();
                let columns = columns.map(|(source, target)| MappedColumn { source, target });
                let load = Load::new(&config, opened, columns.collect(), HashMap::new());
                let progress = Arc::new(Progress::default());
                let end = runtime.block_on(async {
                    let interrupt = CancellationToken::new();
                    let sinks = vec![NullSink, NullSink];
                    Pipeline::start(load, sinks, &interrupt, &progress)?
                        .wait()
                        .await
                });
                source = end.expect("the load runs").source;
                assert_eq!(progress.snapshot().loaded_rows, ROWS);
            });
        });
    }
    group.finish();
}
