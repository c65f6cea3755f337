//! Exact products beside other libraries', and sampled products, scores and the product without
//! vector instructions beside the exact one.

use kernels::{Estimator, InstructionSet};

use super::Setting;
use super::peer::Peer;
use crate::result::{Cell, Column, Table};
use crate::timing::operands::{Operands, Sampled, Shape};
use crate::timing::{Spread, Times, Work, in_turns, timed};

/// The products measured: forward products of layers, square ones, and a weight gradient.
pub const SHAPES: [Shape; 7] = [
    shape(64, 784, 500),
    shape(256, 1024, 1024),
    shape(128, 2048, 2048),
    shape(1024, 4096, 4096),
    shape(512, 512, 512),
    shape(2048, 2048, 2048),
    Shape { transposed: true, ..shape(784, 64, 512) },
];

/// Shares of the pairs kept, the smallest last.
const RATIOS: [f64; 3] = [0.5, 0.25, 0.1];
const ESTIMATORS: [Estimator; 2] = [Estimator::TopK, Estimator::Bernoulli];
/// Least speed over that of the fastest other library.
const SPEED_GOAL: f64 = 0.95;
/// Most that scores may take of the exact product's time.
const SCORES_GOAL: f64 = 0.03;
/// Most times of the exact product's time that the portable path, which is plain Rust, may take.
const PORTABLE_GOAL: f64 = 12.0;

const fn shape(rows: usize, inner: usize, columns: usize) -> Shape {
    Shape { rows, inner, columns, transposed: false }
}

/// k/n + 0.06, the time of a sampled product over the exact one that is aimed at; none for
/// products so small that it is not.
fn goal(shape: Shape, pairs: usize) -> Option<f64> {
    let is_large = shape.inner >= 512 && shape.rows >= 64 && shape.columns >= 64;
    is_large.then(|| pairs as f64 / shape.inner as f64 + 0.06)
}

/// The tables, one of each kind of comparison.
struct Tables {
    exact: Table,
    sampled: Table,
    scores: Table,
    portable: Table,
}

/// Measures every shape on every number of threads.
pub fn measure(setting: &Setting) -> Vec<Table> {
    let mut tables = Tables::new(setting.peers);
    for shape in SHAPES {
        let operands = Operands::new(shape, setting.seed);
        let is_large = shape.operations(shape.inner) > setting.effort.large;
        for (index, pool) in setting.pools.iter().enumerate() {
            if !is_large || index + 1 == setting.pools.len() {
                pool.install(|| tables.compare(setting, &operands, is_large));
            }
            setting.progress.advance(1);
        }
    }
    vec![tables.exact, tables.sampled, tables.scores, tables.portable]
}

impl Tables {
    fn new(peers: &[Peer]) -> Self {
        let keys = || vec![Column::key("product"), Column::key("threads")];
        let with = |mut columns: Vec<Column>, more: Vec<Column>| {
            columns.extend(more);
            columns
        };
        let spread = |name: &str| {
            let value = |name: &str| Column::value(name, "");
            vec![value(name), value("low"), value("high")]
        };
        let goal = || vec![Column::value("goal", "")];
        let speeds = ["ours"].into_iter().chain(peers.iter().map(|peer| peer.name.as_str()));
        let speeds = speeds.map(|name| Column::value(name, "GFLOP/s")).collect();
        let exact = with(with(keys(), spread("speed over best peer")), goal());
        let exact = with(exact, speeds);
        let mut sampled = keys();
        sampled.extend([Column::key("estimator"), Column::key("k/n")]);
        let sampled = with(with(sampled, spread("time over exact")), goal());
        let scores = with(with(keys(), spread("time over exact")), goal());
        let portable = with(with(keys(), spread("time over vector")), goal());
        Self {
            exact: Table::new("Exact products", exact),
            sampled: Table::new("Sampled products, with scores and selection", sampled),
            scores: Table::new("Scores with kept norms of B", scores),
            portable: Table::new("Exact products of the portable path", portable),
        }
    }

    /// One shape on the threads of the current pool: all contestants in turns.
    fn compare(&mut self, setting: &Setting, operands: &Operands, is_large: bool) {
        let (set, seed, shape) = (setting.set, setting.seed, operands.shape);
        let threads = rayon::current_num_threads();
        let mut contestants: Vec<Work> = vec![exact(operands, set)];
        let mut enter = |work| {
            contestants.push(work);
            contestants.len() - 1
        };
        let peers: Vec<Option<usize>> =
            setting.peers.iter().map(|peer| peer.work(operands, threads).map(&mut enter)).collect();
        let mut sampled = Vec::new();
        for &ratio in if is_large { &RATIOS[2..] } else { &RATIOS } {
            for estimator in ESTIMATORS {
                let mut product = Sampled::new(operands, estimator, ratio, seed);
                let pairs = product.pairs();
                let index = enter(timed(move || product.multiply(set)));
                sampled.push((estimator, pairs, index));
            }
        }
        let mut scored = Sampled::new(operands, Estimator::TopK, 1.0, seed);
        let scores = enter(timed(move || scored.score(set)));
        let operations = shape.operations(shape.inner);
        let portable = (operations <= setting.effort.portable)
            .then(|| enter(exact(operands, InstructionSet::Portable)));

        let times = in_turns(&mut contestants, setting.effort.patience);
        let keys = || vec![shape.name().into(), threads.into()];
        self.exact.push(exact_row(keys(), &times, operations, &peers));
        for (estimator, pairs, index) in sampled {
            let mut row: Vec<Cell> = keys();
            row.extend([estimator.name().into(), (pairs as f64 / shape.inner as f64).into()]);
            self.sampled.push(ratio_row(row, times.ratio(index, EXACT), goal(shape, pairs)));
        }
        self.scores.push(ratio_row(keys(), times.ratio(scores, EXACT), Some(SCORES_GOAL)));
        if let Some(portable) = portable {
            let ratio = times.ratio(portable, EXACT);
            self.portable.push(ratio_row(keys(), ratio, Some(PORTABLE_GOAL)));
        }
    }
}

/// The contestant that the others are compared with.
const EXACT: usize = 0;

fn exact(operands: &Operands, set: InstructionSet) -> Work<'_> {
    let mut output = operands.output();
    timed(move || operands.exact(set, &mut output))
}

fn exact_row(
    mut row: Vec<Cell>,
    times: &Times,
    operations: f64,
    peers: &[Option<usize>],
) -> Vec<Cell> {
    // Speed is the inverse of time.
    let best = times.fastest(peers.iter().flatten().copied());
    let ratio = best.map(|best| times.ratio(best, EXACT));
    row.extend(
        [ratio.map(|r| r.median), ratio.map(|r| r.low), ratio.map(|r| r.high)].map(Cell::from),
    );
    row.push(best.map(|_| SPEED_GOAL).into());
    let speed = |index| 1e-9 * operations / times.seconds(index).median;
    row.push(speed(EXACT).into());
    row.extend(peers.iter().map(|peer| Cell::from(peer.map(speed))));
    row
}

/// A comparison and its goal after the keys of the row.
pub fn ratio_row(mut row: Vec<Cell>, ratio: Spread, goal: Option<f64>) -> Vec<Cell> {
    row.extend([ratio.median.into(), ratio.low.into(), ratio.high.into(), goal.into()]);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_stated_for_large_products_only() {
        assert_eq!(goal(shape(64, 1000, 64), 100), Some(0.16));
        assert_eq!(goal(shape(64, 500, 64), 50), None);
        assert_eq!(goal(SHAPES[6], 6), None);
    }
}
