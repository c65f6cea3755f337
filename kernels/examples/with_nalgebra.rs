//! A sampled product of matrices of nalgebra: its error against the share of the pairs kept.
//!
//! Run with `cargo run --release -p kernels --example with_nalgebra`.

use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, Product, approximate_product_into, scores::column_row_scores};
use nalgebra::DMatrix;

const ROWS: usize = 64;
const PAIRS: usize = 512;
const COLUMNS: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = Stream::new(1, "example");
    let mut rng = stream.child("matrices").at(0);
    // Column i of A shrinks with i: a few column-row pairs carry most of the product.
    let a =
        DMatrix::from_fn(ROWS, PAIRS, |_, i| standard_normal(&mut rng) / (1.0 + i as f64 / 16.0));
    let b = DMatrix::from_fn(PAIRS, COLUMNS, |_, _| standard_normal(&mut rng));
    let mut exact = DMatrix::zeros(ROWS, COLUMNS);
    Product::new(&a, &b).write_to(&mut exact)?;

    let scores = column_row_scores((&a).into(), (&b).into());
    let mut estimate = DMatrix::zeros(ROWS, COLUMNS);
    println!("share of the pairs  relative error");
    for k in [PAIRS / 16, PAIRS / 8, PAIRS / 4, PAIRS / 2] {
        let mut rng = stream.child("draws").at(k as u64);
        let bernoulli = Estimator::Bernoulli;
        let kept =
            approximate_product_into(&a, &b, &scores, &bernoulli, k, &mut rng, &mut estimate)?;
        let share = kept.len() as f64 / PAIRS as f64;
        println!("{share:18.3}  {:14.4}", (&estimate - &exact).norm() / exact.norm());
    }
    Ok(())
}
