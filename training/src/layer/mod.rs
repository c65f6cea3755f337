//! Layers: a forward pass, a backward pass, and parameters with their gradients.

mod activation;
mod average_pool;
mod batch_norm;
mod chain;
mod convolution;
mod demand;
mod dropout;
mod dropout_channels;
mod elementwise;
mod image_shape;
mod initialization;
mod linear;
mod max_pool;
mod residual;
mod sampler;
mod scale;
mod sums;

pub use activation::{Activation, ActivationLayer};
pub use average_pool::AveragePool;
pub use batch_norm::{BatchNorm, BatchNormSettings};
pub use chain::Chain;
pub use convolution::{Convolution, ConvolutionGeometry};
pub use demand::Demand;
pub use dropout::Dropout;
pub use dropout_channels::DropoutChannels;
pub use image_shape::{ImageShape, Window};
pub use initialization::Initialization;
pub use linear::Linear;
pub use max_pool::{MaxPool, PoolError};
pub use residual::Residual;
pub use scale::Scale;

use crate::counting::Computations;
use crate::matrix::Matrix;
use crate::memory::Memory;
use kernels::InstructionSet;
use kernels::random::{Generator, Stream};
use kernels::selection::SelectionError;
use sampler::Sampler;

/// What a layer is told about the step it takes part in.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The vector instructions to use.
    pub set: InstructionSet,
    /// Randomness of this training run and the step's number; none during evaluation.
    pub training: Option<(Stream, u64)>,
    /// Where tensors get their memory and leave it; without one, each layer keeps its own.
    pub memory: Option<&'a Memory>,
    /// Which of the workers that train together, from 0.
    pub worker: usize,
}

impl Context<'_> {
    /// An exact pass without dropout.
    pub fn evaluation(set: InstructionSet) -> Self {
        Self { set, training: None, memory: None, worker: 0 }
    }

    /// A step of a training run.
    pub fn training(set: InstructionSet, stream: Stream, step: u64) -> Self {
        Self { set, training: Some((stream, step)), memory: None, worker: 0 }
    }

    /// The same step as one of several workers takes part in it.
    pub fn of_worker(self, worker: usize) -> Self {
        Self { worker, ..self }
    }

    /// The generator of one layer in this step, the same on every worker.
    fn generator(&self, layer: &str) -> Option<Generator> {
        self.training.map(|(stream, step)| stream.child(layer).at(step))
    }

    /// The generator of one layer in this step for what belongs to the samples, which are others
    /// on every worker. On the first it is the layer's.
    fn generator_of_samples(&self, layer: &str) -> Option<Generator> {
        match self.worker {
            0 => self.generator(layer),
            worker => self.generator(&format!("{layer}.worker-{worker}")),
        }
    }
}

/// A selection that could not be drawn in a step.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("layer '{layer}' cannot be sampled: {reason}")]
pub struct SelectionFailure {
    /// The layer's name.
    pub layer: String,
    /// Why; boxed, since it travels in the errors of every caller.
    pub reason: Box<SelectionError>,
}

impl SelectionFailure {
    /// The first failure of a layer's samplers, if one has failed.
    fn first(layer: &str, samplers: [&mut Sampler; 3]) -> Option<Self> {
        let reason = samplers.into_iter().find_map(Sampler::take_failure)?;
        Some(Self { layer: layer.to_owned(), reason: Box::new(reason) })
    }
}

/// The gradient of a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Gradient<'a> {
    /// A number for every number of the parameter.
    Dense(&'a [f32]),
    /// Some rows of the parameter, in increasing order; all others are zero.
    Rows {
        /// Which rows.
        indices: &'a [u32],
        /// Their numbers, one row after another.
        values: &'a [f32],
    },
    /// A number for every number of the parameter, those of all but some channels zero.
    Channels {
        /// Which channels, in increasing order.
        indices: &'a [u32],
        /// Numbers of a channel in a row, side by side.
        block: usize,
        /// All numbers.
        values: &'a [f32],
    },
}

impl<'a> Gradient<'a> {
    /// One row of the gradient, or none where it is zero.
    pub fn row(&self, row: usize, length: usize) -> Option<&'a [f32]> {
        let (position, values) = match *self {
            Self::Dense(values) | Self::Channels { values, .. } => (row, values),
            Self::Rows { indices, values } => (indices.binary_search(&(row as u32)).ok()?, values),
        };
        Some(&values[position * length..(position + 1) * length])
    }
}

/// A parameter with the gradient of the last backward pass.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// The numbers, row by row.
    pub values: &'a mut [f32],
    /// Numbers in a row.
    pub row_length: usize,
    /// The gradient.
    pub gradient: Gradient<'a>,
    /// The norms of the rows, where the layer keeps them.
    pub row_norms: Option<RowNorms<'a>>,
}

impl<'a> Parameter<'a> {
    /// A parameter of which no norms are kept.
    pub fn new(values: &'a mut [f32], row_length: usize, gradient: Gradient<'a>) -> Self {
        Self { values, row_length, gradient, row_norms: None }
    }
}

/// The Euclidean norms of a parameter's rows. Whoever changes the parameter may bring them up to
/// date on the way, which costs less than to read the parameter once more, and then says so.
#[derive(Debug)]
pub struct RowNorms<'a> {
    /// A norm for every row.
    pub norms: &'a mut [f64],
    /// Whether they are those of the parameter as it is; false on a visit.
    pub are_current: &'a mut bool,
}

/// A step of a network, with its own output and gradient buffers.
///
/// A layer sampled in the forward pass reads the selected channels of its input only, and sends a
/// gradient to no other. It says so to the layer before by a [`Demand`], which lets go of the
/// other channels, computes no gradient for them, and passes the demand on where its own channels
/// are those of its input. So two sampled layers in a row make a ratio r cost r^2 in the backward
/// pass of the first, and memory falls with r.
pub trait Layer: Send {
    /// Computes the output of a minibatch.
    fn forward(&mut self, context: &Context, input: &Matrix);
    /// The output of the last forward pass, or the part of it that was kept.
    fn output(&self) -> &Matrix;
    /// What the backward pass will do with the input.
    fn demand(&self) -> Demand<'_> {
        Demand::WHOLE
    }
    /// Keeps of the output what the next layer demands. Returns whether this layer's own demand
    /// has become smaller by it.
    fn keep(&mut self, context: &Context, demand: Demand<'_>) -> bool;
    /// Whether [`Layer::backward`] takes a gradient of some of so many channels; where not, the
    /// others are filled with zeros.
    fn takes_gradients_of(&self, _channels: usize) -> bool {
        false
    }
    /// Computes the gradients from that of the output; that of the input only where it is needed.
    /// Of the input, what the layer demanded is there.
    fn backward(
        &mut self,
        context: &Context,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    );
    /// The gradient of the input of the last backward pass; some layers have that of some
    /// channels only.
    fn input_gradient(&self) -> &Matrix;
    /// Gives the memory of the input's gradient back, once it has been used.
    fn release_input_gradient(&mut self, context: &Context);
    /// Calls `visit` on each parameter, always in the same order; they may be changed.
    fn visit_parameters(&mut self, _visit: &mut dyn FnMut(Parameter<'_>)) {}
    /// Calls `visit` on every parameter and running statistic with its name, always in the same
    /// order; they may be changed. With the step's number this is all a layer remembers from one
    /// step to the next.
    fn visit_state(&mut self, _visit: &mut dyn FnMut(&str, &mut [f32])) {}
    /// Turns sampling on or off where the layer has a policy.
    fn set_sampling(&mut self, _on: bool) {}
    /// Sets the share of the newest minibatch in running statistics; none: the layer's own.
    fn set_statistics_share(&mut self, _share: Option<f32>) {}
    /// Takes the first failure of a selection since the last call. What could not be selected was
    /// computed exactly, so a step that goes on after it is not the one that was asked for.
    fn take_failure(&mut self) -> Option<SelectionFailure> {
        None
    }
    /// Takes the multiply-adds counted since the last call.
    fn take_computations(&mut self) -> Computations {
        Computations::default()
    }
}
