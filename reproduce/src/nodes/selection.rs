//! What it takes to choose: the norms of both factors, the scores, and the choice.

use kernels::estimator::Estimator;
use kernels::random::{Stream, standard_normal};
use kernels::scores::{column_norms_into, pair_scores_into, row_norms_into};
use kernels::selection::Workspace;
use kernels::{InstructionSet, MatrixView, Selection};
use training::data::Share;
use training::network::NetworkConfig;

use super::plan::Training;
use crate::timing::{Patience, Work, in_turns, timed};
use std::time::Duration;

/// The choices of a step of a perceptron's layers, in milliseconds, by top-k of a rank's share of
/// the minibatch; nothing of other networks, and without a ratio.
///
/// # Errors
/// When a choice cannot be made.
pub fn milliseconds(
    training: &Training,
    ratio: Option<f64>,
    share: Share,
    set: InstructionSet,
) -> anyhow::Result<f64> {
    let (NetworkConfig::Mlp { hidden, .. }, Some(ratio)) = (&training.network, ratio) else {
        return Ok(0.0);
    };
    let rows = share.of(0..training.minibatch).len();
    let mut generator = Stream::new(1, "nodes.selection").at(0);
    let mut total = 0.0;
    let sides = std::iter::once(training.image.len()).chain(hidden.iter().copied());
    let sides: Vec<usize> = sides.chain([10]).collect();
    for layer in sides.windows(2) {
        let (inputs, outputs) = (layer[0], layer[1]);
        let mut numbers =
            |count| (0..count).map(|_| standard_normal(&mut generator) as f32).collect::<Vec<_>>();
        let (x, w) = (numbers(rows * inputs), numbers(inputs * outputs));
        let (x, w) =
            (MatrixView::row_major(&x, rows, inputs), MatrixView::row_major(&w, inputs, outputs));
        let [mut left, mut right, mut scores] = [(); 3].map(|()| vec![0.0; inputs]);
        let (mut workspace, mut selection) = (Workspace::default(), Selection::default());
        let (k, mut draws) = ((ratio * inputs as f64) as usize, Stream::new(1, "draws").at(0));
        let mut choose = || {
            column_norms_into(set, x, &mut left);
            row_norms_into(set, w, &mut right);
            pair_scores_into(&left, &right, &mut scores);
            let to = &mut selection;
            Estimator::TopK.select_into(&scores, k.max(1), &mut draws, &mut workspace, to)
        };
        choose()?;
        let mut contestants: [Work; 1] = [timed(move || drop(choose()))];
        let patience = Patience {
            turn: Duration::from_millis(5),
            total: Duration::from_millis(50),
            rounds: 3,
        };
        total += 1e3 * in_turns(&mut contestants, patience).seconds(0).median;
    }
    Ok(total)
}
