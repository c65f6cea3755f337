//! Times of the parts of a sampled product of one shape: scores, selections, products.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kernels::estimator::Estimator;
use kernels::probability::water_filling;
use kernels::product::{matmul, matmul_selected};
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms_into, pair_scores, row_norms};
use kernels::selection::top_k;
use kernels::{InstructionSet, MatrixView, MatrixViewMut};

const ROWS: usize = 256;
const INNER: usize = 1024;
const COLUMNS: usize = 1024;
const KEPT: usize = 102;

/// Standard normal numbers.
fn normal(name: &str, count: usize) -> Vec<f32> {
    let mut generator = Stream::new(1, "benches").child(name).at(0);
    (0..count).map(|_| standard_normal(&mut generator) as f32).collect()
}

fn parts(criterion: &mut Criterion) {
    let set = InstructionSet::detect();
    let (left, right) = (normal("left", ROWS * INNER), normal("right", INNER * COLUMNS));
    let a = MatrixView::row_major(&left, ROWS, INNER);
    let b = MatrixView::row_major(&right, INNER, COLUMNS);
    let mut norms = vec![0.0; INNER];
    column_norms_into(set, a, &mut norms);
    let kept_norms = row_norms(b);
    let scores = pair_scores(&norms, &kept_norms);

    let mut group = criterion.benchmark_group(format!("{ROWS}x{INNER}x{COLUMNS}"));
    group.bench_function("scores with kept norms of B", |bencher| {
        bencher.iter(|| {
            column_norms_into(set, black_box(a), &mut norms);
            pair_scores(&norms, &kept_norms)
        });
    });
    group.bench_function("norms of B", |bencher| bencher.iter(|| row_norms(black_box(b))));
    group.bench_function("top-k selection", |bencher| {
        bencher.iter(|| top_k(black_box(&scores), KEPT));
    });
    group.bench_function("water-filling", |bencher| {
        bencher.iter(|| water_filling(black_box(&scores), KEPT as f64));
    });
    let mut output = vec![0.0f32; ROWS * COLUMNS];
    group.bench_function("exact product", |bencher| {
        bencher.iter(|| {
            let to = MatrixViewMut::row_major(&mut output, ROWS, COLUMNS);
            matmul(set, black_box(a), black_box(b), to);
        });
    });
    for estimator in [Estimator::TopK, Estimator::Bernoulli] {
        let mut generator = Stream::new(1, "benches").at(1);
        let selection = estimator
            .select(&scores, KEPT, &mut generator)
            .expect("norms of normal numbers are finite, and pairs are kept");
        group.bench_function(format!("product over {KEPT} pairs, {estimator}"), |bencher| {
            bencher.iter(|| {
                let to = MatrixViewMut::row_major(&mut output, ROWS, COLUMNS);
                matmul_selected(set, black_box(a), black_box(b), &selection, to);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parts);
criterion_main!(benches);
