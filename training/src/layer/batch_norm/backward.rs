//! The gradients of batch normalisation.

use super::{BatchNorm, Channel};
use crate::layer::StepContext;
use crate::layer::sums::{Sum, add_gradient};
use crate::matrix::Matrix;
use rayon::prelude::*;

impl BatchNorm {
    /// The backward pass from the input, or from what stands for it, and the elements of it at which
    /// a gradient passes.
    pub(super) fn propagate(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        gradient: &Matrix,
        input_gradient_needed: bool,
        passes: impl Fn(Channel, f32) -> bool + Copy + Sync,
    ) {
        self.derive(context, input, gradient, passes);
        if input_gradient_needed {
            self.carry_through(context, input, gradient, passes);
        }
    }

    /// Gradients of scale and shift, and what carries a gradient through each channel that has
    /// one.
    fn derive(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        gradient: &Matrix,
        passes: impl Fn(Channel, f32) -> bool + Copy + Sync,
    ) {
        let (image, set) = (self.image, context.set);
        self.channels.par_iter_mut().enumerate().for_each(|(c, channel)| {
            let Some(place) = gradient.place_of(c) else {
                channel.totals = [0.0; 2];
                return;
            };
            let planes = Self::planes(image, input, kept(input, c));
            let (known, mut sums) = (*channel, [Sum::new(), Sum::new()]);
            for (plane, gradient) in planes.zip(Self::planes(image, gradient, place)) {
                add_gradient(set, &mut sums, gradient, plane, known.mean, move |x| {
                    passes(known, x)
                });
            }
            channel.totals = sums.map(|sum| sum.total());
        });
        let gradients = self.scale_gradient.iter_mut().zip(&mut self.shift_gradient);
        for ((scale, shift), channel) in gradients.zip(&self.channels) {
            *scale = (channel.totals[1] * channel.inverse_deviation) as f32;
            *shift = channel.totals[0] as f32;
        }
        if let Some(ranks) = context.statistics {
            // A rank's gradients are of the mean over its own samples, and count by their number.
            let samples = gradient.rows() as f64;
            let own = self.channels.iter().flat_map(|channel| channel.totals);
            let mut all: Vec<f64> = own.map(|total| samples * total).collect();
            ranks.add(&mut all);
            for (channel, totals) in self.channels.iter_mut().zip(all.as_chunks().0) {
                channel.totals = totals.map(|total| total / samples);
            }
        }
        for channel in &mut self.channels {
            // The statistics of a minibatch depend on x, the running ones do not.
            let depends = context.training.is_some();
            let share = if depends { f64::from(channel.factor) / self.count } else { 0.0 };
            let inverse = channel.inverse_deviation;
            channel.slope = (-share * channel.totals[1] * inverse * inverse) as f32;
            channel.offset = (-share * channel.totals[0]) as f32;
        }
    }

    /// The gradient of the input.
    fn carry_through(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        gradient: &Matrix,
        passes: impl Fn(Channel, f32) -> bool + Copy + Sync,
    ) {
        self.input_gradient.reshape_like_in(context.memory, gradient);
        let columns = gradient.columns();
        if columns == 0 {
            return;
        }
        let (pixels, channels) = (self.image.pixels(), &self.channels);
        let images = self.input_gradient.data_mut().par_chunks_exact_mut(columns);
        let inputs = input.data().par_chunks_exact(input.columns());
        let gradients = gradient.data().par_chunks_exact(columns);
        images.zip(inputs).zip(gradients).for_each(|((to, from), planes)| {
            let planes = to.chunks_exact_mut(pixels).zip(planes.chunks_exact(pixels));
            for (place, (to, plane)) in planes.enumerate() {
                let c = gradient.channel_at(place);
                let (channel, from) = (channels[c], &from[kept(input, c) * pixels..][..pixels]);
                context.set.run(move || {
                    for ((to, &x), &gradient) in to.iter_mut().zip(from).zip(plane) {
                        let gradient = if passes(channel, x) { gradient } else { 0.0 };
                        let through = gradient * channel.factor;
                        *to = through + ((x - channel.mean) * channel.slope + channel.offset);
                    }
                });
            }
        });
    }
}

/// Where a channel that is read is stored.
fn kept(input: &Matrix, channel: usize) -> usize {
    input.place_of(channel).expect("what is read is kept")
}
