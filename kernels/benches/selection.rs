//! Times of drawing a selection, in memory that is kept from step to step as in training.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kernels::estimator::{Estimator, budget};
use kernels::random::{Stream, uniform};
use kernels::selection::{Selection, Workspace};

fn selections(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selection");
    for pairs in [784, 4096] {
        let mut generator = Stream::new(1, "benches").at(0);
        let scores: Vec<f64> = (0..pairs).map(|_| 1.0 + uniform(&mut generator)).collect();
        for estimator in [Estimator::TopK, Estimator::Bernoulli, Estimator::ColumnRow] {
            let k = budget(pairs, 0.5, 1);
            let (mut workspace, mut selection) = (Workspace::default(), Selection::default());
            let mut step = 0;
            group.bench_function(BenchmarkId::new(estimator.name(), pairs), |bencher| {
                bencher.iter(|| {
                    step += 1;
                    let mut generator = Stream::new(1, "draws").at(step);
                    estimator.select_into(
                        black_box(&scores),
                        k,
                        &mut generator,
                        &mut workspace,
                        &mut selection,
                    )
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, selections);
criterion_main!(benches);
