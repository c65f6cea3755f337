//! The passes of all arms at the same weights, on the same minibatch.

use crate::arm::{Arm, Means};
use kernels::InstructionSet;
use kernels::random::Stream;
use training::data::Minibatch;
use training::layer::{CodeForm, CodeSettings, ImageShape};
use training::learner::{Learner, StepError};
use training::network::{NetworkError, State, StateError};
use training::train::TrainingConfig;

/// Bits of codes that the forward pass is looked at with.
pub const ALL_BITS: [u32; 4] = [1, 2, 4, 8];

/// Why arms cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComparisonError {
    /// The network does not exist, or has no codes.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The weights are those of another network.
    #[error(transparent)]
    State(#[from] StateError),
    /// A step cannot be made.
    #[error(transparent)]
    Step(#[from] StepError),
    /// There is no number to compare by.
    #[error("the network has no weight")]
    NoWeight,
}

/// Where arms are compared.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The shape of the images, and how many classes they are of.
    pub images: (ImageShape, usize),
    /// The images.
    pub minibatch: &'a Minibatch,
    /// How products are computed; changes no number.
    pub set: InstructionSet,
}

/// What the arms' passes are at the same weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The layers with weights, in the network's order.
    pub layers: Vec<String>,
    /// Of each arm the distance of each layer's weight gradient to the exact one, over its norm.
    pub errors: Vec<(Arm, Vec<f64>)>,
    /// The distance of the gradients of sampled products with codes of so many bits to those of the
    /// same products without, over their norm.
    pub of_codes_alone: Vec<(u32, Vec<f64>)>,
    /// Outputs of the network that differ from the exact ones, by the bits of codes, and those with
    /// codes in the forward pass.
    pub differing: Vec<(CodeSettings, usize)>,
    /// Outputs.
    pub outputs: usize,
}

impl Comparison {
    /// Compares the arms at these weights.
    ///
    /// # Errors
    /// When a network cannot be built or has other weights, or its loss is no number.
    pub fn measure(
        place: &Place,
        exact: &TrainingConfig,
        means: &Means,
        arms: &[Arm],
        state: &State,
    ) -> Result<Self, ComparisonError> {
        let of = |config: &TrainingConfig| -> Result<Vec<(String, Vec<f32>)>, ComparisonError> {
            let mut learner = learner(place, config)?;
            learner.network().load_state(state)?;
            weight_gradients(&mut learner, place.minibatch)
        };
        let gradients = |arm: Arm| of(&arm.config(exact, means));
        let expected = gradients(Arm::Exact)?;
        let errors = |found: &[(String, Vec<f32>)], expected: &[(String, Vec<f32>)]| -> Vec<f64> {
            let pairs = found.iter().zip(expected);
            pairs.map(|((_, found), (_, expected))| relative_error(found, expected)).collect()
        };
        // A frozen layer has no gradient, and all others those of the exact arm.
        let compared = arms.iter().filter(|arm| !matches!(arm, Arm::Exact | Arm::Frozen));
        let all = compared.map(|&arm| Ok((arm, errors(&gradients(arm)?, &expected))));
        let sampled = Arm::Sampled.config(exact, means);
        let without = of(&sampled)?;
        let alone = arms.iter().filter_map(|arm| match arm {
            Arm::Backward(bits) => Some(*bits),
            _ => None,
        });
        let alone = alone.map(|bits| {
            let codes = Arm::Backward(bits).codes();
            let found = of(&TrainingConfig { codes, ..sampled.clone() })?;
            Ok((bits, errors(&found, &without)))
        });
        let (differing, outputs) = differing_outputs(place, exact, state)?;
        Ok(Self {
            layers: expected.iter().map(|(name, _)| name.clone()).collect(),
            errors: all.collect::<Result<_, ComparisonError>>()?,
            of_codes_alone: alone.collect::<Result<_, ComparisonError>>()?,
            differing,
            outputs,
        })
    }

    /// The relative error of an arm's gradient in the first layer; not a number of an arm that was
    /// not compared.
    pub fn first_layer(&self, arm: Arm) -> f64 {
        let errors = self.errors.iter().find(|(of, _)| *of == arm);
        errors.and_then(|(_, errors)| errors.first()).copied().unwrap_or(f64::NAN)
    }
}

/// The network of a training, with what it takes to make a step.
pub(crate) fn learner(place: &Place, config: &TrainingConfig) -> Result<Learner, ComparisonError> {
    let network = config.build(place.images.0, place.images.1)?;
    let stream = Stream::new(config.seed, "comparison");
    Ok(Learner::new(network, config.optimizer, place.set, stream))
}

/// The gradient of every layer's weights, with the layer's name.
fn weight_gradients(
    learner: &mut Learner,
    minibatch: &Minibatch,
) -> Result<Vec<(String, Vec<f32>)>, ComparisonError> {
    learner.gradient(&learner.context(), minibatch)?;
    let mut all = Vec::new();
    learner.network().visit_parameters(&mut |parameter| {
        if parameter.name.part != "weight" {
            return;
        }
        let mut gradient = Vec::new();
        parameter.append_gradient(&mut gradient);
        all.push((parameter.name.layer.to_owned(), gradient));
    });
    if all.is_empty() { Err(ComparisonError::NoWeight) } else { Ok(all) }
}

fn relative_error(found: &[f32], exact: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let pairs = found.iter().zip(exact);
    let difference: f64 = pairs.map(|(x, y)| square(f64::from(*x) - f64::from(*y))).sum();
    (difference / exact.iter().map(|x| square(f64::from(*x))).sum::<f64>()).sqrt()
}

/// Outputs of the step's forward pass that are not the exact ones, bit for bit.
fn differing_outputs(
    place: &Place,
    exact: &TrainingConfig,
    state: &State,
) -> Result<(Vec<(CodeSettings, usize)>, usize), ComparisonError> {
    let outputs = |codes: Option<CodeSettings>| -> Result<Vec<f32>, ComparisonError> {
        let mut learner = learner(place, &TrainingConfig { codes, ..exact.clone() })?;
        learner.network().load_state(state)?;
        let context = learner.context();
        Ok(learner.network().forward(&context, &place.minibatch.input).data().to_vec())
    };
    let expected = outputs(None)?;
    let backward = ALL_BITS.map(|bits| CodeSettings { bits, form: CodeForm::Backward });
    let naive = CodeSettings { bits: 8, form: CodeForm::Naive };
    let differing = backward.into_iter().chain([naive]).map(|codes| {
        let found = outputs(Some(codes))?;
        let pairs = found.iter().zip(&expected);
        Ok((codes, pairs.filter(|(x, y)| x.to_bits() != y.to_bits()).count()))
    });
    Ok((differing.collect::<Result<_, ComparisonError>>()?, expected.len()))
}
