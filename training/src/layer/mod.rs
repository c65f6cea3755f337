//! Layers: a forward pass, a backward pass, and parameters with their gradients.

mod activation;
mod attention;
mod average_pool;
mod batch_norm;
mod chain;
mod convolution;
mod demand;
mod dropout;
mod dropout_channels;
mod elementwise;
mod embedding;
mod image_shape;
mod initialization;
mod kept_selection;
mod later_norms;
mod layer_norm;
mod linear;
mod lstm;
mod max_pool;
mod parameter;
mod parameter_name;
mod pool_and_pad;
mod positions;
mod residual;
mod sampled_layer;
mod sampler;
mod scale;
mod step;
mod sums;

pub use activation::{Activation, ActivationLayer};
pub use attention::{CausalAttention, self_attention};
pub use average_pool::AveragePool;
pub use batch_norm::{BatchNorm, BatchNormSettings, CodeForm, CodeSettings};
pub use chain::Chain;
pub use convolution::{Convolution, ConvolutionGeometry};
pub use demand::{Demand, ExpectedChannels};
pub use dropout::Dropout;
pub use dropout_channels::DropoutChannels;
pub use embedding::Embedding;
pub use image_shape::{ImageShape, Window};
pub use initialization::Initialization;
pub use kept_selection::KeptSelection;
pub use later_norms::LaterNorms;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lstm::{Lstm, LstmShape};
pub use max_pool::{MaxPool, PoolError};
pub use parameter::{Gradient, GradientRow, Parameter, RowNorms};
pub use parameter_name::{ParameterName, ParameterPattern, is_frozen};
pub use pool_and_pad::{PoolAndPad, PoolAndPadError};
pub use positions::Positions;
pub use residual::Residual;
pub use sampled_layer::SampledLayer;
pub use scale::Scale;
pub use step::{Ranks, SelectionFailure, StepContext, StepReport};

use crate::matrix::Matrix;

/// A step of a network, with its own output and gradient buffers.
///
/// Four methods make a layer: `forward`, `output`, `backward`, `input_gradient`. One with
/// parameters shows them by `visit_parameters`, to be changed by an optimiser, and by
/// `visit_state`, to be stored. All that belongs to a single step comes with the [`StepContext`]:
/// a layer remembers its parameters, its running statistics, and what the backward pass of a step
/// needs of the forward pass.
///
/// The other methods save memory and work. A layer sampled in the forward pass reads the selected
/// channels of its input only, and sends a gradient to no other. It says so to the layer before by
/// a [`Demand`], which lets go of the other channels, computes no gradient for them, and passes
/// the demand on where its own channels are those of its input. So two sampled layers in a row
/// make a ratio r cost r^2 in the backward pass of the first, and memory falls with r. A layer that
/// has none of these methods is right all the same: it keeps its output and its gradient, and
/// gradients come to it whole.
///
/// A layer of one's own, y = a x with a single parameter a, between two that there are:
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::data::{Minibatch, generated_digits};
/// use training::layer::{Demand, Gradient, Layer, Linear, Parameter, ParameterName, StepContext};
/// use training::learner::Learner;
/// use training::matrix::Matrix;
/// use training::network::Network;
/// use training::optimizer::OptimizerConfig;
///
/// struct Scale {
///     factor: [f32; 1],
///     factor_gradient: [f32; 1],
///     output: Matrix,
///     input_gradient: Matrix,
/// }
///
/// impl Scale {
///     fn new() -> Self {
///         let (output, input_gradient) = (Matrix::default(), Matrix::default());
///         Self { factor: [1.0], factor_gradient: [0.0], output, input_gradient }
///     }
/// }
///
/// impl Layer for Scale {
///     fn forward(&mut self, step: &StepContext, input: &Matrix) {
///         // What a reshaped matrix holds is unspecified: every element is written.
///         self.output.reshape_in(step.memory, input.rows(), input.columns());
///         for (y, x) in self.output.data_mut().iter_mut().zip(input.data()) {
///             *y = self.factor[0] * x;
///         }
///     }
///     fn output(&self) -> &Matrix {
///         &self.output
///     }
///     fn backward(&mut self, step: &StepContext, input: &Matrix, dy: &Matrix, needed: bool) {
///         let products = input.data().iter().zip(dy.data());
///         let sum: f64 = products.map(|(x, dy)| f64::from(*x) * f64::from(*dy)).sum();
///         self.factor_gradient = [sum as f32];
///         if needed {
///             self.input_gradient.reshape_in(step.memory, dy.rows(), dy.columns());
///             for (dx, dy) in self.input_gradient.data_mut().iter_mut().zip(dy.data()) {
///                 *dx = self.factor[0] * dy;
///             }
///         }
///     }
///     fn input_gradient(&self) -> &Matrix {
///         &self.input_gradient
///     }
///     fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
///         let gradient = Gradient::Dense(&self.factor_gradient);
///         let name = ParameterName::new("scale", "factor");
///         visit(Parameter::new(name, &mut self.factor, 1, gradient));
///     }
///     fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
///         visit("scale.factor", &mut self.factor);
///     }
///     // These two give memory back that other layers can use.
///     fn keep(&mut self, step: &StepContext, demand: Demand<'_>) -> bool {
///         demand.keep_read(step, &mut self.output);
///         false
///     }
///     fn release_input_gradient(&mut self, step: &StepContext) {
///         self.input_gradient.release(step.memory);
///     }
/// }
///
/// let stream = Stream::new(1, "example");
/// let linear = |name: &str, inputs, outputs| -> Box<dyn Layer> {
///     Box::new(Linear::new(name, inputs, outputs, None, stream.child(name)))
/// };
/// let (first, last) = (linear("first", 784, 16), linear("last", 16, 10));
/// let network = Network::new(vec![first, Box::new(Scale::new()), last]);
/// let adam = OptimizerConfig::Adam { learning_rate: 0.01 };
/// let mut learner = Learner::new(network, adam, InstructionSet::detect(), stream);
///
/// let mut minibatch = Minibatch::default();
/// generated_digits(1, 50, 1, 1).train.fill(0..50, None, &mut minibatch);
/// let first = learner.step(&minibatch)?;
/// for _ in 0..9 {
///     learner.step(&minibatch)?;
/// }
/// assert!(learner.step(&minibatch)?.mean() < first.mean() / 2.0);
/// # Ok::<(), training::learner::StepError>(())
/// ```
pub trait Layer: Send {
    /// Computes the output of a minibatch.
    fn forward(&mut self, context: &StepContext, input: &Matrix);
    /// The layer as one that can end a residual block in the same pass, if it is.
    fn adding(&mut self) -> Option<&mut dyn AddingLayer> {
        None
    }
    /// The output of the last forward pass, or the part of it that was kept.
    fn output(&self) -> &Matrix;
    /// What the backward pass will do with the input.
    fn demand(&self) -> Demand<'_> {
        Demand::WHOLE
    }
    /// Keeps of the output what the next layer demands, or more. Returns whether this layer's own
    /// demand has become smaller by it.
    fn keep(&mut self, _context: &StepContext, _demand: Demand<'_>) -> bool {
        false
    }
    /// Puts the output, or nearly that, where a layer has kept something else in its place. Called
    /// before the next layer's backward pass reads it; [`Layer::keep`] lets go of it again.
    fn restore(&mut self, _context: &StepContext) {}
    /// Whether [`Layer::backward`] takes, in this step, a gradient of some of so many channels;
    /// where not, the others are filled with zeros.
    fn takes_gradients_of(&self, _context: &StepContext, _channels: usize) -> bool {
        false
    }
    /// Whether a parameter is learnt in this step. Where neither a layer nor one before it learns,
    /// no gradient comes to it.
    fn learns(&self, _context: &StepContext) -> bool {
        true
    }
    /// Computes the gradients from that of the output; that of the input only where it is needed.
    /// Of the input, what the layer demanded is there.
    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    );
    /// The gradient of the input of the last backward pass; some layers have that of some
    /// channels only.
    fn input_gradient(&self) -> &Matrix;
    /// Gives the memory of the input's gradient back, once it has been used.
    fn release_input_gradient(&mut self, _context: &StepContext) {}
    /// Calls `visit` on each parameter, always in the same order; they may be changed.
    fn visit_parameters(&mut self, _visit: &mut dyn FnMut(Parameter<'_>)) {}
    /// Calls `visit` on each layer with a policy that this one is or has, always in the same
    /// order; their ratios and kept selections may be changed.
    fn visit_sampled(&mut self, _visit: &mut dyn FnMut(SampledLayer<'_>)) {}
    /// Calls `visit` on every parameter and running statistic with its name, always in the same
    /// order; they may be changed. With the step's number and what [`Layer::visit_sampled`] and
    /// [`Layer::visit_carried`] show this is all a layer remembers from one step to the next.
    fn visit_state(&mut self, _visit: &mut dyn FnMut(&str, &mut [f32])) {}
    /// Calls `visit` on what the sequences of the next minibatch go on from, with its name, always
    /// in the same order; it may be changed. It belongs to a place in the data and not to what is
    /// learnt, so that no average of networks has a part in it.
    fn visit_carried(&mut self, _visit: &mut dyn FnMut(&str, &mut [f32])) {}
}

/// A layer that can end a residual block.
pub trait AddingLayer {
    /// Writes to `to` what [`Layer::forward`] would put out plus `past`, and of that max(y, 0) where
    /// it is to be `rectified`, and leaves no output of its own.
    fn forward_adding(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        past: &Matrix,
        rectified: bool,
        to: &mut Matrix,
    );
}
