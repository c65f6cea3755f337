//! How the products of a training run are sampled.

use kernels::Estimator;
use training::sampling::{Mode, Scores};

/// How the products of a run are sampled; exactly computed when there is no estimator.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// How pairs are chosen.
    pub estimator: Option<Estimator>,
    /// The share that is kept.
    pub ratio: f64,
    /// Which products are sampled.
    pub mode: Mode,
    /// Layers that are exact although the network samples them by itself.
    pub exact_layers: Vec<String>,
    /// What pairs are scored by.
    pub scores: Scores,
    /// The share of the pairs kept that are drawn whatever their scores.
    pub exploration: f64,
    /// Steps that a selection is used for.
    pub keep_for: usize,
}

impl Sampling {
    /// Exact products.
    pub const EXACT: Self = Sampling {
        estimator: None,
        ratio: 1.0,
        mode: Mode::Forward,
        exact_layers: Vec::new(),
        scores: Scores::Both,
        exploration: 0.0,
        keep_for: 1,
    };

    /// The estimator's name and the layers left exact, or "exact".
    pub fn name(&self) -> String {
        let estimator = self.estimator.map_or("exact", |estimator| estimator.name());
        if self.exact_layers.is_empty() {
            return estimator.to_string();
        }
        format!("{estimator} ({} exact)", self.exact_layers.join(" and "))
    }

    /// Whether it is the same but for the ratio.
    pub fn is_like(&self, other: &Self) -> bool {
        *self == Sampling { ratio: self.ratio, ..other.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_left_exact_are_part_of_the_name_and_of_the_kind() {
        let all = Sampling { estimator: Some(Estimator::TopK), ..Sampling::EXACT };
        let layers = vec!["convolution".to_string()];
        let some = Sampling { exact_layers: layers, ratio: 0.5, ..all.clone() };
        assert_eq!((all.name(), some.name()), ("top-k".into(), "top-k (convolution exact)".into()));
        assert!(some.is_like(&Sampling { ratio: 0.25, ..some.clone() }));
        assert!(!some.is_like(&all));
    }
}
