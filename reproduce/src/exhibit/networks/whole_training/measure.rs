//! What trainings are judged by, and how its differences are told.

use super::long_run::{LongRun, last};

/// What a training is judged by, after its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The share of test images whose class is told, in percent.
    Accuracy,
    /// The perplexity of the test text: e to the mean loss of a word. Less is better.
    Perplexity,
}

impl Measure {
    /// What is compared, of which more is better, in points: accuracy in percent, or minus a hundred
    /// logarithms of the perplexity, so that a point is (nearly) 1 % of perplexity.
    pub fn score(self, run: &LongRun) -> f64 {
        match self {
            Measure::Accuracy => last(run, |epoch| 100.0 * epoch.test.accuracy),
            Measure::Perplexity => last(run, |epoch| -100.0 * epoch.test.loss),
        }
    }

    /// What tables and figures show of a score.
    pub fn shown(self, score: f64) -> f64 {
        match self {
            Measure::Accuracy => score,
            Measure::Perplexity => libm::exp(-score / 100.0),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Accuracy => "test accuracy",
            Measure::Perplexity => "test perplexity",
        }
    }

    /// The title of a panel of trainings at the same computations or time.
    pub fn at_equal(self, same: &str) -> String {
        match self {
            Measure::Accuracy => format!("Accuracy at equal {same}"),
            Measure::Perplexity => format!("Perplexity at equal {same}"),
        }
    }

    /// The name on an axis.
    pub fn axis(self) -> &'static str {
        match self {
            Measure::Accuracy => "test accuracy, %",
            Measure::Perplexity => "test perplexity (less is better)",
        }
    }

    /// The unit of what is shown; nothing where it has none.
    pub fn unit(self) -> &'static str {
        match self {
            Measure::Accuracy => "%",
            Measure::Perplexity => "",
        }
    }

    /// The unit of a difference of what is shown.
    pub fn unit_of_difference(self) -> &'static str {
        match self {
            Measure::Accuracy => "points",
            Measure::Perplexity => "",
        }
    }

    /// The title of a table of differences at equal cost.
    pub fn against_control(self) -> &'static str {
        match self {
            Measure::Accuracy => {
                "Test accuracy less that of exact training of the same cost, with 95 % intervals"
            }
            Measure::Perplexity => {
                "Points of perplexity against exact training of the same cost, with 95 % intervals"
            }
        }
    }

    /// What a point is, where that is not plain.
    pub fn points(self) -> Option<&'static str> {
        match self {
            Measure::Accuracy => None,
            Measure::Perplexity => Some(
                "A point is 1 % of perplexity (a hundredth of its logarithm), and above is better: of \
                 less perplexity.",
            ),
        }
    }
}
