//! The numbers behind the interactive figures of exhibits: closed forms for every position of their
//! controls.
//!
//! The figures show a product of [`PAIRS`] pairs G_i = A_i B^i of norms w_i = |G_i|_F that lie to one
//! another in a chosen way. With the scale s_i that an estimator gives to pair i, zero where the pair
//! is dropped, the error of a draw is |Ĉ - C|_F² = sum_ij (s_i - 1) (s_j - 1) <G_i, G_j>.
//! The norms sum to one, so an error is over |A|_F |B|_F for pairs with |A_i| = |B^i|.

use kernels::estimator::Estimator;
use kernels::selection::SelectionError;
use serde::Serialize;

use super::Choice;

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

/// How the pairs lie to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// Neighbours, the first with the second and so on, point apart.
    Cancel,
    /// Each is at right angles to all others.
    Orthogonal,
    /// All point the same way.
    Same,
}

impl Directions {
    /// In the order of the controls.
    pub const ALL: [Self; 3] = [Self::Cancel, Self::Orthogonal, Self::Same];

    fn label(self) -> &'static str {
        match self {
            Self::Cancel => "neighbours cancel",
            Self::Orthogonal => "orthogonal",
            Self::Same => "all the same way",
        }
    }

    /// The inner products of all pairs of these norms, row by row.
    pub fn inner_products(self, weights: &[f64]) -> Vec<f64> {
        let cosine = |i: usize, j: usize| match self {
            _ if i == j => 1.0,
            Self::Same => 1.0,
            Self::Cancel if i / 2 == j / 2 => -1.0,
            Self::Cancel | Self::Orthogonal => 0.0,
        };
        let indices = 0..weights.len();
        let all = indices.clone().flat_map(|i| indices.clone().map(move |j| (i, j)));
        all.map(|(i, j)| cosine(i, j) * weights[i] * weights[j]).collect()
    }
}

/// An interactive figure: what the script in the page reads.
#[derive(Debug, Serialize)]
pub struct SamplingFigure {
    /// Start of the ids of its elements.
    pub id: String,
    /// The choices of norms.
    pub norms: Vec<NormsChoice>,
    /// The choices of directions.
    pub directions: Vec<&'static str>,
    /// The choices of estimators, the first one selected.
    pub estimators: Vec<Choice>,
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

/// One position of the controls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The root of the expected squared error, a number for each choice of directions.
    pub errors: [f64; 3],
    /// The error of the mean of all draws there can be, likewise: zero without bias.
    pub biases: [f64; 3],
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
        let estimators = estimators.iter().map(|estimator| Choice::of(*estimator)).collect();
        let directions = Directions::ALL.map(Directions::label).to_vec();
        Ok(SamplingFigure { id: format!("try-{exhibit}"), norms, directions, estimators })
    }
}

/// The closed forms of `estimator` at a budget of `k` pairs.
///
/// # Errors
/// When the estimator refuses the weights.
pub fn setting(estimator: Estimator, weights: &[f64], k: usize) -> Result<Setting, SelectionError> {
    let law = estimator.law(weights, k)?;
    let products = Directions::ALL.map(|directions| directions.inner_products(weights));
    let off: Vec<f64> = law.expected_scales().iter().map(|scale| scale - 1.0).collect();
    let of_mean = |products: &Vec<f64>| -> f64 {
        let row = |(row, off_i): (&[f64], &f64)| -> f64 {
            off_i * row.iter().zip(&off).map(|(product, off_j)| product * off_j).sum::<f64>()
        };
        products.chunks(off.len()).zip(&off).map(row).sum()
    };
    // Norms sum to one: of what is zero rounding leaves some epsilons, above it or below.
    let root = |square: f64| if square < 1e-13 { 0.0 } else { square.sqrt() };
    Ok(Setting {
        errors: products.each_ref().map(|products| root(law.expected_squared_error(products))),
        biases: products.each_ref().map(|products| root(of_mean(products))),
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

    /// |sum_i off_i G_i|².
    fn square(off: &[f64], products: &[f64]) -> f64 {
        let n = off.len();
        (0..n * n).map(|at| off[at / n] * off[at % n] * products[at]).sum()
    }

    /// Mean and standard error of the squared error over draws of the kernels, and the squared error
    /// of their mean.
    fn measured(
        estimator: Estimator,
        weights: &[f64],
        products: &[f64],
        k: usize,
    ) -> (f64, f64, f64) {
        let stream = Stream::new(1, estimator.name());
        let draws = 4_000;
        let (mut sum, mut sum_of_squares) = (0.0, 0.0);
        let mut all = vec![0.0; weights.len()];
        for draw in 0..draws {
            let selection = estimator.select(weights, k, &mut stream.at(draw)).unwrap();
            let mut scales = vec![0.0; weights.len()];
            for (index, scale) in selection.indices().iter().zip(selection.scales()) {
                scales[*index as usize] = *scale;
            }
            let off: Vec<f64> = scales.iter().map(|scale| scale - 1.0).collect();
            let square = square(&off, products);
            all.iter_mut().zip(&off).for_each(|(sum, off)| *sum += off / draws as f64);
            sum += square;
            sum_of_squares += square * square;
        }
        let mean = sum / draws as f64;
        let variance = (sum_of_squares / draws as f64 - mean * mean).max(0.0);
        (mean, (variance / draws as f64).sqrt(), square(&all, products))
    }

    #[test]
    fn the_closed_forms_are_the_means_of_many_draws() {
        for (norms, estimator, k) in [Norms::Equal, Norms::Linear, Norms::HeavyTailed]
            .into_iter()
            .flat_map(|norms| ESTIMATORS.map(|estimator| (norms, estimator)))
            .flat_map(|(norms, estimator)| [3, 11, PAIRS].map(|k| (norms, estimator, k)))
        {
            let weights = norms.weights();
            let expected = setting(estimator, &weights, k).unwrap();
            for (place, directions) in Directions::ALL.into_iter().enumerate() {
                let products = directions.inner_products(&weights);
                let (mean, deviation, of_mean) = measured(estimator, &weights, &products, k);
                let [error, bias] = [expected.errors[place], expected.biases[place]];
                let which = format!("{estimator}, {norms:?}, {directions:?}, k = {k}");
                assert!(
                    (mean - error * error).abs() <= 5.0 * deviation + 1e-12,
                    "{which}: {mean} ± {deviation}, {}",
                    error * error
                );
                // The mean of so many draws is off by its bias and a hundredth of their spread.
                let spread = (error * error - bias * bias).max(0.0).sqrt();
                assert!(
                    (of_mean.max(0.0).sqrt() - bias).abs() <= spread / 10.0 + 1e-9,
                    "{which}: {of_mean}, {bias}"
                );
            }
        }
    }

    #[test]
    fn top_k_is_all_bias_and_pairs_that_cancel_cost_it_dearly() {
        let weights = Norms::Linear.weights();
        let of = |estimator, k: usize| setting(estimator, &weights, k).unwrap();
        let top = of(Estimator::TopK, 7);
        let alike = top.errors.iter().zip(&top.biases);
        assert!(alike.into_iter().all(|(error, bias)| (error - bias).abs() < 1e-12), "{top:?}");
        let coins = of(Estimator::Bernoulli, 7);
        assert_eq!(coins.biases, [0.0; 3]);
        // Pairs that all point one way: what top-k drops adds up, what coins drop they scale up for.
        assert!(top.errors[2] > coins.errors[2] && top.errors[1] < coins.errors[1]);
    }

    #[test]
    fn the_expected_count_of_water_filling_is_the_budget() {
        let kept = setting(Estimator::Bernoulli, &Norms::Linear.weights(), 7).unwrap().kept;
        assert!((kept - 7.0).abs() < 1e-12);
    }

    #[test]
    fn equal_norms_meet_the_bound_of_column_row_sampling() {
        // (1 - 1/n) / k: the bound 1/k and what the exact product takes off.
        let error = setting(Estimator::ColumnRow, &Norms::Equal.weights(), 4).unwrap().errors[1];
        assert!((error * error - 0.95 / 4.0).abs() < 1e-12);
    }
}
