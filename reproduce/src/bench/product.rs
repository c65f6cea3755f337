//! Exact products beside other libraries', sampled products and scores beside the exact one, and the
//! exact one under each set of vector instructions.

use kernels::{Estimator, InstructionSet};

use super::contest::{Comparison, Contest};
use super::peer::Peer;
use super::setting::Setting;
use crate::result::Cell;
use crate::timing::operands::{Operands, Sampled, Shape};
use crate::timing::{Times, Work, in_turns, timed};

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
const SPEED_GOAL: f64 = 1.0;
/// Most that scores may take of the exact product's time.
const SCORES_GOAL: f64 = 0.03;

/// Most times of the next wider set's time that an instruction set may take. That of AVX2 is meant for
/// processors that compute with both at one rate; others have twice the rate with AVX-512.
fn goal_of(narrow: InstructionSet) -> f64 {
    match narrow {
        InstructionSet::Portable => 1.5,
        InstructionSet::Avx2 | InstructionSet::Avx512 => 1.15,
    }
}

const fn shape(rows: usize, inner: usize, columns: usize) -> Shape {
    Shape { rows, inner, columns, transposed: false }
}

/// The time of a sampled product over the exact one that is aimed at, k/n and a little more; none
/// for products so small that nothing is.
fn goal(shape: Shape, pairs: usize, threads: usize) -> Option<f64> {
    let is_large = shape.inner >= 512 && shape.rows >= 64 && shape.columns >= 64;
    let more = if threads == 1 { 0.04 } else { 0.06 };
    is_large.then(|| pairs as f64 / shape.inner as f64 + more)
}

/// One of each kind of comparison.
struct Contests {
    exact: Contest,
    sampled: Contest,
    scores: Contest,
    sets: Contest,
}

/// Measures every shape on every number of threads.
pub fn measure(setting: &Setting) -> Vec<Contest> {
    let mut contests = Contests::new(setting.peers);
    for shape in SHAPES {
        let operands = Operands::new(shape, setting.seed);
        let is_large = shape.operations(shape.inner) > setting.effort.large;
        for (index, pool) in setting.pools.iter().enumerate() {
            if !is_large || index + 1 == setting.pools.len() {
                pool.install(|| contests.compare(setting, &operands, is_large));
            }
            setting.progress.advance(1);
        }
    }
    let Contests { exact, sampled, scores, sets } = contests;
    vec![exact, sampled, scores, sets]
}

impl Contests {
    fn new(peers: &[Peer]) -> Self {
        let contest = |caption: &str, keys, ratio| {
            let (caption, others, rows) = (caption.to_string(), Vec::new(), Vec::new());
            Contest { caption, keys, ratio, others, rows }
        };
        let keys = &["product", "threads"];
        let speeds = ["ours"].into_iter().chain(peers.iter().map(|peer| peer.name.as_str()));
        let others = speeds.map(|name| (name.to_string(), "GFLOP/s")).collect();
        Self {
            exact: Contest { others, ..contest("Exact products", keys, "speed over best peer") },
            sampled: contest(
                "Sampled products, with scores and selection",
                &["product", "threads", "estimator", "k/n"],
                "time over exact",
            ),
            scores: contest("Scores with kept norms of B", keys, "time over exact"),
            sets: contest(
                "Exact products by instruction set",
                &["product", "threads", "instructions", "next wider"],
                "time over next wider",
            ),
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
        // The sets up to the one in use, of which that has its contestant.
        let mut sets = Vec::new();
        if operations <= setting.effort.narrow {
            let narrower = InstructionSet::available().into_iter().filter(|other| *other < set);
            sets.extend(narrower.map(|other| (other, enter(exact(operands, other)))));
        }
        sets.push((set, EXACT));

        let times = in_turns(&mut contestants, setting.effort.patience);
        let keys = || vec![Cell::from(shape.name()), threads.into()];
        let over_exact = |keys, index, goal| {
            let (ratio, others) = (Some(times.ratio(index, EXACT)), Vec::new());
            Comparison { keys, ratio, goal, others }
        };
        self.exact.rows.push(beside_peers(keys(), &times, operations, &peers));
        for (estimator, pairs, index) in sampled {
            let share = pairs as f64 / shape.inner as f64;
            let keys = [keys(), vec![estimator.name().into(), share.into()]].concat();
            self.sampled.rows.push(over_exact(keys, index, goal(shape, pairs, threads)));
        }
        self.scores.rows.push(over_exact(keys(), scores, Some(SCORES_GOAL)));
        for pair in sets.windows(2) {
            let [(narrow, index), (wide, of_wide)] = [pair[0], pair[1]];
            let sets = [narrow, wide].map(|set| Cell::from(set.to_string())).to_vec();
            self.sets.rows.push(Comparison {
                keys: [keys(), sets].concat(),
                ratio: Some(times.ratio(index, of_wide)),
                goal: Some(goal_of(narrow)),
                others: Vec::new(),
            });
        }
    }
}

/// The contestant that the others are compared with.
const EXACT: usize = 0;

fn exact(operands: &Operands, set: InstructionSet) -> Work<'_> {
    let mut output = operands.output();
    timed(move || operands.exact(set, &mut output))
}

fn beside_peers(
    keys: Vec<Cell>,
    times: &Times,
    operations: f64,
    peers: &[Option<usize>],
) -> Comparison {
    // Speed is the inverse of time.
    let best = times.fastest(peers.iter().flatten().copied());
    let speed = |index| 1e-9 * operations / times.seconds(index).median;
    let peers = peers.iter().map(|peer| Cell::from(peer.map(speed)));
    Comparison {
        keys,
        ratio: best.map(|best| times.ratio(best, EXACT)),
        goal: best.map(|_| SPEED_GOAL),
        others: [Cell::from(speed(EXACT))].into_iter().chain(peers).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_stated_for_large_products_only() {
        let wide = shape(64, 1000, 64);
        assert_eq!([1, 2].map(|threads| goal(wide, 100, threads)), [Some(0.14), Some(0.16)]);
        assert_eq!(goal(shape(64, 500, 64), 50, 2), None);
        assert_eq!(goal(SHAPES[6], 6, 2), None);
    }
}
