//! From the read-outs of a class's columns to the score of the class.

use crate::similarity::Similarities;
use serde::{Deserialize, Serialize};

/// A kind of rule, whose numbers are chosen by [`crate::tuning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The probabilistic neural network (Specht 1990): a Gaussian kernel density a class.
    Density,
    /// A gate for each exponential, where it is at half its height: the threshold follows from the
    /// bandwidth chosen for the density.
    HalfHeight,
    /// A gate for each exponential, one threshold for all classes.
    OneThreshold,
    /// A gate for each exponential, a threshold for each class.
    ClassThresholds,
    /// A gate that opens around a similarity, the same for all classes.
    Window,
    /// The class of the nearest stored vector: a reference.
    NearestNeighbour,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Density,
        Self::HalfHeight,
        Self::OneThreshold,
        Self::ClassThresholds,
        Self::Window,
        Self::NearestNeighbour,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Density => "exponentials",
            Self::HalfHeight => "gates at half height",
            Self::OneThreshold => "gates, one threshold",
            Self::ClassThresholds => "gates, a threshold a class",
            Self::Window => "window gates",
            Self::NearestNeighbour => "nearest neighbour",
        }
    }
}

/// A rule with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FittedRule {
    /// ln p_k with p_k = mean_i exp((s_ki - 1) / bandwidth^2), s_ki the read-out of column i of
    /// class k.
    Density {
        /// The smoothing parameter sigma.
        bandwidth: f64,
    },
    /// The share of the columns of class k that read at least threshold k.
    Gates {
        /// One a class.
        thresholds: Vec<f64>,
    },
    /// The share of the columns that read a similarity between two numbers.
    Window {
        /// Centre less half width.
        low: f64,
        /// Centre plus half width.
        high: f64,
    },
    /// The largest read-out of the class.
    NearestNeighbour,
}

impl FittedRule {
    /// Gates where the exponentials of a density have half their height, 1 - bandwidth^2 ln 2.
    ///
    /// ```
    /// use memristor_classifier::rule::FittedRule;
    /// let FittedRule::Gates { thresholds } = FittedRule::at_half_height(0.5, 3) else { panic!() };
    /// let height = ((thresholds[2] - 1.0) / 0.25).exp();
    /// assert!((height - 0.5).abs() < 1e-15);
    /// ```
    pub fn at_half_height(bandwidth: f64, classes: usize) -> Self {
        let threshold = 1.0 - bandwidth * bandwidth * std::f64::consts::LN_2;
        Self::Gates { thresholds: vec![threshold; classes] }
    }

    /// The score of a class for a query.
    ///
    /// # Panics
    /// When there is no such query or class, or gates have another number of classes.
    pub fn score(&self, similarities: &Similarities, query: usize, class: usize) -> f64 {
        let columns = similarities.of_class(query, class);
        match self {
            Self::Density { bandwidth } => {
                let square = bandwidth * bandwidth;
                // Relative to the largest term, so that no class vanishes.
                let largest = nearest(columns);
                let term = |&s: &f64| libm::exp((s - largest) / square);
                let mean = columns.iter().map(term).sum::<f64>() / columns.len() as f64;
                (largest - 1.0) / square + libm::log(mean)
            }
            Self::Gates { thresholds } => {
                similarities.share_at_least(query, class, thresholds[class])
            }
            Self::Window { low, high } => similarities.share_between(query, class, *low, *high),
            Self::NearestNeighbour => nearest(columns),
        }
    }
}

/// The largest of ascending numbers.
fn nearest(columns: &[f64]) -> f64 {
    columns.last().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::similarities;

    #[test]
    fn densities_are_means_of_exponentials_whatever_the_bandwidth() {
        let similarities = similarities();
        let score = |bandwidth| FittedRule::Density { bandwidth }.score(&similarities, 0, 0);
        let direct = [0.1f64, 0.5, 0.9].map(|s| ((s - 1.0) / 0.25).exp()).iter().sum::<f64>() / 3.0;
        assert!((score(0.5) - direct.ln()).abs() < 1e-14);
        // exp(-0.1 / 1e-6) is no number above zero.
        assert!((score(1e-3) - (-0.1f64 / 1e-6 - 3.0f64.ln())).abs() < 1e-6);
    }

    #[test]
    fn gates_count_and_windows_have_two_sides() {
        let similarities = similarities();
        let gates = FittedRule::Gates { thresholds: vec![0.5, 0.8] };
        assert_eq!(gates.score(&similarities, 0, 0), 2.0 / 3.0);
        assert_eq!(gates.score(&similarities, 0, 1), 0.0);
        let window = FittedRule::Window { low: 0.4, high: 0.8 };
        assert_eq!(window.score(&similarities, 0, 0), 1.0 / 3.0);
        assert_eq!(FittedRule::NearestNeighbour.score(&similarities, 0, 0), 0.9);
    }
}
