//! Batch normalisation of images (Ioffe and Szegedy 2015).

mod backward;
mod codes;
mod settings;

pub use codes::{CodeForm, CodeSettings};
pub use settings::BatchNormSettings;

use super::activation::relu;
use super::demand::{Demand, ExpectedChannels};
use super::image_shape::ImageShape;
use super::sums::Sum;
use super::{AddingLayer, Gradient, Layer, Parameter, ParameterName, StepContext};
use crate::channels::Channels;
use crate::matrix::Matrix;
use codes::Codes;
use rayon::prelude::*;

/// y = scale (x - mean) / sqrt(variance + epsilon) + shift, channel by channel.
///
/// In training mean and (biased) variance are those of the minibatch, over images and pixels; in
/// evaluation the running averages of mean and unbiased variance are taken. Shift and, where it is
/// learnt, scale are parameters. Of a minibatch that ranks share, each takes the statistics of its own
/// images, or of all with [`StepContext::statistics`].
///
/// With [`CodeSettings`], a layer that is rectified keeps codes of a few bits for the backward pass,
/// its own and that of the next layer, and reads its input in no backward pass.
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
    /// Numbers of a channel in the last minibatch, of all ranks where their statistics are shared.
    count: f64,
    output: Matrix,
    input_gradient: Matrix,
    expected: ExpectedChannels,
    codes: Option<Codes>,
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
    /// The sums of dy, which is the gradient of the shift, and of dy (x - mean).
    totals: [f64; 2],
}

impl Channel {
    #[inline(always)]
    fn normalise(self, x: f32) -> f32 {
        (x - self.mean) * self.factor + self.shift
    }

    /// Whether the rectifier lets a number through.
    #[inline(always)]
    fn passes(self, x: f32) -> bool {
        self.normalise(x) > 0.0
    }
}

impl BatchNorm {
    /// A layer with scale one, shift zero, running mean zero and running variance one.
    ///
    /// # Panics
    /// When the codes are out of their range.
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
            count: 0.0,
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            expected: ExpectedChannels::default(),
            codes: settings.codes.map(|codes| Codes::new(codes, image)),
        }
    }

    /// Whether the last forward pass left codes.
    fn has_codes(&self) -> bool {
        self.codes.as_ref().is_some_and(Codes::is_there)
    }

    /// The planes stored at a place, image by image.
    fn planes(image: ImageShape, images: &Matrix, place: usize) -> impl Iterator<Item = &[f32]> {
        let (pixels, columns) = (image.pixels(), images.columns());
        images.data()[place * pixels..].chunks(columns).map(move |planes| &planes[..pixels])
    }

    fn measure(&mut self, context: &StepContext, input: &Matrix) {
        let (image, set, epsilon) = (self.image, context.set, self.settings.epsilon);
        let momentum = context.statistics_share.unwrap_or(self.settings.momentum);
        let sum = |c: usize| {
            let mut sum = Sum::new();
            Self::planes(image, input, c).for_each(|plane| sum.add(set, plane, |x| x));
            sum.total()
        };
        let squares = |c: usize, mean: f64| {
            let mut squares = Sum::new();
            Self::planes(image, input, c)
                .for_each(|plane| squares.add(set, plane, move |x| (x - mean) * (x - mean)));
            squares.total()
        };
        let own = (input.rows() * image.pixels()) as f64;
        // Each channel's mean and sum of squares, where they are not of these rows alone.
        let mut of_all = None;
        self.count = own;
        if let Some(ranks) = context.statistics {
            let channels = 0..image.channels;
            let mut sums: Vec<f64> = channels.clone().into_par_iter().map(sum).collect();
            sums.push(own);
            ranks.add(&mut sums);
            self.count = sums[image.channels];
            let means = sums[..image.channels].iter().map(|sum| sum / self.count);
            let means: Vec<f64> = means.collect();
            let mut all: Vec<f64> =
                channels.into_par_iter().map(|c| squares(c, means[c])).collect();
            ranks.add(&mut all);
            of_all = Some(means.into_iter().zip(all).collect::<Vec<_>>());
        }
        let count = self.count;
        self.channels
            .par_iter_mut()
            .zip(&mut self.running_mean)
            .zip(&mut self.running_variance)
            .enumerate()
            .for_each(|(c, ((channel, running_mean), running_variance))| {
                let (mean, squares) = of_all.as_ref().map_or_else(
                    || {
                        let mean = sum(c) / count;
                        (mean, squares(c, mean))
                    },
                    |all| all[c],
                );
                channel.mean = mean as f32;
                channel.inverse_deviation = 1.0 / (squares / count + epsilon).sqrt();
                if context.is_rehearsal {
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

    /// Finds mean and deviation of each channel, and what is done with it.
    fn know(&mut self, context: &StepContext, input: &Matrix) {
        self.expected.all();
        assert_eq!(input.columns(), self.image.len(), "{}: numbers of an image", self.name);
        match context.training {
            Some(_) => self.measure(context, input),
            None => self.recall(),
        }
        let learnt = self.scale.iter().zip(&self.shift);
        for (channel, (&scale, &shift)) in self.channels.iter_mut().zip(learnt) {
            channel.factor = (f64::from(scale) * channel.inverse_deviation) as f32;
            channel.shift = shift;
        }
    }

    /// The output of a minibatch, exactly.
    fn normalise(&mut self, context: &StepContext, input: &Matrix) {
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
                        *y = if rectified { relu(normalised) } else { normalised };
                    }
                });
            }
        });
    }
}

impl Layer for BatchNorm {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        self.know(context, input);
        let Some(codes) = &mut self.codes else { return self.normalise(context, input) };
        codes.release(context);
        let is_training = context.training.is_some();
        if is_training || codes.is_naive() {
            codes.encode(context, &self.channels, &self.scale, input);
        }
        if !codes.is_naive() {
            return self.normalise(context, input);
        }
        codes.restore(context, &mut self.output);
        if !is_training {
            codes.release(context);
        }
    }

    fn adding(&mut self) -> Option<&mut dyn AddingLayer> {
        (!self.settings.rectified).then_some(self)
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        let expected = self.expected.channels();
        let reads = if self.has_codes() { Some(Channels::NONE) } else { expected };
        Demand { reads, sends: expected }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        let sends = demand.sends_of(self.image.channels);
        match self.codes.as_mut().filter(|codes| codes.is_there()) {
            None => demand.keep_read(context, &mut self.output),
            Some(codes) => {
                codes.keep(context, demand.reads, sends);
                self.output.release(context.memory);
            }
        }
        self.expected.only(sends)
    }

    fn restore(&mut self, context: &StepContext) {
        if let Some(codes) = self.codes.as_ref().filter(|codes| codes.is_there()) {
            codes.restore(context, &mut self.output);
        }
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
        let (gradient, needed) = (output_gradient, input_gradient_needed);
        match self.codes.take() {
            Some(mut codes) if codes.is_there() => {
                let decoded = codes.decoded(context, &mut self.channels, &self.scale);
                self.propagate(context, &decoded, gradient, needed, |_, t| t > 0.0);
                codes.take_back(context, decoded);
                self.codes = Some(codes);
            }
            none => {
                self.codes = none;
                let rectified = self.settings.rectified;
                let passes = move |channel: Channel, x| !rectified || channel.passes(x);
                self.propagate(context, input, gradient, needed, passes);
            }
        }
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

impl AddingLayer for BatchNorm {
    fn forward_adding(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        past: &Matrix,
        rectified: bool,
        to: &mut Matrix,
    ) {
        self.know(context, input);
        assert_eq!(past.columns(), self.image.len(), "the branches of a block have one shape");
        to.reshape_in(context.memory, input.rows(), input.columns());
        let (image, pixels, channels) = (self.image.len(), self.image.pixels(), &self.channels);
        let images = to.data_mut().par_chunks_exact_mut(image);
        let images = images.zip(input.data().par_chunks_exact(image));
        images.zip(past.data().par_chunks_exact(image)).for_each(|((to, from), past)| {
            let planes = to.chunks_exact_mut(pixels).zip(from.chunks_exact(pixels));
            for ((planes, past), &channel) in planes.zip(past.chunks_exact(pixels)).zip(channels) {
                let (to, from) = planes;
                context.set.run(move || {
                    for (y, (&x, &past)) in to.iter_mut().zip(from.iter().zip(past)) {
                        let sum = channel.normalise(x) + past;
                        *y = if rectified { relu(sum) } else { sum };
                    }
                });
            }
        });
    }
}

#[cfg(test)]
mod tests;
