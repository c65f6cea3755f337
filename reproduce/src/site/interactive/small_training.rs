//! The training of a small perceptron on two inputs: what the page trains by itself.

use kernels::random::{Stream, standard_normal, uniform};
use kernels::{Estimator, InstructionSet};
use serde::Serialize;
use training::data::Minibatch;
use training::layer::StepContext;
use training::learner::{Learner, StepError};
use training::matrix::Matrix;
use training::network::{NetworkError, mlp};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

use super::Choice;

/// Samples, half of each class.
const SAMPLES: usize = 64;
/// Units of each of the two hidden layers.
const HIDDEN: usize = 16;
/// The first layer, with its two inputs, is never sampled.
const MINIMAL_K: usize = 2;
const LEARNING_RATE: f32 = 0.1;
const MOMENTUM: f32 = 0.9;

/// Settings of the trainings, and their samples.
#[derive(Clone, Debug, Serialize)]
pub struct SmallTraining {
    /// Two inputs a sample.
    pub samples: Vec<[f64; 2]>,
    /// Zero or one.
    pub labels: Vec<u16>,
    /// Inputs, hidden units, classes.
    pub widths: [usize; 4],
    /// The estimators.
    pub estimators: Vec<Choice>,
    /// Shares of the inputs of a layer to keep.
    pub ratios: [f64; 3],
    /// The least number kept.
    pub minimal_k: usize,
    /// How weights are changed.
    pub optimizer: OptimizerConfig,
}

const OPTIMIZER: OptimizerConfig = OptimizerConfig::Sgd {
    learning_rate: LEARNING_RATE,
    momentum: MOMENTUM,
    nesterov: false,
    weight_decay: 0.0,
};

impl Default for SmallTraining {
    fn default() -> Self {
        Self::new()
    }
}

impl SmallTraining {
    /// Two half-moons, one in the other's opening.
    pub fn new() -> Self {
        let mut random = Stream::new(1, "half-moons").at(0);
        let labels: Vec<u16> = (0..SAMPLES).map(|sample| (sample % 2) as u16).collect();
        let mut sample = |label: &u16| {
            let angle = std::f64::consts::PI * uniform(&mut random);
            let (sine, cosine) = libm::sincos(angle);
            let moon = if *label == 0 { [cosine, sine] } else { [1.0 - cosine, 0.5 - sine] };
            // To 128ths: numbers that f32 and decimals hold as they are.
            moon.map(|x| ((x + 0.15 * standard_normal(&mut random)) * 128.0).round() / 128.0)
        };
        SmallTraining {
            samples: labels.iter().map(&mut sample).collect(),
            labels,
            widths: [2, HIDDEN, HIDDEN, 2],
            estimators: [Estimator::Bernoulli, Estimator::ColumnRow, Estimator::TopK]
                .map(Choice::of)
                .to_vec(),
            ratios: [0.25, 0.5, 0.75],
            minimal_k: MINIMAL_K,
            optimizer: OPTIMIZER,
        }
    }
}

/// Why the small network cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum SmallTrainingError {
    /// The network cannot be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A step cannot be made.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// The mean loss on all samples, computed exactly, after these numbers of steps, which increase, of
/// the training that is sampled forward by an estimator at a ratio, or of the exact one.
///
/// # Errors
/// When a ratio is out of range, or the training diverges.
pub fn losses(
    sampled: Option<(Estimator, f64)>,
    after: &[u64],
) -> Result<Vec<f64>, SmallTrainingError> {
    let settings = SmallTraining::new();
    let policy = sampled
        .map(|(estimator, ratio)| SamplingPolicy::new(estimator, ratio, MINIMAL_K, Mode::Forward));
    let (set, stream) = (InstructionSet::detect(), Stream::new(1, "small network"));
    let network =
        mlp(2, &[HIDDEN, HIDDEN], 2, 0.0).build(&LayerPolicies::uniform(policy), stream)?;
    let mut learner = Learner::new(network, OPTIMIZER, set, stream);
    let inputs = settings.samples.as_flattened().iter().map(|x| *x as f32).collect();
    let (input, labels) = (Matrix::from_rows(SAMPLES, 2, inputs), settings.labels);
    let minibatch = Minibatch { input, labels, continues: false };
    let loss =
        |learner: &mut Learner| learner.forward(&StepContext::evaluation(set), &minibatch).mean();
    let mut losses = Vec::new();
    for steps in after {
        while learner.steps() < *steps {
            learner.step(&minibatch)?;
        }
        losses.push(loss(&mut learner));
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_training_learns_and_so_does_an_unbiased_half() {
        let exact = losses(None, &[0, 400]).unwrap();
        assert!(exact[0] > 0.6 && exact[1] < 0.1, "{exact:?}");
        let half = losses(Some((Estimator::Bernoulli, 0.5)), &[0, 400]).unwrap();
        assert_eq!(half[0], exact[0]);
        assert!(half[1] < 0.1 && half[1] != exact[1], "{half:?}, {exact:?}");
    }
}
