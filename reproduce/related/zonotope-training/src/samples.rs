//! What random inputs show: a falsifier, which can find a verifier wrong but no network safe.

use crate::obstacle::Obstacle;
use crate::pattern::Pattern;
use kernels::MatrixView;
use kernels::random::{Stream, uniform};
use rayon::prelude::*;
use regression::Network;

/// Inputs of a task.
const INPUTS_A_TASK: usize = 10_000;

/// What uniform inputs in [-1, 1]^2 led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Inputs drawn.
    pub inputs: usize,
    /// Those with an output in the obstacle.
    pub unsafe_outputs: usize,
    /// Those with an activation pattern that was not enumerated.
    pub unknown_patterns: usize,
}

impl Samples {
    /// Draws so many inputs; the same ones for any number of threads.
    pub fn draw(
        network: &Network,
        obstacle: &Obstacle,
        patterns: &[Pattern],
        inputs: usize,
        stream: &Stream,
    ) -> Self {
        let mut known: Vec<u64> = patterns.iter().map(|pattern| word(pattern.units())).collect();
        known.sort_unstable();
        let tasks = 0..inputs.div_ceil(INPUTS_A_TASK);
        let counts = tasks.into_par_iter().map(|task| {
            let count = INPUTS_A_TASK.min(inputs - task * INPUTS_A_TASK);
            let mut rng = stream.at(task as u64);
            let points: Vec<f64> = (0..2 * count).map(|_| 2.0 * uniform(&mut rng) - 1.0).collect();
            let pass = network.forward(MatrixView::row_major(&points, count, 2));
            let outputs = pass.outputs.as_chunks::<2>().0;
            let sums = pass.sums.chunks_exact(network.architecture().hidden);
            let is_unknown =
                |row: &[f64]| known.binary_search(&word(Pattern::of(row).units())).is_err();
            Self {
                inputs: count,
                unsafe_outputs: outputs.iter().filter(|&&y| obstacle.contains(y)).count(),
                unknown_patterns: sums.filter(|row| is_unknown(row)).count(),
            }
        });
        counts.reduce(Self::default, |a, b| Self {
            inputs: a.inputs + b.inputs,
            unsafe_outputs: a.unsafe_outputs + b.unsafe_outputs,
            unknown_patterns: a.unknown_patterns + b.unknown_patterns,
        })
    }
}

/// A pattern as the bits of a number.
fn word(units: &[bool]) -> u64 {
    units.iter().fold(0, |word, &active| word << 1 | u64::from(active))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::patterns;
    use crate::layers::Layers;
    use crate::layers::tests::random;

    #[test]
    fn a_forgotten_cell_is_noticed() {
        let network = random(1, 8);
        let stream = Stream::new(0, "samples");
        let obstacle = Obstacle { centre: [0.0, 0.0], half_width: 0.1 };
        let mut known = patterns(&Layers::of(&network).unwrap().sums).unwrap();
        let whole = Samples::draw(&network, &obstacle, &known, 25_000, &stream);
        assert_eq!((whole.inputs, whole.unknown_patterns), (25_000, 0));
        let centre = network.forward(MatrixView::row_major(&[0.0, 0.0], 1, 2));
        known.retain(|pattern| *pattern != Pattern::of(&centre.sums));
        let broken = Samples::draw(&network, &obstacle, &known, 25_000, &stream);
        assert!(broken.unknown_patterns > 0);
        assert_eq!(broken.unsafe_outputs, whole.unsafe_outputs);
    }

    #[test]
    fn counts_do_not_depend_on_the_number_of_threads() {
        let network = random(1, 8);
        let obstacle = Obstacle { centre: [0.0, 0.0], half_width: 0.2 };
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let stream = Stream::new(0, "threads");
            pool.install(|| Samples::draw(&network, &obstacle, &[], 45_000, &stream))
        };
        assert_eq!(draw(1), draw(3));
    }
}
