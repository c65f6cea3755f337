//! Convolutions against naive loops: bit for bit, and against f64.

mod norms;
mod properties;

use super::*;
use crate::random::{Stream, below, standard_normal};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real};

fn numbers<T: Real>(seed: u64, count: usize) -> Vec<T> {
    let mut rng = Stream::new(seed, "convolution").at(0);
    (0..count).map(|_| T::from_f64(standard_normal(&mut rng))).collect()
}

fn some_of(seed: u64, pairs: usize, scaled: bool) -> Selection {
    let mut rng = Stream::new(seed, "channels").at(0);
    let indices: Vec<u32> = (0..pairs as u32).filter(|_| below(&mut rng, 3) > 0).collect();
    let scales = indices.iter().map(|&i| if scaled { 1.0 + f64::from(i) / 7.0 } else { 1.0 });
    Selection::new(indices.clone(), scales.collect(), pairs).unwrap()
}

fn bits<T: Real>(numbers: &[T]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn scaled<T: Real>(scale: f64, value: T) -> T {
    if scale == 1.0 { value } else { T::from_f64(scale).times(value) }
}

/// The input pixel under tap `tap` of the kernel at output position `position`, if not padding.
fn pixel(shape: &ConvolutionShape, position: usize, tap: usize) -> Option<usize> {
    let (oy, ox) = (position / shape.output_width(), position % shape.output_width());
    let (ky, kx) = (tap / shape.kernel_width(), tap % shape.kernel_width());
    let y = (oy * shape.stride() + ky).checked_sub(shape.padding())?;
    let x = (ox * shape.stride() + kx).checked_sub(shape.padding())?;
    (y < shape.height() && x < shape.width()).then_some(y * shape.width() + x)
}

/// The chain of the specification, number by number.
fn naive_forward<T: Real>(
    shape: &ConvolutionShape,
    input: &[T],
    kernels: &[T],
    selection: &Selection,
) -> Vec<T> {
    let (channels, taps) = (shape.input_channels(), shape.taps());
    let mut output = Vec::new();
    for image in 0..shape.batch() {
        for o in 0..shape.output_channels() {
            for position in 0..shape.positions() {
                let mut sum = T::ZERO;
                for (&c, &scale) in selection.indices().iter().zip(selection.scales()) {
                    for tap in 0..taps {
                        let weight = kernels[(o * channels + c as usize) * taps + tap];
                        if let Some(pixel) = pixel(shape, position, tap) {
                            let start = (image * channels + c as usize) * shape.pixels();
                            sum = scaled(scale, weight).mul_add(input[start + pixel], sum);
                        }
                    }
                }
                output.push(sum);
            }
        }
    }
    output
}

/// The chain of the specification over a selection of image b, position p as pair b P + p.
fn naive_kernel_gradient<T: Real>(
    shape: &ConvolutionShape,
    input: &[T],
    output_gradient: &[T],
    selection: &Selection,
) -> Vec<T> {
    let (channels, outputs, count) =
        (shape.input_channels(), shape.output_channels(), shape.positions());
    let mut gradient = Vec::new();
    for o in 0..outputs {
        for c in 0..channels {
            for tap in 0..shape.taps() {
                let mut sum = T::ZERO;
                for (&pair, &scale) in selection.indices().iter().zip(selection.scales()) {
                    let (image, position) = (pair as usize / count, pair as usize % count);
                    let dy = output_gradient[(image * outputs + o) * count + position];
                    if let Some(pixel) = pixel(shape, position, tap) {
                        let x = input[(image * channels + c) * shape.pixels() + pixel];
                        sum = scaled(scale, dy).mul_add(x, sum);
                    }
                }
                gradient.push(sum);
            }
        }
    }
    gradient
}

/// The chain of the specification over a selection of output channels.
fn naive_input_gradient<T: Real>(
    shape: &ConvolutionShape,
    output_gradient: &[T],
    kernels: &[T],
    selection: &Selection,
) -> Vec<T> {
    let (channels, outputs, taps) = (shape.input_channels(), shape.output_channels(), shape.taps());
    let mut sources = vec![None; taps * shape.pixels()];
    for (tap, sources) in sources.chunks_mut(shape.pixels()).enumerate() {
        for position in 0..shape.positions() {
            if let Some(pixel) = pixel(shape, position, tap) {
                sources[pixel] = Some(position);
            }
        }
    }
    let mut gradient = Vec::new();
    for image in 0..shape.batch() {
        for c in 0..channels {
            for pixel in 0..shape.pixels() {
                let mut sum = T::ZERO;
                for (&o, &scale) in selection.indices().iter().zip(selection.scales()) {
                    for tap in 0..taps {
                        if let Some(position) = sources[tap * shape.pixels() + pixel] {
                            let start = (image * outputs + o as usize) * shape.positions();
                            let weight = kernels[(o as usize * channels + c) * taps + tap];
                            let dy = output_gradient[start + position];
                            sum = scaled(scale, weight).mul_add(dy, sum);
                        }
                    }
                }
                gradient.push(sum);
            }
        }
    }
    gradient
}

/// A selection of images as one of all their positions.
fn positions_of_images(shape: &ConvolutionShape, images: &Selection) -> Selection {
    let count = shape.positions() as u32;
    let (indices, scales) = images
        .indices()
        .iter()
        .zip(images.scales())
        .flat_map(|(&image, &scale)| (image * count..(image + 1) * count).map(move |p| (p, scale)))
        .unzip();
    Selection::new(indices, scales, shape.batch() * count as usize).unwrap()
}

/// The channels of an outer x channels x inner tensor that are selected, times their scales.
fn compact<T: Real>(tensor: &[T], channels: usize, inner: usize, kept: &Selection) -> Vec<T> {
    let mut numbers = Vec::new();
    for outer in tensor.chunks(channels * inner) {
        for (&c, &scale) in kept.indices().iter().zip(kept.scales()) {
            let channel = &outer[c as usize * inner..][..inner];
            numbers.extend(channel.iter().map(|&x| scaled(scale, x)));
        }
    }
    numbers
}

/// Shapes that between them have every special case.
fn shapes() -> Vec<ConvolutionShape> {
    [
        (1, [1, 1, 1], [1, 1, 1], 1, 0),
        (2, [3, 5, 4], [2, 1, 1], 1, 0),
        (3, [4, 6, 6], [5, 3, 3], 1, 1),
        (2, [3, 7, 6], [4, 3, 3], 2, 1),
        (2, [3, 8, 8], [4, 1, 1], 2, 0),
        (1, [2, 9, 5], [3, 2, 4], 1, 2),
        (2, [1, 12, 12], [7, 5, 5], 1, 2),
        (2, [3, 15, 14], [3, 7, 7], 2, 3),
        (1, [2, 5, 5], [2, 2, 2], 3, 0),
        (2, [2, 3, 3], [2, 1, 1], 1, 2),
        (1, [2, 4, 5], [3, 3, 1], 3, 2),
        (9, [3, 16, 16], [13, 3, 3], 1, 1),
        (2, [2, 33, 40], [3, 3, 3], 1, 1),
        // Positions so few that the product is turned.
        (1, [8, 1, 1], [8, 3, 3], 1, 1),
        (1, [57, 1, 1], [64, 3, 3], 1, 1),
        (3, [64, 1, 1], [64, 3, 3], 1, 1),
    ]
    .into_iter()
    .map(|(batch, input, kernels, stride, padding)| {
        ConvolutionShape::new(batch, input, kernels, stride, padding).unwrap()
    })
    .collect()
}

fn check_forward<T: Real>(shape: &ConvolutionShape, seed: u64) {
    let input = numbers::<T>(seed, shape.input_len());
    let kernels = numbers::<T>(seed + 1, shape.kernel_len());
    for set in InstructionSet::available() {
        let mut output = vec![T::from_f64(f64::NAN); shape.output_len()];
        convolve(set, shape, &input, &kernels, &mut output);
        let exact = naive_forward(shape, &input, &kernels, &Selection::all(shape.input_channels()));
        assert!(bits(&output) == bits(&exact), "exact, {set}, {shape:?}");
        for scaled in [false, true] {
            let channels = some_of(seed, shape.input_channels(), scaled);
            convolve_selected(set, shape, &input, &kernels, &channels, &mut output);
            let sampled = naive_forward(shape, &input, &kernels, &channels);
            assert!(bits(&output) == bits(&sampled), "selected, {set}, {shape:?}");
        }
    }
}

/// The same pairs with scale one.
fn unscaled(selection: &Selection) -> Selection {
    let ones = vec![1.0; selection.len()];
    Selection::new(selection.indices().to_vec(), ones, selection.pairs()).unwrap()
}

fn check_kernel_gradient<T: Real>(shape: &ConvolutionShape, seed: u64) {
    let input = numbers::<T>(seed, shape.input_len());
    let dy = numbers::<T>(seed + 1, shape.output_len());
    let pairs = shape.batch() * shape.positions();
    let exact = naive_kernel_gradient(shape, &input, &dy, &Selection::all(pairs));
    for set in InstructionSet::available() {
        let mut gradient = vec![T::from_f64(f64::NAN); shape.kernel_len()];
        kernel_gradient(set, shape, &input, &dy, &mut gradient);
        assert!(bits(&gradient) == bits(&exact), "exact, {set}, {shape:?}");
        for scaled in [false, true] {
            let images = some_of(seed, shape.batch(), scaled);
            kernel_gradient_selected(set, shape, &input, &dy, &images, &mut gradient);
            let sampled =
                naive_kernel_gradient(shape, &input, &dy, &positions_of_images(shape, &images));
            assert!(bits(&gradient) == bits(&sampled), "images, {set}, {shape:?}");

            let positions = some_of(seed, pairs, scaled);
            kernel_gradient_selected_positions(set, shape, &input, &dy, &positions, &mut gradient);
            let sampled = naive_kernel_gradient(shape, &input, &dy, &positions);
            assert!(bits(&gradient) == bits(&sampled), "positions, {set}, {shape:?}");

            let channels = some_of(seed, shape.input_channels(), scaled);
            let expected = compact(&exact, shape.input_channels(), shape.taps(), &channels);
            let mut gradient = vec![T::from_f64(f64::NAN); expected.len()];
            let whole = Images::whole(&dy);
            let (x, kept) = (Images::whole(&input), &channels);
            kernel_gradient_of_channels(set, shape, x, whole, kept, &mut gradient);
            assert!(bits(&gradient) == bits(&expected), "channels, {set}, {shape:?}");

            // Some channels stored of either tensor: the same numbers.
            let (count, pixels) = (shape.input_channels(), shape.pixels());
            let stored = compact(&input, count, pixels, &unscaled(&channels));
            let x = Images::of_channels(&stored, channels.indices());
            gradient.fill(T::from_f64(f64::NAN));
            kernel_gradient_of_channels(set, shape, x, whole, kept, &mut gradient);
            assert!(bits(&gradient) == bits(&expected), "stored channels, {set}, {shape:?}");
            let outputs = some_of(seed + 7, shape.output_channels(), false);
            let stored = compact(&dy, outputs.pairs(), shape.positions(), &outputs);
            let row = shape.input_channels() * shape.taps();
            let rows = compact(&exact, outputs.pairs(), row, &outputs);
            let expected = compact(&rows, shape.input_channels(), shape.taps(), &channels);
            let mut gradient = vec![T::from_f64(f64::NAN); expected.len()];
            let dy = Images::of_channels(&stored, outputs.indices());
            kernel_gradient_of_channels(set, shape, x, dy, kept, &mut gradient);
            assert!(bits(&gradient) == bits(&expected), "stored outputs, {set}, {shape:?}");
        }
    }
}

fn check_input_gradient<T: Real>(shape: &ConvolutionShape, seed: u64) {
    let dy = numbers::<T>(seed, shape.output_len());
    let kernels = numbers::<T>(seed + 1, shape.kernel_len());
    let exact =
        naive_input_gradient(shape, &dy, &kernels, &Selection::all(shape.output_channels()));
    for set in InstructionSet::available() {
        let mut gradient = vec![T::from_f64(f64::NAN); shape.input_len()];
        input_gradient(set, shape, &dy, &kernels, &mut gradient);
        assert!(bits(&gradient) == bits(&exact), "exact, {set}, {shape:?}");
        for scaled in [false, true] {
            let channels = some_of(seed, shape.output_channels(), scaled);
            input_gradient_selected(set, shape, &dy, &kernels, &channels, &mut gradient);
            let sampled = naive_input_gradient(shape, &dy, &kernels, &channels);
            assert!(bits(&gradient) == bits(&sampled), "selected, {set}, {shape:?}");

            let channels = some_of(seed, shape.input_channels(), scaled);
            let mut weights = kernels.clone();
            let mut scales = vec![1.0; shape.input_channels()];
            for (&c, &scale) in channels.indices().iter().zip(channels.scales()) {
                scales[c as usize] = scale;
            }
            for (index, weight) in weights.iter_mut().enumerate() {
                let channel = index / shape.taps() % shape.input_channels();
                *weight = self::scaled(scales[channel], *weight);
            }
            let outputs = Selection::all(shape.output_channels());
            let all = naive_input_gradient(shape, &dy, &weights, &outputs);
            let kept = unscaled(&channels);
            let expected = compact(&all, shape.input_channels(), shape.pixels(), &kept);
            let mut gradient = vec![T::from_f64(f64::NAN); expected.len()];
            let whole = Images::whole(&dy);
            input_gradient_of_channels(set, shape, whole, &kernels, &channels, &mut gradient);
            assert!(bits(&gradient) == bits(&expected), "channels, {set}, {shape:?}");

            // Some channels stored of the output gradient: the sum over those alone.
            let outputs = some_of(seed + 7, shape.output_channels(), false);
            let all = naive_input_gradient(shape, &dy, &weights, &outputs);
            let expected = compact(&all, shape.input_channels(), shape.pixels(), &kept);
            let stored = compact(&dy, outputs.pairs(), shape.positions(), &outputs);
            gradient.fill(T::from_f64(f64::NAN));
            let stored = Images::of_channels(&stored, outputs.indices());
            input_gradient_of_channels(set, shape, stored, &kernels, &channels, &mut gradient);
            assert!(bits(&gradient) == bits(&expected), "stored outputs, {set}, {shape:?}");
        }
    }
}

#[test]
fn input_gradients_are_the_naive_chain_bit_for_bit() {
    for (seed, shape) in shapes().iter().enumerate() {
        check_input_gradient::<f32>(shape, seed as u64);
        check_input_gradient::<f64>(shape, seed as u64);
    }
}

#[test]
fn kernel_gradients_are_the_naive_chain_bit_for_bit() {
    for (seed, shape) in shapes().iter().enumerate() {
        check_kernel_gradient::<f32>(shape, seed as u64);
        check_kernel_gradient::<f64>(shape, seed as u64);
    }
}

#[test]
fn convolutions_are_the_naive_chain_bit_for_bit() {
    for (seed, shape) in shapes().iter().enumerate() {
        check_forward::<f32>(shape, seed as u64);
        check_forward::<f64>(shape, seed as u64);
    }
}

/// Channels enough that every blocked loop has whole blocks and a rest, and images so large that
/// the kernel gradient takes them one at a time.
#[test]
fn many_channels_of_large_images_give_the_naive_chain() {
    let shape = ConvolutionShape::new(3, [182, 40, 39], [3, 2, 1], 1, 1).unwrap();
    check_forward::<f32>(&shape, 1);
    check_input_gradient::<f32>(&shape, 2);
    check_kernel_gradient::<f32>(&shape, 3);
}
