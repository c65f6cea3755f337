//! Batch normalisation of images (Ioffe and Szegedy 2015).

use super::demand::{Demand, ExpectedChannels};
use super::image_shape::ImageShape;
use super::sums::{Sum, add_gradient};
use super::{Gradient, Layer, Parameter, ParameterName, StepContext};
use crate::matrix::Matrix;
use crate::setting::{FieldError, number};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// The settings of a [`BatchNorm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNormSettings {
    /// The share of the newest minibatch in the running statistics.
    pub momentum: f32,
    /// What is added to the variance.
    pub epsilon: f64,
    /// Whether the scale is learnt; it is 1 otherwise, and no parameter.
    pub learns_scale: bool,
    /// Whether max(y, 0) is put out in the place of y, saving the passes of a layer of its own.
    pub rectified: bool,
}

impl BatchNormSettings {
    /// Momentum 0.1, epsilon 1e-5 and a learnt scale, without and with the rectifier.
    pub const fn new(rectified: bool) -> Self {
        Self { momentum: 0.1, epsilon: 1e-5, learns_scale: true, rectified }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        number("momentum", self.momentum, (Bound::Excluded(0.0), Bound::Included(1.0)))?;
        number("epsilon", self.epsilon, 0.0..)
    }
}

impl Default for BatchNormSettings {
    fn default() -> Self {
        Self::new(false)
    }
}

/// y = scale (x - mean) / sqrt(variance + epsilon) + shift, channel by channel.
///
/// In training mean and (biased) variance are those of the minibatch, over images and pixels; in
/// evaluation the running averages of mean and unbiased variance are taken. Shift and, where it is
/// learnt, scale are parameters.
#[derive(Debug)]
pub struct BatchNorm {
    name: String,
    image: ImageShape,
    settings: BatchNormSettings,
    scale: Vec<f32>,
    shift: Vec<f32>,
    running_mean: Vec<f32>,
    running_variance: Vec<f32>,
    scale_gradient: Vec<f32>,
    shift_gradient: Vec<f32>,
    channels: Vec<Channel>,
    output: Matrix,
    input_gradient: Matrix,
    expected: ExpectedChannels,
}

/// What is done with one channel of a minibatch.
#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    mean: f32,
    /// 1 / sqrt(variance + epsilon).
    inverse_deviation: f64,
    /// y = (x - mean) factor + shift.
    factor: f32,
    shift: f32,
    /// dx = factor dy + slope (x - mean) + offset.
    slope: f32,
    offset: f32,
    /// Gradients of scale and shift.
    gradients: [f64; 2],
}

impl Channel {
    #[inline(always)]
    fn normalise(&self, x: f32) -> f32 {
        (x - self.mean) * self.factor + self.shift
    }
}

impl BatchNorm {
    /// A layer with scale one, shift zero, running mean zero and running variance one.
    pub fn new(name: &str, image: ImageShape, settings: BatchNormSettings) -> Self {
        let channels = image.channels;
        Self {
            name: name.to_owned(),
            image,
            settings,
            scale: vec![1.0; channels],
            shift: vec![0.0; channels],
            running_mean: vec![0.0; channels],
            running_variance: vec![1.0; channels],
            scale_gradient: vec![0.0; channels],
            shift_gradient: vec![0.0; channels],
            channels: vec![Channel::default(); channels],
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            expected: ExpectedChannels::default(),
        }
    }

    /// The planes stored at a place, image by image.
    fn planes(image: ImageShape, images: &Matrix, place: usize) -> impl Iterator<Item = &[f32]> {
        let (pixels, columns) = (image.pixels(), images.columns());
        images.data()[place * pixels..].chunks(columns).map(move |planes| &planes[..pixels])
    }

    fn measure(&mut self, context: &StepContext, input: &Matrix) {
        let (image, count) = (self.image, (input.rows() * self.image.pixels()) as f64);
        let (set, epsilon) = (context.set, self.settings.epsilon);
        let momentum = context.statistics_share.unwrap_or(self.settings.momentum);
        self.channels
            .par_iter_mut()
            .zip(&mut self.running_mean)
            .zip(&mut self.running_variance)
            .enumerate()
            .for_each(|(c, ((channel, running_mean), running_variance))| {
                let planes = || Self::planes(image, input, c);
                let mut sum = Sum::new();
                planes().for_each(|plane| sum.add(set, plane, |x| x));
                let (mean, mut squares) = (sum.total() / count, Sum::new());
                planes()
                    .for_each(|plane| squares.add(set, plane, move |x| (x - mean) * (x - mean)));
                let squares = squares.total();
                channel.mean = mean as f32;
                channel.inverse_deviation = 1.0 / (squares / count + epsilon).sqrt();
                if momentum == 0.0 {
                    return;
                }
                let average = |running: &mut f32, new: f64| {
                    *running = (1.0 - momentum) * *running + momentum * new as f32;
                };
                average(running_mean, mean);
                // A single number has no unbiased variance; it is then taken as zero.
                average(running_variance, squares / (count - 1.0).max(1.0));
            });
    }

    fn recall(&mut self) {
        let epsilon = self.settings.epsilon;
        let running = self.running_mean.iter().zip(&self.running_variance);
        for (channel, (&mean, &variance)) in self.channels.iter_mut().zip(running) {
            channel.mean = mean;
            channel.inverse_deviation = 1.0 / (f64::from(variance) + epsilon).sqrt();
        }
    }

    /// Gradients of scale and shift, and what carries a gradient through each channel that has
    /// one.
    fn derive(&mut self, context: &StepContext, input: &Matrix, gradient: &Matrix) {
        let (image, count) = (self.image, (gradient.rows() * self.image.pixels()) as f64);
        let (set, rectified) = (context.set, self.settings.rectified);
        self.channels.par_iter_mut().enumerate().for_each(|(c, channel)| {
            let Some(place) = gradient.place_of(c) else {
                channel.gradients = [0.0; 2];
                return;
            };
            let planes = Self::planes(image, input, kept(input, c));
            let (known, mut sums) = (*channel, [Sum::new(), Sum::new()]);
            for (plane, gradient) in planes.zip(Self::planes(image, gradient, place)) {
                add_gradient(set, &mut sums, gradient, plane, known.mean, move |x| {
                    !rectified || known.normalise(x) > 0.0
                });
            }
            let totals = sums.map(|sum| sum.total());
            let inverse = channel.inverse_deviation;
            channel.gradients = [totals[1] * inverse, totals[0]];
            // The statistics of a minibatch depend on x, the running ones do not.
            let share =
                if context.training.is_some() { f64::from(channel.factor) / count } else { 0.0 };
            channel.slope = (-share * totals[1] * inverse * inverse) as f32;
            channel.offset = (-share * totals[0]) as f32;
        });
        let gradients = self.scale_gradient.iter_mut().zip(&mut self.shift_gradient);
        for ((scale, shift), channel) in gradients.zip(&self.channels) {
            (*scale, *shift) = (channel.gradients[0] as f32, channel.gradients[1] as f32);
        }
    }
}

/// Where a channel that is read is stored.
fn kept(input: &Matrix, channel: usize) -> usize {
    input.place_of(channel).expect("what is read is kept")
}

impl Layer for BatchNorm {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.expected.all();
        assert_eq!(input.columns(), self.image.len(), "{}: numbers of an image", self.name);
        match context.training {
            Some(_) => self.measure(context, input),
            None => self.recall(),
        }
        for (channel, (&scale, &shift)) in
            self.channels.iter_mut().zip(self.scale.iter().zip(&self.shift))
        {
            channel.factor = (f64::from(scale) * channel.inverse_deviation) as f32;
            channel.shift = shift;
        }
        self.output.reshape_in(context.memory, input.rows(), input.columns());
        let (image, pixels) = (self.image.len(), self.image.pixels());
        let (channels, rectified) = (&self.channels, self.settings.rectified);
        let images = self.output.data_mut().par_chunks_exact_mut(image);
        images.zip(input.data().par_chunks_exact(image)).for_each(|(to, from)| {
            let planes = to.chunks_exact_mut(pixels).zip(from.chunks_exact(pixels));
            for ((to, from), &channel) in planes.zip(channels) {
                context.set.run(move || {
                    for (y, &x) in to.iter_mut().zip(from) {
                        let normalised = channel.normalise(x);
                        *y = if rectified && normalised <= 0.0 { 0.0 } else { normalised };
                    }
                });
            }
        });
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand { reads: self.expected.channels(), sends: self.expected.channels() }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        self.expected.only(demand.sends_of(self.image.channels))
    }

    fn takes_gradients_of(&self, _: &StepContext, channels: usize) -> bool {
        channels == self.image.channels
    }

    fn learns(&self, context: &StepContext) -> bool {
        context.learns(&self.name, "shift")
            || self.settings.learns_scale && context.learns(&self.name, "scale")
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        self.derive(context, input, output_gradient);
        if !input_gradient_needed {
            return;
        }
        self.input_gradient.reshape_like_in(context.memory, output_gradient);
        let columns = output_gradient.columns();
        if columns == 0 {
            return;
        }
        let pixels = self.image.pixels();
        let (channels, rectified) = (&self.channels, self.settings.rectified);
        let images = self.input_gradient.data_mut().par_chunks_exact_mut(columns);
        let inputs = input.data().par_chunks_exact(input.columns());
        let gradients = output_gradient.data().par_chunks_exact(columns);
        images.zip(inputs).zip(gradients).for_each(|((to, from), gradient)| {
            let planes = to.chunks_exact_mut(pixels).zip(gradient.chunks_exact(pixels));
            for (place, (to, gradient)) in planes.enumerate() {
                let c = output_gradient.channel_at(place);
                let (channel, from) = (channels[c], &from[kept(input, c) * pixels..][..pixels]);
                context.set.run(move || {
                    for ((to, &x), &gradient) in to.iter_mut().zip(from).zip(gradient) {
                        let stops = rectified && channel.normalise(x) <= 0.0;
                        let gradient = if stops { 0.0 } else { gradient };
                        let through = gradient * channel.factor;
                        *to = through + ((x - channel.mean) * channel.slope + channel.offset);
                    }
                });
            }
        });
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let row_length = self.image.channels;
        if self.settings.learns_scale {
            let gradient = Gradient::Dense(&self.scale_gradient);
            let name = ParameterName::new(&self.name, "scale");
            visit(Parameter::new(name, &mut self.scale, row_length, gradient));
        }
        let gradient = Gradient::Dense(&self.shift_gradient);
        let name = ParameterName::new(&self.name, "shift");
        visit(Parameter::new(name, &mut self.shift, row_length, gradient));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        if self.settings.learns_scale {
            visit(&format!("{}.scale", self.name), &mut self.scale);
        }
        visit(&format!("{}.shift", self.name), &mut self.shift);
        visit(&format!("{}.running-mean", self.name), &mut self.running_mean);
        visit(&format!("{}.running-variance", self.name), &mut self.running_variance);
    }
}

#[cfg(test)]
mod tests;
