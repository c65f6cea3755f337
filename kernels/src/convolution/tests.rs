//! Convolutions against naive loops: bit for bit, and against f64.

use super::*;
use crate::random::{Stream, below, standard_normal};
use crate::raw::{InstructionSet, Real};
use crate::selection::Selection;

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

#[test]
fn convolutions_are_the_naive_chain_bit_for_bit() {
    for (seed, shape) in shapes().iter().enumerate() {
        check_forward::<f32>(shape, seed as u64);
        check_forward::<f64>(shape, seed as u64);
    }
}
