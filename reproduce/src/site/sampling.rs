//! The numbers behind the interactive figures: probabilities and closed forms for every position
//! of their controls.
//!
//! The figures show a product of [`PAIRS`] pairs whose products G_i = A_i B^i are orthogonal, so
//! that only the norms w_i = |G_i|_F matter. With the scale s_i that an estimator gives to pair i,
//! zero where the pair is dropped, the error of a draw is |Ĉ - C|_F² = sum_i (s_i - 1)² w_i².
//! The norms sum to one, so an error is over |A|_F |B|_F for pairs with |A_i| = |B^i|.

use kernels::estimator::Estimator;
use kernels::selection::SelectionError;
use serde::Serialize;

use crate::exhibit::style;

/// The colours that the page has for series.
const COLOURS: usize = 7;

/// Pairs of the product.
pub const PAIRS: usize = 20;

/// How the norms of the pairs are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// w_i = 1/n.
    Equal,
    /// w_i in proportion to n + 1 - i.
    Linear,
    /// w_i in proportion to i^(-3/2).
    HeavyTailed,
}

impl Norms {
    /// In the order of the controls.
    pub const ALL: [Self; 3] = [Self::Equal, Self::Linear, Self::HeavyTailed];

    fn label(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Linear => "linear",
            Self::HeavyTailed => "heavy-tailed",
        }
    }

    /// The norms, largest first, with sum one.
    pub fn weights(self) -> Vec<f64> {
        let raw: Vec<f64> = (1..=PAIRS)
            .map(|i| match self {
                Self::Equal => 1.0,
                Self::Linear => (PAIRS + 1 - i) as f64,
                Self::HeavyTailed => 1.0 / (i as f64 * (i as f64).sqrt()),
            })
            .collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|w| w / sum).collect()
    }
}

/// An interactive figure: what the script in the page reads.
#[derive(Debug, Serialize)]
pub struct SamplingFigure {
    /// Start of the ids of its elements.
    pub id: String,
    /// The choices of norms.
    pub norms: Vec<NormsChoice>,
    /// The choices of estimators, the first one selected.
    pub estimators: Vec<EstimatorChoice>,
}

/// One choice of norms and all that follows from it.
#[derive(Debug, Serialize)]
pub struct NormsChoice {
    /// Text of the control.
    pub label: &'static str,
    /// w_i.
    pub weights: Vec<f64>,
    /// One row an estimator, one setting for every k from 1 to n.
    pub settings: Vec<Vec<Setting>>,
}

/// One choice of estimator.
#[derive(Debug, Serialize)]
pub struct EstimatorChoice {
    /// Text of the control.
    pub label: &'static str,
    /// Its colour, as in the figures.
    pub style: usize,
    /// Whether k draws with replacement are made, rather than one coin tossed a pair.
    pub with_replacement: bool,
}

/// One position of the controls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The chance of a pair: of each draw with replacement, or to be kept.
    pub p: Vec<f64>,
    /// The root of the expected squared error.
    pub error: f64,
    /// The expected number of distinct pairs kept.
    pub kept: f64,
}

impl SamplingFigure {
    /// The figure of these estimators beside an exhibit.
    ///
    /// # Errors
    /// When an estimator refuses the norms.
    pub fn new(exhibit: &str, estimators: &[Estimator]) -> Result<Self, SelectionError> {
        let norms = Norms::ALL
            .into_iter()
            .map(|norms| {
                let weights = norms.weights();
                let settings = estimators
                    .iter()
                    .map(|estimator| {
                        (1..=PAIRS).map(|k| setting(*estimator, &weights, k)).collect()
                    })
                    .collect::<Result<_, _>>()?;
                Ok(NormsChoice { label: norms.label(), weights, settings })
            })
            .collect::<Result<_, SelectionError>>()?;
        let estimators = estimators
            .iter()
            .map(|estimator| EstimatorChoice {
                label: match estimator {
                    Estimator::ColumnRow => "column-row (CRS)",
                    Estimator::Bernoulli => "Bernoulli, water-filling",
                    Estimator::BernoulliAsReleased => "Bernoulli, as released",
                    other => other.name(),
                },
                style: style::of(*estimator) % COLOURS,
                with_replacement: *estimator == Estimator::ColumnRow,
            })
            .collect();
        Ok(SamplingFigure { id: format!("try-{exhibit}"), norms, estimators })
    }
}

/// The chances and closed forms of `estimator` at a budget of `k` pairs.
///
/// # Errors
/// When the estimator refuses the weights.
pub fn setting(estimator: Estimator, weights: &[f64], k: usize) -> Result<Setting, SelectionError> {
    let law = estimator.law(weights, k)?;
    let n = weights.len();
    let mut inner_products = vec![0.0; n * n];
    for (square, w) in inner_products.iter_mut().step_by(n + 1).zip(weights) {
        *square = w * w;
    }
    Ok(Setting {
        p: law.draw_probabilities().map_or_else(|| law.inclusion(), <[f64]>::to_vec),
        // Rounding may take what is zero below it.
        error: law.expected_squared_error(&inner_products).max(0.0).sqrt(),
        kept: law.expected_size(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Stream;

    const ESTIMATORS: [Estimator; 4] = [
        Estimator::ColumnRow,
        Estimator::Bernoulli,
        Estimator::BernoulliAsReleased,
        Estimator::TopK,
    ];

    /// Mean and standard error of the squared error over draws of the kernels.
    fn measured(estimator: Estimator, weights: &[f64], k: usize) -> (f64, f64) {
        let stream = Stream::new(1, estimator.name());
        let draws = 20_000;
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        for draw in 0..draws {
            let selection = estimator.select(weights, k, &mut stream.at(draw)).unwrap();
            let mut scales = vec![0.0; weights.len()];
            for (index, scale) in selection.indices().iter().zip(selection.scales()) {
                scales[*index as usize] = *scale;
            }
            let square: f64 =
                weights.iter().zip(&scales).map(|(w, s)| (s - 1.0) * (s - 1.0) * w * w).sum();
            sum += square;
            sum_of_squares += square * square;
        }
        let mean = sum / draws as f64;
        let variance = (sum_of_squares / draws as f64 - mean * mean).max(0.0);
        (mean, (variance / draws as f64).sqrt())
    }

    #[test]
    fn the_closed_forms_are_the_means_of_many_draws() {
        for norms in Norms::ALL {
            let weights = norms.weights();
            for estimator in ESTIMATORS {
                for k in [3, 11, PAIRS] {
                    let (mean, deviation) = measured(estimator, &weights, k);
                    let error = setting(estimator, &weights, k).unwrap().error;
                    assert!(
                        (mean - error * error).abs() <= 5.0 * deviation + 1e-12,
                        "{estimator}, {norms:?}, k = {k}: {mean} ± {deviation}, {}",
                        error * error
                    );
                }
            }
        }
    }

    #[test]
    fn the_expected_count_of_water_filling_is_the_budget() {
        let kept = setting(Estimator::Bernoulli, &Norms::Linear.weights(), 7).unwrap().kept;
        assert!((kept - 7.0).abs() < 1e-12);
    }

    #[test]
    fn equal_norms_meet_the_bound_of_column_row_sampling() {
        // (1 - 1/n) / k: the bound 1/k and what the exact product takes off.
        let error = setting(Estimator::ColumnRow, &Norms::Equal.weights(), 4).unwrap().error;
        assert!((error * error - 0.95 / 4.0).abs() < 1e-12);
    }
}
