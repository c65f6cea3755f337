//! The convolution layer, with exact and sampled products.

mod sampled;

use super::demand::{Demand, ExpectedChannels};
use super::image_shape::{ImageShape, Window};
use super::initialization::{Initialization, place_identities};
use super::sampler::{Sampler, sampled_layer};
use super::sums::Sum;
use super::{Gradient, Layer, Parameter, ParameterName, SampledLayer, StepContext};
use crate::channels::Channels;
use crate::counting::Computations;
use crate::matrix::Matrix;
use crate::sampling::{Mode, SamplingPolicy};
use kernels::Selection;
use kernels::convolution::{
    ConvolutionShape, ShapeError, convolve, convolve_selected, input_gradient, kernel_gradient,
};
use kernels::random::Stream;
use rayon::prelude::*;

/// The sizes of a convolution, but for those of the minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionGeometry {
    /// The images it is given.
    pub image: ImageShape,
    /// Channels of its output.
    pub outputs: usize,
    /// The kernel's sides, and how it slides.
    pub window: Window,
}

impl ConvolutionGeometry {
    /// The convolution of so many images.
    ///
    /// # Errors
    /// [`ShapeError`] when a size is zero, the kernel does not fit, or a tensor is too large.
    pub fn shape(&self, batch: usize) -> Result<ConvolutionShape, ShapeError> {
        self.window.shape(batch, self.image, self.outputs)
    }

    /// The images of the output.
    ///
    /// # Errors
    /// As [`ConvolutionGeometry::shape`].
    pub fn output(&self) -> Result<ImageShape, ShapeError> {
        self.image.after(self.window, self.outputs)
    }

    /// Numbers of the kernels, O C kh kw.
    pub fn weights(&self) -> usize {
        self.outputs * self.image.channels * self.window.taps()
    }
}

/// Y\[b, o\] = sum_c X\[b, c\] * K\[o, c\] + bias\[o\], with kernels K of O x C x kh x kw.
///
/// Sampled in the forward pass, the sum is over a few input channels, chosen by
/// |X\[:, c\]| |K\[:, c\]|.
#[derive(Debug)]
pub struct Convolution {
    name: String,
    geometry: ConvolutionGeometry,
    output_image: ImageShape,
    weight: Vec<f32>,
    /// Whether the weights are a parameter.
    weight_is_learnt: bool,
    /// One number an output channel, or none at all.
    bias: Vec<f32>,
    policy: Option<SamplingPolicy>,
    /// The forward product's selection. Its right norms, those of the kernels, are kept until
    /// the weights change.
    channels: Sampler,
    weight_norms_valid: bool,
    /// The kernel gradient's selection in backward sampling, over images or their positions.
    pairs: Sampler,
    /// The input gradient's selection in backward sampling, over the output channels.
    outputs_kept: Sampler,
    /// Of all weights or, where channels were selected in the forward pass, of their taps in the
    /// kernels of `gradient_outputs`.
    weight_gradient: Vec<f32>,
    gradient_outputs: ExpectedChannels,
    gradient_taps: Vec<u32>,
    bias_gradient: Vec<f32>,
    output: Matrix,
    input_gradient: Matrix,
}

impl Convolution {
    /// A layer with weights from the stream.
    ///
    /// # Errors
    /// [`ShapeError`] when a size is zero or the kernel does not fit.
    pub fn new(
        name: &str,
        geometry: ConvolutionGeometry,
        with_bias: bool,
        initialization: Initialization,
        policy: Option<SamplingPolicy>,
        stream: Stream,
    ) -> Result<Self, ShapeError> {
        let output_image = geometry.output()?;
        let taps = geometry.window.taps();
        let fans = (geometry.image.channels * taps, geometry.outputs * taps);
        let biases = if with_bias { geometry.outputs } else { 0 };
        let (mut weight, bias) = initialization.draw((geometry.weights(), biases), fans, stream);
        if initialization == Initialization::Dirac {
            place_identities(&mut weight, geometry.image.channels, geometry.window);
        }
        Ok(Self {
            name: name.to_owned(),
            geometry,
            output_image,
            weight_is_learnt: initialization.is_learnt(),
            weight_gradient: vec![0.0; if initialization.is_learnt() { weight.len() } else { 0 }],
            gradient_outputs: ExpectedChannels::default(),
            gradient_taps: Vec::new(),
            bias_gradient: vec![0.0; bias.len()],
            weight,
            bias,
            policy,
            channels: Sampler::default(),
            weight_norms_valid: false,
            pairs: Sampler::default(),
            outputs_kept: Sampler::default(),
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        })
    }

    /// The policy and its ratio in this step, if it is sampled.
    fn active_policy(&self, context: &StepContext) -> Option<SamplingPolicy> {
        self.policy.and_then(|policy| context.sampling.policy(policy))
    }

    /// The shape for a minibatch.
    ///
    /// # Panics
    /// When its tensors have more than 2^32 numbers.
    fn shape(&self, batch: usize) -> ConvolutionShape {
        match self.geometry.shape(batch) {
            Ok(shape) => shape,
            Err(error) => panic!("{}: a minibatch of {batch}: {error}", self.name),
        }
    }

    /// The selection that the gradients pass through, in forward sampling.
    fn forward_selection(&self) -> Option<&Selection> {
        self.channels.forward_selection(self.policy)
    }

    fn exact_weight_gradient(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        input: &Matrix,
        gradient: &Matrix,
    ) {
        if !self.learns_weight(context) {
            return;
        }
        let to = &mut self.weight_gradient;
        to.resize(self.weight.len(), 0.0);
        kernel_gradient(context.set, shape, input.data(), gradient.data(), to);
        count(context, shape, 1, 1);
    }

    fn exact_input_gradient(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        gradient: &Matrix,
    ) {
        let columns = self.geometry.image.len();
        self.input_gradient.reshape_in(context.memory, shape.batch(), columns);
        let to = self.input_gradient.data_mut();
        input_gradient(context.set, shape, gradient.data(), &self.weight, to);
        count(context, shape, 1, 1);
    }

    fn learns_weight(&self, context: &StepContext) -> bool {
        self.weight_is_learnt && context.learns(&self.name, "weight")
    }

    fn add_bias(&mut self, context: &StepContext) {
        if self.bias.is_empty() {
            return;
        }
        let (bias, positions) = (&self.bias, self.output_image.pixels());
        let images = self.output.data_mut().par_chunks_exact_mut(bias.len() * positions);
        images.for_each(|image| {
            for (plane, &bias) in image.chunks_exact_mut(positions).zip(bias) {
                context.set.run(|| plane.iter_mut().for_each(|value| *value += bias));
            }
        });
    }

    /// The bias gradient: the output gradient of each channel summed in f64, images in order.
    fn sum_bias_gradient(&mut self, context: &StepContext, gradient: &Matrix) {
        let (positions, image) = (self.output_image.pixels(), gradient.columns());
        self.bias_gradient.par_iter_mut().enumerate().for_each(|(channel, to)| {
            let Some(place) = gradient.place_of(channel) else {
                *to = 0.0;
                return;
            };
            let planes = gradient.data()[place * positions..].chunks(image);
            let mut sum = Sum::new();
            planes.for_each(|planes| sum.add(context.set, &planes[..positions], |x| x));
            *to = sum.total() as f32;
        });
    }
}

/// Counts one of the three products, of which a share `kept` of `pairs` was computed.
fn count(context: &StepContext, shape: &ConvolutionShape, kept: usize, pairs: usize) {
    let exact = shape.multiply_adds();
    context.count(Computations { performed: exact / pairs as u64 * kept as u64, exact });
}

impl Layer for Convolution {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        let image = self.geometry.image;
        assert_eq!(input.columns(), image.len(), "{}: numbers of an image", self.name);
        let shape = self.shape(input.rows());
        self.select_channels(context, &shape, input);
        self.output.reshape_in(context.memory, input.rows(), self.output_image.len());
        let (to, input) = (self.output.data_mut(), input.data());
        let kept = match self.channels.selection() {
            None => {
                convolve(context.set, &shape, input, &self.weight, to);
                shape.input_channels()
            }
            Some(selection) => {
                convolve_selected(context.set, &shape, input, &self.weight, selection, to);
                selection.len()
            }
        };
        if context.training.is_some() {
            count(context, &shape, kept, shape.input_channels());
        }
        self.add_bias(context);
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        let count = self.geometry.image.channels;
        let channels =
            self.forward_selection().map(|kept| Channels { indices: kept.indices(), count });
        Demand { reads: channels, sends: channels }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        false
    }

    fn takes_gradients_of(&self, context: &StepContext, channels: usize) -> bool {
        channels == self.output_image.channels
            && self.active_policy(context).is_none_or(|policy| policy.mode != Mode::Backward)
    }

    fn learns(&self, context: &StepContext) -> bool {
        self.learns_weight(context) || !self.bias.is_empty() && context.learns(&self.name, "bias")
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        let (shape, needed) = (self.shape(output_gradient.rows()), input_gradient_needed);
        self.sum_bias_gradient(context, output_gradient);
        let channels = std::mem::take(&mut self.channels);
        match (channels.selection(), self.active_policy(context)) {
            (Some(selection), Some(SamplingPolicy { mode: Mode::Forward, .. })) => {
                self.backward_through(context, &shape, input, output_gradient, selection, needed);
            }
            (_, Some(policy)) if policy.mode == Mode::Backward => {
                self.backward_sampled(context, &shape, input, output_gradient, policy, needed);
            }
            _ if output_gradient.channels().is_some() => {
                self.backward_from_some(context, &shape, input, output_gradient, needed);
            }
            _ => {
                self.exact_weight_gradient(context, &shape, input, output_gradient);
                if input_gradient_needed {
                    self.exact_input_gradient(context, &shape, output_gradient);
                }
            }
        }
        self.channels = channels;
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let row_length = self.geometry.image.channels * self.geometry.window.taps();
        let is_forward = self.policy.is_some_and(|policy| policy.mode == Mode::Forward);
        let gradient = match self.channels.selection() {
            Some(_) if is_forward => Gradient::Columns {
                rows: self.gradient_outputs.channels().map(|outputs| outputs.indices),
                columns: &self.gradient_taps,
                values: &self.weight_gradient,
            },
            _ => Gradient::Dense(&self.weight_gradient),
        };
        if self.weight_is_learnt {
            let name = ParameterName::new(&self.name, "weight");
            visit(Parameter::new(name, &mut self.weight, row_length, gradient));
        }
        if !self.bias.is_empty() {
            let gradient = Gradient::Dense(&self.bias_gradient);
            let name = ParameterName::new(&self.name, "bias");
            visit(Parameter::new(name, &mut self.bias, self.geometry.outputs, gradient));
        }
        self.weight_norms_valid = false;
    }

    fn visit_sampled(&mut self, visit: &mut dyn FnMut(SampledLayer<'_>)) {
        let multiply_adds = (self.geometry.weights() * self.output_image.pixels()) as u64;
        let sides = [self.geometry.image.channels, self.geometry.outputs];
        let Some(policy) = &mut self.policy else { return };
        let samplers = [&mut self.channels, &mut self.pairs, &mut self.outputs_kept];
        visit(sampled_layer(&self.name, policy, multiply_adds, sides, samplers));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.weight", self.name), &mut self.weight);
        if !self.bias.is_empty() {
            visit(&format!("{}.bias", self.name), &mut self.bias);
        }
        self.weight_norms_valid = false;
    }
}

#[cfg(test)]
mod tests;
