//! How several workers agree on what they select.

use kernels::Estimator;
use serde::{Deserialize, Serialize};
use training::sampling::{Mode, SamplingPolicy, Scores};

use crate::exhibit::networks::sampling::Sampling;
use crate::exhibit::settings::FieldError;

/// What pairs are scored by, and what besides decides which are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Which norms.
    scores: Scores,
    /// The share of the pairs kept that are drawn whatever their scores.
    #[serde(default)]
    exploration: f64,
    /// Steps that a selection is used for.
    #[serde(default = "one")]
    keep_for: usize,
}

fn one() -> usize {
    1
}

impl Agreement {
    /// By these scores, and nothing besides.
    pub const fn by(scores: Scores) -> Self {
        Agreement { scores, exploration: 0.0, keep_for: 1 }
    }

    /// What workers do where nothing is said: of all ways it loses the least accuracy.
    pub fn default_of_several() -> Vec<Self> {
        vec![Self::by(Scores::Shared)]
    }

    /// Refuses what is no agreement.
    pub fn check(&self) -> Result<(), FieldError> {
        if !self.scores.are_agreed() {
            let expected = "weights, shared or shared-before: by both norms, each worker selects by \
                            its own activations";
            return Err(FieldError::new("scores", self.scores.name(), expected));
        }
        let policy = SamplingPolicy {
            scores: self.scores,
            exploration: self.exploration,
            keep_for: self.keep_for,
            ..SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward)
        };
        policy.check().map_err(|error| {
            FieldError::new("exploration", self.exploration, format!("an agreement: {error}"))
        })
    }

    /// An estimator at a ratio with this agreement.
    pub fn sampling(self, estimator: Estimator, ratio: f64) -> Sampling {
        let Agreement { scores, exploration, keep_for } = self;
        let estimator = Some(estimator);
        Sampling { estimator, ratio, scores, exploration, keep_for, ..Sampling::EXACT }
    }

    /// That of a sampling.
    pub fn of(sampling: &Sampling) -> Self {
        let Sampling { scores, exploration, keep_for, .. } = *sampling;
        Agreement { scores, exploration, keep_for }
    }

    /// For a cell: "weights, 20 % explored".
    pub fn name(&self) -> String {
        let mut name = self.scores.name().to_string();
        if self.exploration > 0.0 {
            name.push_str(&format!(", {} % explored", 100.0 * self.exploration));
        }
        if self.keep_for > 1 {
            name.push_str(&format!(", for {} steps", self.keep_for));
        }
        name
    }

    /// For a sentence: "by the weights alone, of which 20 % are explored".
    pub fn words(&self) -> String {
        let mut words = match self.scores {
            Scores::Both => "by both norms",
            Scores::Weights => "by the weights alone",
            Scores::Shared => "by shared norms",
            Scores::SharedBefore => "by the shared norms of the step before",
        }
        .to_string();
        if self.exploration > 0.0 {
            words.push_str(&format!(" with {} % explored", 100.0 * self.exploration));
        }
        if self.keep_for > 1 {
            words.push_str(&format!(" for {} steps", self.keep_for));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreements_are_named_and_what_is_none_is_refused() {
        let read = |text: &str| serde_yaml::from_str::<Agreement>(text).unwrap();
        let explored = read("{scores: weights, exploration: 0.2}");
        assert_eq!(explored.name(), "weights, 20 % explored");
        assert_eq!(explored.words(), "by the weights alone with 20 % explored");
        let kept = read("{scores: shared, keep_for: 10}");
        assert_eq!(kept.name(), "shared, for 10 steps");
        assert_eq!(read("{scores: shared-before}"), Agreement::by(Scores::SharedBefore));
        assert!([explored, kept].iter().all(|agreement| agreement.check().is_ok()));
        for (text, field) in [
            ("{scores: both}", "scores"),
            ("{scores: weights, exploration: 1}", "exploration"),
            ("{scores: shared-before, keep_for: 2}", "exploration"),
        ] {
            assert_eq!(read(text).check().unwrap_err().field, field, "{text}");
        }
    }
}
