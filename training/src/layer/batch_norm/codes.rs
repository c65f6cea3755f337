//! What is kept of a minibatch in the place of its activations: a code of a few bits an element
//! (Chakrabarti and Moseley 2019, arXiv 1901.07988).
//!
//! With u = scale x^ + shift before the rectifier, x^ being the normalised input, the code is that of
//!
//! ```text
//! t = u / |scale| = +-x^ + shift / |scale|
//! ```
//!
//! in 2^bits bins from about three standard deviations below the mean to three above, one edge of
//! which is at zero: so the sign of t, which is that of u, survives exactly, and with it the mask of
//! the rectifier. Where zero is further away, the first or the last code alone tells the sign; the
//! source moves all bins to zero, and the numbers are then off by as much. From the t~ that a code stands for come |scale| max(t~, 0), which the next layer
//! read, and +-(t~ - shift / |scale|), the normalised input of the layer's own backward pass.
//!
//! The source keeps the scale above 1e-8; here a negative one turns the axis, and a smaller one is
//! that of codes alone. Codes lie block after block of images, in a block channel after channel, so
//! that a channel's codes of a block are one run, long enough for vectors.

mod settings;
#[cfg(test)]
mod tests;

pub use settings::{CodeForm, CodeSettings};

use super::Channel;
use crate::channels::Channels;
use crate::layer::demand::ExpectedChannels;
use crate::layer::{ImageShape, StepContext};
use crate::matrix::Matrix;
use crate::memory::Stay;
use kernels::quantised::{Bins, PackedQuantiser};
use rayon::prelude::*;

/// Numbers of a run, at the least where there are as many.
const SHORTEST: usize = 64;
/// Numbers of a run of several images, at the most.
const LONGEST: usize = 2 * SHORTEST;

/// The least scale that numbers are divided by; its inverse is the largest.
const LEAST_SCALE: f32 = 1e-8;

/// The codes of a minibatch.
#[derive(Debug)]
pub(super) struct Codes {
    form: CodeForm,
    quantiser: PackedQuantiser,
    image: ImageShape,
    /// Images of the minibatch; none where there are no codes.
    images: usize,
    /// Of t, channel by channel.
    bins: Vec<Bins>,
    /// The channels whose codes are kept.
    kept: ExpectedChannels,
    buffer: Vec<u8>,
    /// The numbers t~ in a backward pass.
    decoded: Matrix,
}

impl Codes {
    /// No codes yet.
    ///
    /// # Panics
    /// When the settings are out of their range.
    pub(super) fn new(settings: CodeSettings, image: ImageShape) -> Self {
        let quantiser = match settings.quantiser() {
            Ok(quantiser) => quantiser,
            Err(error) => panic!("codes of batch normalisation: {error}"),
        };
        Self {
            form: settings.form,
            quantiser,
            image,
            images: 0,
            bins: vec![quantiser.bins(1.0, 0.0); image.channels],
            kept: ExpectedChannels::default(),
            buffer: Vec::new(),
            decoded: Matrix::default(),
        }
    }

    /// Whether the decoded numbers are put out as well.
    pub(super) fn is_naive(&self) -> bool {
        self.form == CodeForm::Naive
    }

    /// Whether there are codes of a minibatch.
    pub(super) fn is_there(&self) -> bool {
        self.images > 0
    }

    /// Lets go of the codes.
    pub(super) fn release(&mut self, context: &StepContext) {
        self.images = 0;
        if let Some(memory) = context.memory {
            memory.release_codes(&mut self.buffer);
        }
    }

    /// Images of a block, and bytes of a run: as few images as make a run long enough, or fewer, so
    /// that all blocks but the last have as many.
    fn block(&self) -> (usize, usize) {
        let blocks = self.images.div_ceil(SHORTEST.div_ceil(self.image.pixels()));
        let images = self.images.div_ceil(blocks);
        (images, self.quantiser.bytes(images * self.image.pixels()))
    }

    /// Bytes of so many channels.
    fn bytes(&self, channels: usize) -> usize {
        let (images, run) = self.block();
        self.images.div_ceil(images) * channels * run
    }

    fn kept_channels(&self) -> usize {
        self.kept.channels().map_or(self.image.channels, |channels| channels.indices.len())
    }

    /// Makes the codes of a minibatch, of all channels.
    pub(super) fn encode(
        &mut self,
        context: &StepContext,
        channels: &[Channel],
        scale: &[f32],
        input: &Matrix,
    ) {
        let Self { form, quantiser, image, .. } = *self;
        for ((bins, channel), &scale) in self.bins.iter_mut().zip(channels).zip(scale) {
            *bins = form.bins(&quantiser, unit(scale), channel.shift / unit(scale));
        }
        self.images = input.rows();
        self.kept.all();
        if self.images == 0 {
            return;
        }
        let length = self.bytes(image.channels);
        fit(context, &mut self.buffer, length);
        let ((images, run), set) = (self.block(), context.set);
        let blocks = self.buffer[..length].par_chunks_exact_mut(image.channels * run);
        let bins = &self.bins;
        blocks.zip(input.data().par_chunks(images * image.len())).for_each(|(codes, images)| {
            let mut gathered = [0.0; LONGEST];
            let runs = codes.chunks_exact_mut(run).zip(bins).zip(channels);
            for (place, ((codes, &bins), &channel)) in runs.enumerate() {
                let numbers = gather(image, images, place, &mut gathered);
                quantiser.encode(set, bins, numbers, move |x| channel.normalise(x), codes);
            }
        });
    }

    /// Keeps the codes of the channels that the next layer reads or sends a gradient to.
    ///
    /// # Panics
    /// When some channels are to be kept of codes that are not those of all any more.
    pub(super) fn keep(
        &mut self,
        context: &StepContext,
        reads: Option<Channels<'_>>,
        sends: Option<Channels<'_>>,
    ) {
        let (Some(reads), Some(sends)) = (reads, sends) else { return };
        assert!(self.kept.channels().is_none(), "channels are chosen once");
        let (whole, run) = (self.bytes(self.image.channels), self.block().1);
        self.kept.either(Some(reads), Some(sends));
        let Some(channels) = self.kept.channels() else { return };
        // Where the number of channels is random, buffers of a few sizes are used again.
        let share = (channels.indices.len() * 16).div_ceil(self.image.channels);
        let mut kept = Vec::new();
        fit(context, &mut kept, whole.div_ceil(16) * share);
        let blocks = self.buffer[..whole].chunks_exact(self.image.channels * run);
        let runs = blocks.flat_map(|block| {
            channels.indices.iter().map(|&channel| &block[channel as usize * run..][..run])
        });
        kept.chunks_exact_mut(run).zip(runs).for_each(|(to, from)| to.copy_from_slice(from));
        if let Some(memory) = context.memory {
            memory.release_codes(&mut self.buffer);
        }
        self.buffer = kept;
    }

    /// |scale| max(t~, 0) of the channels that are kept: the layer's output, or nearly.
    pub(super) fn restore(&self, context: &StepContext, output: &mut Matrix) {
        self.decode(
            context,
            |channel| self.bins[channel],
            |u| if u > 0.0 { u } else { 0.0 },
            output,
        );
    }

    /// The numbers t~ of the channels that are kept, to be given back by [`Codes::take_back`], and
    /// the channels as those that these are the input of.
    pub(super) fn decoded(
        &mut self,
        context: &StepContext,
        channels: &mut [Channel],
        scale: &[f32],
    ) -> Matrix {
        for (channel, &scale) in channels.iter_mut().zip(scale) {
            channel.mean = channel.shift / unit(scale);
            channel.inverse_deviation = if scale < 0.0 { -1.0 } else { 1.0 };
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        let bins = |channel: usize| Bins { unit: 1.0, ..self.bins[channel] };
        self.decode(context, bins, |t| t, &mut decoded);
        decoded
    }

    /// Lets go of the codes and of what they stand for.
    pub(super) fn take_back(&mut self, context: &StepContext, mut decoded: Matrix) {
        decoded.release(context.memory);
        self.decoded = decoded;
        self.release(context);
    }

    fn decode(
        &self,
        context: &StepContext,
        bins: impl Fn(usize) -> Bins + Sync,
        f: impl Fn(f32) -> f32 + Copy + Sync,
        to: &mut Matrix,
    ) {
        let Self { quantiser, image, form, .. } = *self;
        let shape = (self.images, image.len());
        match self.kept.channels() {
            None => to.reshape_in(context.memory, shape.0, shape.1),
            Some(channels) => to.reshape_channels_in(context.memory, shape, channels),
        }
        let (channels, columns, (images, run)) = (self.kept_channels(), to.columns(), self.block());
        if columns == 0 {
            return;
        }
        let indices = self.kept.channels().map(|channels| channels.indices);
        let blocks = self.buffer.par_chunks_exact(channels * run);
        to.data_mut().par_chunks_mut(images * columns).zip(blocks).for_each(|(images, codes)| {
            let mut scattered = [0.0; LONGEST];
            for place in 0..channels {
                let channel = indices.map_or(place, |indices| indices[place] as usize);
                let codes = &codes[form.place(place, channels) * run..][..run];
                let decode = |numbers: &mut [f32]| {
                    quantiser.decode(context.set, bins(channel), codes, f, numbers);
                };
                scatter(image.pixels(), columns, images, place, &mut scattered, decode);
            }
        });
    }
}

/// What the numbers u of a channel are measured in.
fn unit(scale: f32) -> f32 {
    scale.abs().clamp(LEAST_SCALE, 1.0 / LEAST_SCALE)
}

/// Makes room for codes.
fn fit(context: &StepContext, buffer: &mut Vec<u8>, length: usize) {
    match context.memory {
        Some(memory) => memory.fit_codes(buffer, length, Stay::Long),
        None => buffer.resize(length, 0),
    }
}

/// The run of a channel in a block of images: its plane, or several one after another.
fn gather<'a>(
    image: ImageShape,
    images: &'a [f32],
    place: usize,
    to: &'a mut [f32; LONGEST],
) -> &'a [f32] {
    let (pixels, columns) = (image.pixels(), image.len());
    if images.len() == columns {
        return &images[place * pixels..][..pixels];
    }
    let to = &mut to[..images.len() / columns * pixels];
    for (to, image) in to.chunks_exact_mut(pixels).zip(images.chunks_exact(columns)) {
        match to {
            [to] => *to = image[place],
            to => to.copy_from_slice(&image[place * pixels..][..pixels]),
        }
    }
    to
}

/// Writes the run of a channel to its place in a block of images.
fn scatter(
    pixels: usize,
    columns: usize,
    images: &mut [f32],
    place: usize,
    from: &mut [f32; LONGEST],
    write: impl FnOnce(&mut [f32]),
) {
    if images.len() == columns {
        return write(&mut images[place * pixels..][..pixels]);
    }
    let from = &mut from[..images.len() / columns * pixels];
    write(from);
    for (from, image) in from.chunks_exact(pixels).zip(images.chunks_exact_mut(columns)) {
        match from {
            [from] => image[place] = *from,
            from => image[place * pixels..][..pixels].copy_from_slice(from),
        }
    }
}
