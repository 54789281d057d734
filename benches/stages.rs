//! What the stages cost without a server, on the sample workbook: reading alone, and reading, converting and encoding
//! through the real pipeline into a sink that keeps nothing.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a bench fails by panicking, and criterion's macros make public functions"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sheetload::Result;
use sheetload::config::import::{ImportConfig, Mode};
use sheetload::model::batch::{Batch, BatchExchange, BatchLimits};
use sheetload::model::column::ColumnKind;
use sheetload::model::receipt::ColumnTotals;
use sheetload::model::value::{Decimal, Value};
use sheetload::pipeline::progress::Progress;
use sheetload::pipeline::{Load, Pipeline};
use sheetload::sink::null::NullSink;
use sheetload::source::{self, RowSource};
use sheetload::transform::display::display_number;
use sheetload::transform::infer::InferredType;
use sheetload::transform::mapping::MappedColumn;
use sheetload::transform::names::column_names;
use tokio_util::sync::CancellationToken;

const ROWS: u64 = 10_000;

fn config() -> ImportConfig {
    ImportConfig::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/businesses.xlsx"))
}

fn open(config: &ImportConfig) -> Box<dyn RowSource> {
    let opened = source::open(&config.file, &config.read, display_number);
    let mut sheets = opened.expect("the sample workbook opens").sheets;
    sheets.swap_remove(0)
}

/// Empties batches as they come.
struct Drop;

impl BatchExchange for Drop {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        black_box(&full);
        full.clear();
        Ok(full)
    }
}

fn read(criterion: &mut Criterion) {
    let limits = BatchLimits {
        rows: Mode::Batch.default_batch_rows(),
        bytes: 4 << 20,
    };
    let mut source = open(&config());
    let width = source.describe().header.width();
    let mut group = criterion.benchmark_group("stages");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let totals = source.read(Batch::new(width, limits), &mut Drop);
            assert_eq!(totals.expect("the sample is sound").rows, ROWS);
        });
    });
    group.finish();
}

fn read_convert_encode(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = config();
    let mut source = Some(open(&config));
    let mut group = criterion.benchmark_group("stages");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function("read, convert, encode", |bencher| {
        bencher.iter(|| {
            let opened = source.take().expect("the last run gave it back");
            let names = column_names(&opened.describe().header);
            let columns = names
                .into_iter()
                .enumerate()
                .map(|(source, name)| MappedColumn {
                    source,
                    target: InferredType::Text.to_column(name),
                });
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
            let done = progress.snapshot();
            assert_eq!(done.loaded_rows + done.rejected_rows, ROWS);
        });
    });
    group.finish();
}

/// What a receipt adds to each value, in a column of each number type.
fn add_to_totals(criterion: &mut Criterion) {
    let decimal = |number: u64| {
        Value::Decimal(Decimal {
            negative: number.is_multiple_of(7),
            coefficient: number * 31,
            exponent: if number.is_multiple_of(10) { -1 } else { -2 },
        })
    };
    let mut group = criterion.benchmark_group("totals");
    group.throughput(Throughput::Elements(ROWS));
    for (name, kind, values) in [
        (
            "text",
            ColumnKind::Text,
            (0..ROWS).map(|_| Value::Text("text")).collect::<Vec<_>>(),
        ),
        (
            "bigint",
            ColumnKind::Int8,
            (0..ROWS).map(|n| Value::Int(n as i64)).collect(),
        ),
        (
            "numeric",
            ColumnKind::Numeric,
            (0..ROWS).map(decimal).collect(),
        ),
        (
            "numeric text",
            ColumnKind::Numeric,
            (0..ROWS)
                .map(|_| Value::DecimalText("1234567.89"))
                .collect(),
        ),
        (
            "double precision",
            ColumnKind::Float8,
            (0..ROWS).map(|n| Value::Float(n as f64 / 7.0)).collect(),
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

criterion_group!(stages, read, read_convert_encode, add_to_totals);
criterion_main!(stages);
