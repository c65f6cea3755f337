//! The factors that claims are checked on: small adversarial ones for enumeration, large random
//! families for Monte Carlo.

use kernels::product::{matmul, matmul_selected};
use kernels::random::{Generator, LibmFloat, Stream, sample, standard_normal, uniform};
use kernels::scores::{column_norms, pair_scores, row_norms};
use kernels::{InstructionSet, Law, MatrixView, MatrixViewMut, Selection};
use nalgebra::DMatrix;
use rand_distr::Pareto;
use serde::{Deserialize, Serialize};

/// The two factors of a product, A (m x n) and B (n x p).
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// What is special about them.
    pub name: String,
    /// A.
    pub a: DMatrix<f64>,
    /// B.
    pub b: DMatrix<f64>,
}

impl Factors {
    /// The number n of column-row pairs.
    pub fn pairs(&self) -> usize {
        self.a.ncols()
    }

    /// w_i = |A_i| |B^i|.
    pub fn scores(&self) -> Vec<f64> {
        let (a, b) = (MatrixView::from(&self.a), MatrixView::from(&self.b));
        pair_scores(&column_norms(a), &row_norms(b))
    }

    /// C = AB.
    pub fn exact(&self, set: InstructionSet) -> DMatrix<f64> {
        let mut c = DMatrix::zeros(self.a.nrows(), self.b.ncols());
        matmul(set, (&self.a).into(), (&self.b).into(), MatrixViewMut::from(&mut c));
        c
    }

    /// C_hat = sum_{i in S} s_i A_i B^i.
    pub fn estimate(&self, set: InstructionSet, selection: &Selection) -> DMatrix<f64> {
        let mut c = DMatrix::zeros(self.a.nrows(), self.b.ncols());
        let view = MatrixViewMut::from(&mut c);
        matmul_selected(set, (&self.a).into(), (&self.b).into(), selection, view);
        c
    }

    /// E|C_hat - C|_F^2 by the closed form of a law: from the norms of the pairs where they suffice,
    /// else from all inner products.
    pub fn expected_squared_error(&self, set: InstructionSet, law: &Law) -> f64 {
        let product = norm_squared(&self.exact(set));
        law.expected_squared_error_from_norms(&self.scores(), product)
            .unwrap_or_else(|| law.expected_squared_error(&self.gram()))
    }

    /// The inner products <G_i, G_j> = <A_i, A_j> <B^i, B^j> of the pairs, n x n.
    pub fn gram(&self) -> Vec<f64> {
        let n = self.pairs();
        let inner = |i: usize, j: usize| {
            self.a.column(i).dot(&self.a.column(j)) * self.b.row(i).dot(&self.b.row(j))
        };
        (0..n * n).map(|at| inner(at / n, at % n)).collect()
    }
}

/// x^2, as one multiplication (the standard library's powers may differ between machines).
pub fn squared(x: f64) -> f64 {
    x * x
}

/// The sum of squares of all elements, in one chain.
pub fn norm_squared(matrix: &DMatrix<f64>) -> f64 {
    matrix.iter().fold(0.0, |sum, x| x.mul_add(*x, sum))
}

/// |X - Y|_F^2.
pub fn squared_distance(x: &DMatrix<f64>, y: &DMatrix<f64>) -> f64 {
    x.iter().zip(y.iter()).fold(0.0, |sum, (x, y)| (x - y).mul_add(x - y, sum))
}

fn filled(rows: usize, columns: usize, mut draw: impl FnMut() -> f64) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| draw())
}

/// The small factors of every enumeration, 3 x n by n x 2: random ones, and those that are hard on
/// a sampler.
pub fn small(seed: u64, pairs: usize) -> Vec<Factors> {
    let stream = Stream::new(seed, "small factors");
    let random = |name: &str, mean: f64| {
        let mut rng = stream.child(name).at(pairs as u64);
        let a = filled(3, pairs, || mean + standard_normal(&mut rng));
        let b = filled(pairs, 2, || mean + standard_normal(&mut rng));
        Factors { name: name.to_owned(), a, b }
    };
    let mut zero = random("a zero column", 0.0);
    zero.a.column_mut(0).fill(0.0);
    let mut dominating = random("one dominating pair", 0.0);
    dominating.a.column_mut(pairs - 1).scale_mut(1e3);
    let mut ties = random("ties", 0.0);
    for (index, mut column) in ties.a.column_iter_mut().enumerate() {
        column.fill(if index % 2 == 0 { 1.0 } else { -1.0 });
    }
    ties.b.fill(1.0);
    let mut parallel = random("parallel pairs", 0.0);
    parallel.a.fill(1.0);
    parallel.b.fill(1.0);
    vec![random("Gaussian", 0.0), random("shifted Gaussian", 1.0), zero, dominating, ties, parallel]
}

/// A family of large random factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Entries N(0, 1).
    Gaussian,
    /// Entries N(1, 1): the pairs point the same way.
    Shifted,
    /// Entries N(0, 1) times a Pareto factor a pair, of shape 3: its fourth moment is infinite.
    HeavyTailed,
    /// Seven entries of ten are zero, the others N(0, 1), as after a ReLU that seldom fires.
    Sparse,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gaussian, Self::Shifted, Self::HeavyTailed, Self::Sparse];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "Gaussian",
            Self::Shifted => "shifted Gaussian",
            Self::HeavyTailed => "heavy-tailed",
            Self::Sparse => "sparse",
        }
    }

    /// Factors of this family, `outer` x `pairs` by `pairs` x `outer`.
    pub fn factors(self, seed: u64, outer: usize, pairs: usize) -> Factors {
        let mut rng = Stream::new(seed, "factors").child(self.name()).at(pairs as u64);
        let a = filled(outer, pairs, || self.entry(&mut rng));
        let mut b = filled(pairs, outer, || self.entry(&mut rng));
        if self == Self::HeavyTailed {
            let pareto = Pareto::new(LibmFloat(1.0), LibmFloat(3.0));
            let pareto = pareto.expect("scale and shape are positive");
            b.row_iter_mut().for_each(|mut row| row.scale_mut(sample(&pareto, &mut rng)));
        }
        Factors { name: format!("{}, n = {pairs}", self.name()), a, b }
    }

    fn entry(self, rng: &mut Generator) -> f64 {
        match self {
            Self::Gaussian | Self::HeavyTailed => standard_normal(rng),
            Self::Shifted => 1.0 + standard_normal(rng),
            Self::Sparse if uniform(rng) < 0.7 => 0.0,
            Self::Sparse => standard_normal(rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gram_matrix_has_the_squared_scores_on_its_diagonal() {
        for factors in small(0, 4) {
            let (gram, scores) = (factors.gram(), factors.scores());
            for (i, w) in scores.iter().enumerate() {
                assert!((gram[i * 5] - w * w).abs() <= 16.0 * f64::EPSILON * w * w);
            }
            let set = InstructionSet::Portable;
            let total: f64 = gram.iter().sum();
            let scale: f64 = squared(scores.iter().sum());
            assert!(
                (total - norm_squared(&factors.exact(set))).abs() <= 64.0 * f64::EPSILON * scale
            );
        }
    }
}
