//! Products to be measured: random factors, exact and sampled.

use kernels::estimator::{Estimator, budget};
use kernels::product::{matmul, matmul_selected};
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms_into, pair_scores_into, row_norms};
use kernels::selection::Workspace;
use kernels::{InstructionSet, MatrixView, MatrixViewMut, Selection};
use serde::{Deserialize, Serialize};

/// The sides of C = AB, with A m x n and B n x p.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// m.
    pub rows: usize,
    /// n, over which pairs are sampled.
    pub inner: usize,
    /// p.
    pub columns: usize,
    /// Whether A is stored column by column, as the minibatch of a weight gradient is.
    #[serde(default)]
    pub transposed: bool,
}

impl Shape {
    /// "64x784x500", with "A^T" where A is transposed in memory.
    pub fn name(&self) -> String {
        let suffix = if self.transposed { " A^T" } else { "" };
        format!("{}x{}x{}{suffix}", self.rows, self.inner, self.columns)
    }

    /// Floating-point operations over `pairs` of the pairs: 2 m k p.
    pub fn operations(&self, pairs: usize) -> f64 {
        2.0 * self.rows as f64 * pairs as f64 * self.columns as f64
    }

    /// Bytes of C and of `pairs` columns of A and rows of B in f32, each once: 4(mk + kp + mp).
    pub fn bytes(&self, pairs: usize) -> f64 {
        let elements = pairs * (self.rows + self.columns) + self.rows * self.columns;
        (size_of::<f32>() * elements) as f64
    }
}

/// Two factors of independent standard normal numbers.
pub struct Operands {
    /// Their sides.
    pub shape: Shape,
    left: Vec<f32>,
    right: Vec<f32>,
    /// Norms of the rows of B, as kept between steps while the weights do not change.
    right_norms: Vec<f64>,
}

impl Operands {
    /// The factors that a seed gives.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let stream = Stream::new(seed, "operands");
        let normal = |name: &str, count: usize| -> Vec<f32> {
            let mut generator = stream.child(name).at(0);
            (0..count).map(|_| standard_normal(&mut generator) as f32).collect()
        };
        let left = normal("left", shape.rows * shape.inner);
        let right = normal("right", shape.inner * shape.columns);
        let right_norms = row_norms(MatrixView::row_major(&right, shape.inner, shape.columns));
        Self { shape, left, right, right_norms }
    }

    /// A.
    pub fn left(&self) -> MatrixView<'_, f32> {
        let Shape { rows, inner, transposed, .. } = self.shape;
        if transposed {
            MatrixView::column_major(&self.left, rows, inner)
        } else {
            MatrixView::row_major(&self.left, rows, inner)
        }
    }

    /// B.
    pub fn right(&self) -> MatrixView<'_, f32> {
        MatrixView::row_major(&self.right, self.shape.inner, self.shape.columns)
    }

    /// Room for C.
    pub fn output(&self) -> Vec<f32> {
        vec![0.0; self.shape.rows * self.shape.columns]
    }

    /// C = AB.
    pub fn exact(&self, set: InstructionSet, output: &mut [f32]) {
        let to = MatrixViewMut::row_major(output, self.shape.rows, self.shape.columns);
        matmul(set, self.left(), self.right(), to);
    }
}

/// A sampled product with its buffers: scores, selection and product, as a layer does it in every
/// step.
pub struct Sampled<'a> {
    operands: &'a Operands,
    estimator: Estimator,
    pairs: usize,
    stream: Stream,
    step: u64,
    norms: Vec<f64>,
    scores: Vec<f64>,
    workspace: Workspace,
    selection: Selection,
    output: Vec<f32>,
}

impl<'a> Sampled<'a> {
    /// About `ratio` of the pairs, at least one.
    pub fn new(operands: &'a Operands, estimator: Estimator, ratio: f64, seed: u64) -> Self {
        let inner = operands.shape.inner;
        Self {
            operands,
            estimator,
            pairs: budget(inner, ratio, 1),
            stream: Stream::new(seed, "sampled"),
            step: 0,
            norms: vec![0.0; inner],
            scores: vec![0.0; inner],
            workspace: Workspace::default(),
            selection: Selection::default(),
            output: operands.output(),
        }
    }

    /// k, the number of pairs kept (the expected one for Bernoulli sampling).
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// Scores from the norms of A's columns and the kept ones of B's rows.
    pub fn score(&mut self, set: InstructionSet) {
        column_norms_into(set, self.operands.left(), &mut self.norms);
        pair_scores_into(&self.norms, &self.operands.right_norms, &mut self.scores);
    }

    /// Scores, a new selection and the scaled product over it.
    pub fn multiply(&mut self, set: InstructionSet) {
        self.score(set);
        self.step += 1;
        let mut generator = self.stream.at(self.step);
        let Self { scores, workspace, selection, .. } = self;
        self.estimator
            .select_into(scores, self.pairs, &mut generator, workspace, selection)
            .expect("norms of normal numbers are finite, and at least one pair is kept");
        let Shape { rows, columns, .. } = self.operands.shape;
        let to = MatrixViewMut::row_major(&mut self.output, rows, columns);
        matmul_selected(set, self.operands.left(), self.operands.right(), selection, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rows: 6, inner: 40, columns: 5, transposed: true };

    #[test]
    fn keeping_every_pair_gives_the_exact_product() {
        let set = InstructionSet::detect();
        let operands = Operands::new(SHAPE, 1);
        let mut exact = operands.output();
        operands.exact(set, &mut exact);
        let mut sampled = Sampled::new(&operands, Estimator::TopK, 1.0, 1);
        sampled.multiply(set);
        assert_eq!(sampled.output, exact);
        let mut few = Sampled::new(&operands, Estimator::TopK, 0.1, 1);
        few.multiply(set);
        assert_eq!(few.selection.len(), 4);
        assert_ne!(few.output, exact);
    }

    #[test]
    fn operations_and_bytes_are_those_of_the_pairs_kept() {
        assert_eq!(SHAPE.operations(10), 600.0);
        assert_eq!(SHAPE.bytes(10), 4.0 * (60.0 + 50.0 + 30.0));
    }
}
