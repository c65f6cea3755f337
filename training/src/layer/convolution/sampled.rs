//! Which terms of the three products of a convolution layer are computed, and their gradients.

use super::{Convolution, count};
use crate::channels::Channels;
use crate::layer::StepContext;
use crate::matrix::Matrix;
use crate::sampling::{Mode, SamplingPolicy, WeightGradient};
use kernels::Selection;
use kernels::convolution::scores::{
    input_channel_norms_into, input_image_norms_into, kernel_input_norms_into,
    kernel_output_norms_into, output_channel_norms_into, output_image_norms_into,
    output_position_norms_into, patch_norms_into,
};
use kernels::convolution::{
    ConvolutionShape, input_gradient_of_channels, input_gradient_selected,
    kernel_gradient_of_channels, kernel_gradient_selected, kernel_gradient_selected_positions,
};

impl Convolution {
    /// Chooses the input channels of the forward product to keep.
    pub(super) fn select_channels(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        input: &Matrix,
    ) {
        self.channels.clear();
        let policy = self.active_policy(context).filter(|policy| policy.mode != Mode::Backward);
        let Some(policy) = policy else { return };
        let (weight, are_valid) = (&self.weight, &mut self.weight_norms_valid);
        let left = |norms: &mut [f64]| {
            input_channel_norms_into(context.set, shape, input.data(), norms);
        };
        let right = |norms: &mut [f64]| {
            if !std::mem::replace(are_valid, true) {
                kernel_input_norms_into(context.set, shape, weight, norms);
            }
        };
        let mut generator = context.generator(&self.name);
        let (of, pairs) = ((&*self.name, &policy), shape.input_channels());
        self.channels.select(context, of, pairs, generator.as_mut(), left, right);
    }

    /// Forward sampling: gradients through the selected channels, zero for all others. Of the
    /// output gradient, the channels that it has.
    pub(super) fn backward_through(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        input: &Matrix,
        gradient: &Matrix,
        selection: &Selection,
        input_gradient_needed: bool,
    ) {
        if self.learns_weight(context) {
            self.weight_gradient_through(context, shape, input, gradient, selection);
        }
        if !input_gradient_needed {
            return;
        }
        let channels = Channels { indices: selection.indices(), count: shape.input_channels() };
        let tensor = (shape.batch(), self.geometry.image.len());
        self.input_gradient.reshape_channels_in(context.memory, tensor, channels);
        let (images, to) = (gradient.images(), self.input_gradient.data_mut());
        input_gradient_of_channels(context.set, shape, images, &self.weight, selection, to);
        count(context, shape, selection.len(), shape.input_channels());
    }

    fn weight_gradient_through(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        input: &Matrix,
        gradient: &Matrix,
        selection: &Selection,
    ) {
        let (set, taps, outputs) = (context.set, shape.taps(), shape.output_channels());
        let learnt = gradient.channels().map(|indices| Channels { indices, count: outputs });
        self.gradient_outputs.all();
        self.gradient_outputs.only(learnt);
        let of = |&channel: &u32| channel * taps as u32..(channel + 1) * taps as u32;
        self.gradient_taps.clear();
        self.gradient_taps.extend(selection.indices().iter().flat_map(of));
        let (to, row) = (&mut self.weight_gradient, self.gradient_taps.len());
        to.resize(learnt.map_or(outputs, |learnt| learnt.indices.len()) * row, 0.0);
        let (input, images) = (input.images(), gradient.images());
        kernel_gradient_of_channels(set, shape, input, images, selection, to);
        count(context, shape, selection.len(), shape.input_channels());
    }

    /// The backward pass of an exact convolution from a gradient of some of its outputs.
    pub(super) fn backward_from_some(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        input: &Matrix,
        gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        let all = Selection::all(shape.input_channels());
        self.backward_through(context, shape, input, gradient, &all, input_gradient_needed);
        if !self.learns_weight(context) {
            return;
        }
        let Some(learnt) = self.gradient_outputs.channels() else { return };
        let (to, kernel) = (&mut self.weight_gradient, self.gradient_taps.len());
        // Each kernel to its place, from the last one, and zeros between them.
        let mut end = self.weight.len();
        to.resize(end, 0.0);
        for (place, &output) in learnt.indices.iter().enumerate().rev() {
            let start = output as usize * kernel;
            to[start + kernel..end].fill(0.0);
            to.copy_within(place * kernel..(place + 1) * kernel, start);
            end = start;
        }
        to[..end].fill(0.0);
    }

    /// Backward sampling: dK over images or positions, dX over the output channels.
    pub(super) fn backward_sampled(
        &mut self,
        context: &StepContext,
        shape: &ConvolutionShape,
        input: &Matrix,
        gradient: &Matrix,
        policy: SamplingPolicy,
        input_gradient_needed: bool,
    ) {
        let set = context.set;
        let mut generator = context.generator(&self.name);
        let (x, dy) = (input.data(), gradient.data());
        let is_over_images = policy.weight_gradient == WeightGradient::Images;
        let pairs = shape.batch() * if is_over_images { 1 } else { shape.positions() };
        // The images of the next minibatch are others.
        let anew = SamplingPolicy { keep_for: 1, ..policy };
        let mut sampler = std::mem::take(&mut self.pairs);
        let of = (&*self.name, &anew);
        let left = |norms: &mut [f64]| match is_over_images {
            true => input_image_norms_into(set, shape, x, norms),
            false => patch_norms_into(shape, x, norms),
        };
        let right = |norms: &mut [f64]| match is_over_images {
            true => output_image_norms_into(set, shape, dy, norms),
            false => output_position_norms_into(shape, dy, norms),
        };
        sampler.select(context, of, pairs, generator.as_mut(), left, right);
        match sampler.selection() {
            _ if !self.learns_weight(context) => {}
            None => self.exact_weight_gradient(context, shape, input, gradient),
            Some(selection) => {
                let to = &mut self.weight_gradient;
                to.resize(self.weight.len(), 0.0);
                if is_over_images {
                    kernel_gradient_selected(set, shape, x, dy, selection, to);
                } else {
                    kernel_gradient_selected_positions(set, shape, x, dy, selection, to);
                }
                count(context, shape, selection.len(), pairs);
            }
        }
        self.pairs = sampler;
        if !input_gradient_needed {
            return;
        }
        let mut outputs = std::mem::take(&mut self.outputs_kept);
        let (of, pairs) = ((&*self.name, &policy), shape.output_channels());
        let left = |norms: &mut [f64]| {
            output_channel_norms_into(set, shape, gradient.data(), norms);
        };
        let right = |norms: &mut [f64]| kernel_output_norms_into(set, shape, &self.weight, norms);
        outputs.select(context, of, pairs, generator.as_mut(), left, right);
        match outputs.selection() {
            None => self.exact_input_gradient(context, shape, gradient),
            Some(outputs) => {
                let columns = self.geometry.image.len();
                self.input_gradient.reshape_in(context.memory, shape.batch(), columns);
                let to = self.input_gradient.data_mut();
                input_gradient_selected(set, shape, gradient.data(), &self.weight, outputs, to);
                count(context, shape, outputs.len(), shape.output_channels());
            }
        }
        self.outputs_kept = outputs;
    }
}
