//! One entry of a product of random matrices: what estimators make of it, draw by draw.

use kernels::random::{Stream, standard_normal};
use kernels::selection::SelectionError;
use kernels::{Estimator, MatrixView, scores::column_row_scores};
use serde::Serialize;

use super::Choice;

/// Columns of A and rows of B.
const PAIRS: usize = 24;
/// Rows of A, and columns of B.
const SIDE: usize = 6;
/// The mean of the entries: pairs agree in part.
const MEAN: f64 = 1.0;

/// The entry, and the laws of its estimates.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The scores of the pairs.
    pub scores: Vec<f64>,
    /// What each pair adds to the entry.
    pub entries: Vec<f64>,
    /// The estimators.
    pub estimators: Vec<Choice>,
    /// Of each estimator for every k from 1 to n.
    pub laws: Vec<Vec<EntryLaw>>,
}

/// What an estimate of the entry is like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EntryLaw {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

impl Entry {
    /// With these estimators.
    ///
    /// # Errors
    /// When one of them refuses the scores.
    pub fn new(estimators: &[Estimator]) -> Result<Self, SelectionError> {
        let mut random = Stream::new(1, "entry").at(0);
        let mut draw = || -> Vec<f64> {
            // To hundredths, so that the page is short.
            let normal = (0..PAIRS * SIDE).map(|_| MEAN + standard_normal(&mut random));
            normal.map(|entry| (100.0 * entry).round() / 100.0).collect()
        };
        let (a, b) = (draw(), draw());
        let scores = column_row_scores(
            MatrixView::row_major(&a, SIDE, PAIRS),
            MatrixView::row_major(&b, PAIRS, SIDE),
        );
        let entries: Vec<f64> = (0..PAIRS).map(|pair| a[pair] * b[pair * SIDE]).collect();
        let laws = estimators
            .iter()
            .map(|estimator| (1..=PAIRS).map(|k| law(*estimator, &scores, &entries, k)).collect());
        let laws = laws.collect::<Result<_, SelectionError>>()?;
        let estimators = estimators.iter().map(|one| Choice::of(*one)).collect();
        Ok(Entry { scores, entries, estimators, laws })
    }
}

fn law(
    estimator: Estimator,
    scores: &[f64],
    entries: &[f64],
    k: usize,
) -> Result<EntryLaw, SelectionError> {
    let law = estimator.law(scores, k)?;
    let exact: f64 = entries.iter().sum();
    let mean: f64 = law.expected_scales().iter().zip(entries).map(|(s, entry)| s * entry).sum();
    let products: Vec<f64> =
        entries.iter().flat_map(|x| entries.iter().map(move |y| x * y)).collect();
    let variance = law.expected_squared_error(&products) - (mean - exact).powi(2);
    // Of what is zero rounding leaves some epsilons, above it or below.
    let deviation = if variance < 1e-12 * exact * exact { 0.0 } else { variance.sqrt() };
    Ok(EntryLaw { mean, deviation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_the_means_and_deviations_of_many_draws() {
        let shown = [Estimator::ColumnRow, Estimator::Bernoulli, Estimator::Systematic];
        let entry = Entry::new(&shown).unwrap();
        let exact: f64 = entry.entries.iter().sum();
        let stream = Stream::new(1, "laws of an entry");
        for (estimator, laws) in shown.iter().zip(&entry.laws) {
            for k in [3, 12] {
                let draws = 4_000;
                let values: Vec<f64> = (0..draws)
                    .map(|draw| {
                        let selection =
                            estimator.select(&entry.scores, k, &mut stream.at(draw)).unwrap();
                        let kept = selection.indices().iter().zip(selection.scales());
                        kept.map(|(pair, scale)| scale * entry.entries[*pair as usize]).sum()
                    })
                    .collect();
                let mean = values.iter().sum::<f64>() / draws as f64;
                let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws as f64;
                let law = laws[k - 1];
                let error = law.deviation / (draws as f64).sqrt();
                assert!((law.mean - exact).abs() < 1e-9, "{estimator}: {law:?}, {exact}");
                assert!(
                    (mean - law.mean).abs() < 5.0 * error,
                    "{estimator}, k = {k}: {mean}, {law:?}"
                );
                let ratio = square.sqrt() / law.deviation;
                assert!((ratio - 1.0).abs() < 0.1, "{estimator}, k = {k}: {ratio}");
            }
        }
    }

    #[test]
    fn top_k_has_a_bias_and_no_spread() {
        let entry = Entry::new(&[Estimator::TopK]).unwrap();
        let exact: f64 = entry.entries.iter().sum();
        let law = entry.laws[0][7];
        assert!(law.deviation == 0.0 && (law.mean - exact).abs() > 0.05 * exact.abs(), "{law:?}");
    }
}
