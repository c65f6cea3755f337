//! The four steps of a sampled product, on a matrix product with a few heavy pairs.
//!
//! Run with `cargo run --release -p kernels --example sampled_product`.

use kernels::product::{matmul, matmul_selected};
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms, pair_scores, row_norms};
use kernels::{Estimator, InstructionSet, MatrixView, MatrixViewMut};

const ROWS: usize = 64;
const PAIRS: usize = 512;
const COLUMNS: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let set = InstructionSet::detect();
    let stream = Stream::new(1, "example");
    let mut generator = stream.child("matrices").at(0);
    let mut a: Vec<f32> =
        (0..ROWS * PAIRS).map(|_| standard_normal(&mut generator) as f32).collect();
    let b: Vec<f32> =
        (0..PAIRS * COLUMNS).map(|_| standard_normal(&mut generator) as f32).collect();
    // Column i of A shrinks with i: a few pairs carry most of the product.
    for row in a.chunks_exact_mut(PAIRS) {
        for (pair, value) in row.iter_mut().enumerate() {
            *value /= 1.0 + pair as f32 / 16.0;
        }
    }
    let a = MatrixView::row_major(&a, ROWS, PAIRS);
    let b = MatrixView::row_major(&b, PAIRS, COLUMNS);

    let mut exact = vec![0.0f32; ROWS * COLUMNS];
    matmul(set, a, b, MatrixViewMut::row_major(&mut exact, ROWS, COLUMNS));
    let norm = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();

    println!("{ROWS} x {PAIRS} x {COLUMNS} product, {set} instructions");
    println!("{:<28} {:>6} {:>6} {:>16}", "estimator", "k", "kept", "relative error");
    // Step one: scores. Steps two and three, probability and selection, are the estimator's.
    let scores = pair_scores(&column_norms(a), &row_norms(b));
    for estimator in [Estimator::TopK, Estimator::Bernoulli, Estimator::ColumnRow] {
        for k in [PAIRS / 10, PAIRS / 4, PAIRS / 2] {
            let mut draw = stream.child(estimator.name()).at(k as u64);
            let selection = estimator.select(&scores, k, &mut draw)?;
            // Step four: the product over the selected pairs only.
            let mut estimate = vec![0.0f32; ROWS * COLUMNS];
            let output = MatrixViewMut::row_major(&mut estimate, ROWS, COLUMNS);
            matmul_selected(set, a, b, &selection, output);
            let error: Vec<f32> = estimate.iter().zip(&exact).map(|(x, y)| x - y).collect();
            println!(
                "{:<28} {k:>6} {:>6} {:>16.4}",
                estimator.name(),
                selection.len(),
                norm(&error) / norm(&exact)
            );
        }
    }
    Ok(())
}
