//! A sampled product of matrices of faer: its error against the share of the pairs kept.
//!
//! Run with `cargo run --release -p kernels --example with_faer --features faer`.

use faer::{MatMut, MatRef};
use kernels::random::{Stream, standard_normal};
use kernels::scores::column_row_scores;
use kernels::{Estimator, MatrixView, MatrixViewMut, approximate_product_into};

const ROWS: usize = 64;
const PAIRS: usize = 512;
const COLUMNS: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = Stream::new(1, "example");
    let mut rng = stream.child("matrices").at(0);
    // Column i of A shrinks with i: a few column-row pairs carry most of the product.
    let a: Vec<f64> = (0..ROWS * PAIRS)
        .map(|at| standard_normal(&mut rng) / (1.0 + (at / ROWS) as f64 / 16.0))
        .collect();
    let b: Vec<f64> = (0..PAIRS * COLUMNS).map(|_| standard_normal(&mut rng)).collect();
    // A matrix that faer allocates itself may have padded columns, which a view cannot borrow.
    let a = MatRef::from_column_major_slice(&a, ROWS, PAIRS);
    let b = MatRef::from_column_major_slice(&b, PAIRS, COLUMNS);
    let exact = a * b;

    let (left, right) = (MatrixView::try_from(a)?, MatrixView::try_from(b)?);
    let scores = column_row_scores(left, right);
    let mut numbers = vec![0.0; ROWS * COLUMNS];
    let mut estimate = MatMut::from_column_major_slice_mut(&mut numbers, ROWS, COLUMNS);
    println!("share of the pairs  relative error");
    for k in [PAIRS / 16, PAIRS / 8, PAIRS / 4, PAIRS / 2] {
        let mut rng = stream.child("draws").at(k as u64);
        let c = MatrixViewMut::try_from(estimate.as_mut())?;
        let bernoulli = Estimator::Bernoulli;
        let kept = approximate_product_into(left, right, &scores, &bernoulli, k, &mut rng, c)?;
        let share = kept.len() as f64 / PAIRS as f64;
        let error = (estimate.as_ref() - &exact).norm_l2() / exact.norm_l2();
        println!("{share:18.3}  {error:14.4}");
    }
    Ok(())
}
