//! What each stage of a load costs without a server, on sample workbooks.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a bench fails by panicking, and criterion's macros make public functions"
)]

mod coerce;
mod encode;
mod infer;
mod pipeline;
mod scan;
mod totals;
mod workbook;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Enough to see a few percent on a machine at rest, and all of them in two minutes.
fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
}

criterion_group! {
    name = stages;
    config = criterion();
    targets = scan::open, scan::read, infer::observe, coerce::columns, encode::binary, encode::text_lines, totals::add,
        pipeline::read_convert_encode
}
criterion_main!(stages);
