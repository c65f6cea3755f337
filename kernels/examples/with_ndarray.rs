//! A sampled product of matrices of ndarray: its error against the share of the pairs kept.
//!
//! Run with `cargo run --release -p kernels --example with_ndarray --features ndarray`.

use kernels::random::{Stream, standard_normal};
use kernels::scores::column_row_scores;
use kernels::{Estimator, MatrixView, MatrixViewMut, approximate_product_into};
use ndarray::Array2;

const ROWS: usize = 64;
const PAIRS: usize = 512;
const COLUMNS: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = Stream::new(1, "example");
    let mut rng = stream.child("matrices").at(0);
    // Column i of A shrinks with i: a few column-row pairs carry most of the product.
    let a = Array2::from_shape_fn((ROWS, PAIRS), |(_, i)| {
        standard_normal(&mut rng) / (1.0 + i as f64 / 16.0)
    });
    let b = Array2::from_shape_fn((PAIRS, COLUMNS), |_| standard_normal(&mut rng));
    let exact = a.dot(&b);
    let norm = |x: &Array2<f64>| x.iter().map(|x| x * x).sum::<f64>().sqrt();

    let (left, right) = (MatrixView::try_from(a.view())?, MatrixView::try_from(b.view())?);
    let scores = column_row_scores(left, right);
    let mut estimate = Array2::zeros((ROWS, COLUMNS));
    println!("share of the pairs  relative error");
    for k in [PAIRS / 16, PAIRS / 8, PAIRS / 4, PAIRS / 2] {
        let mut rng = stream.child("draws").at(k as u64);
        let c = MatrixViewMut::try_from(estimate.view_mut())?;
        let bernoulli = Estimator::Bernoulli;
        let kept = approximate_product_into(left, right, &scores, &bernoulli, k, &mut rng, c)?;
        let share = kept.len() as f64 / PAIRS as f64;
        println!("{share:18.3}  {:14.4}", norm(&(&estimate - &exact)) / norm(&exact));
    }
    Ok(())
}
