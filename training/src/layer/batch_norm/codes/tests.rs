//! Codes against the numbers that they stand for, and gradients against those of exact numbers.

use super::super::{BatchNorm, BatchNormSettings};
use super::*;
use crate::layer::{Demand, Layer};
use kernels::InstructionSet;
use kernels::random::{Stream, standard_normal};
use testing::assert_same_bits;

/// Planes of several vectors, planes shorter than a run, and single numbers; the last block of
/// images is smaller.
const SHAPES: [(usize, ImageShape); 3] = [
    (3, ImageShape { channels: 7, height: 9, width: 8 }),
    (11, ImageShape { channels: 7, height: 3, width: 3 }),
    (130, ImageShape { channels: 7, height: 1, width: 1 }),
];
const BITS: [u32; 4] = [1, 2, 4, 8];

fn context() -> StepContext<'static> {
    StepContext::training(InstructionSet::detect(), Stream::new(1, "run"), 0)
}

fn numbers(seed: u64, images: usize, image: ImageShape) -> Matrix {
    let mut rng = Stream::new(seed, "codes").at(0);
    let draw = |i: usize| (2.0 + standard_normal(&mut rng)) as f32 * (1 + i % 3) as f32;
    Matrix::from_rows(images, image.len(), (0..images * image.len()).map(draw).collect())
}

/// Channels around their bins' centre, turned, far from zero on either side, and nearly constant.
fn norm(image: ImageShape, codes: Option<CodeSettings>) -> BatchNorm {
    let settings = BatchNormSettings { codes, ..BatchNormSettings::new(true) };
    let mut layer = BatchNorm::new("norm", image, settings);
    layer.scale = vec![1.5, -0.5, 0.8, 2.0, 1.0, 1.0, 1e-12];
    layer.shift = vec![0.3, -0.1, -0.9, 0.0, 4.5, -2.7, 0.5];
    layer
}

fn codes(bits: u32, form: CodeForm) -> Option<CodeSettings> {
    Some(CodeSettings { bits, form })
}

/// What the codes of a minibatch stand for, and the numbers t themselves, in f64.
fn decoded_and_exact(mut layer: BatchNorm, x: &Matrix) -> (Vec<f32>, Vec<f64>) {
    let context = context();
    layer.forward(&context, x);
    let (image, channels) = (layer.image, layer.channels.clone());
    let exact = x.data().iter().enumerate().map(|(i, &x)| {
        let c = i / image.pixels() % image.channels;
        f64::from(channels[c].normalise(x)) / f64::from(unit(layer.scale[c]))
    });
    let exact = exact.collect();
    let (mut codes, mut channels) = (layer.codes.take().unwrap(), layer.channels);
    let decoded = codes.decoded(&context, &mut channels, &layer.scale);
    (decoded.data().to_vec(), exact)
}

fn count_wrong_masks(layer: BatchNorm, x: &Matrix) -> usize {
    let (decoded, exact) = decoded_and_exact(layer, x);
    decoded.iter().zip(exact).filter(|(t, exact)| (**t > 0.0) != (*exact > 0.0)).count()
}

#[test]
fn masks_are_those_of_the_rectifier_whatever_the_bits() {
    for (images, image) in SHAPES {
        let x = numbers(1, images, image);
        for bits in BITS {
            let wrong = |form| count_wrong_masks(norm(image, codes(bits, form)), &x);
            assert_eq!(wrong(CodeForm::Backward), 0, "{bits} bits, {image:?}");
            assert_eq!(wrong(CodeForm::Naive), 0, "{bits} bits, {image:?}");
            assert!(wrong(CodeForm::ZeroAsLevel) > 0, "{bits} bits, {image:?}");
        }
    }
}

/// The released code limits the first code above zero from below only.
#[test]
fn without_a_limit_of_the_zero_masks_are_wrong_below_three_deviations() {
    let (images, image) = SHAPES[0];
    let mut x = numbers(1, images, image);
    // One number of each channel far above the others: it alone is above zero.
    x.data_mut().chunks_exact_mut(image.pixels()).take(image.channels).for_each(|x| x[0] = 80.0);
    let wrong = |shift: f32, form| {
        let mut layer = norm(image, codes(4, form));
        layer.scale.fill(1.0);
        layer.shift.fill(shift);
        count_wrong_masks(layer, &x)
    };
    for shift in [-2.6, 3.1, 5.0] {
        assert_eq!(wrong(shift, CodeForm::AsReleased), 0, "{shift}");
    }
    for shift in [-2.7, -3.1, -5.0] {
        assert_eq!(wrong(shift, CodeForm::AsReleased), image.channels, "{shift}");
        assert_eq!(wrong(shift, CodeForm::Backward), 0, "{shift}");
    }
}

#[test]
fn numbers_are_within_half_a_bin_of_the_three_deviations() {
    for (images, image) in SHAPES {
        let x = numbers(2, images, image);
        for bits in BITS {
            let (decoded, exact) =
                decoded_and_exact(norm(image, codes(bits, CodeForm::Backward)), &x);
            let step = 6.0 / f64::from(1 << bits);
            for (i, (decoded, exact)) in decoded.into_iter().zip(exact).enumerate() {
                let error = (f64::from(decoded) - exact).abs();
                // All bins within three deviations are there but for one that a floor takes, and
                // one for the other side of zero. The last channel's scale is below those of codes.
                let c = i / image.pixels() % image.channels;
                let centre = [0.2, -0.2, -1.125, 0.0, 4.5, -2.7].get(c);
                let is_within =
                    centre.is_some_and(|centre| (exact - centre).abs() < 3.0 - 2.0 * step);
                assert!(!is_within || error <= 0.5001 * step, "{bits} bits: {decoded} for {exact}");
            }
        }
    }
}

#[test]
fn the_output_is_exact_in_the_one_form_and_decoded_in_the_other() {
    for (images, image) in SHAPES {
        let x = numbers(3, images, image);
        let mut exact = norm(image, None);
        exact.forward(&context(), &x);
        for bits in BITS {
            let mut backward = norm(image, codes(bits, CodeForm::Backward));
            backward.forward(&context(), &x);
            assert_eq!(backward.output(), exact.output(), "{bits} bits");
            let mut naive = norm(image, codes(bits, CodeForm::Naive));
            naive.forward(&context(), &x);
            assert_ne!(naive.output(), exact.output(), "{bits} bits");
            let output = naive.output().clone();
            backward.keep(&context(), Demand::WHOLE);
            assert_eq!(backward.output().columns(), 0);
            backward.restore(&context());
            assert_eq!(backward.output(), &output, "{bits} bits");
            // An evaluation keeps no codes, and only the naive form decodes there.
            let evaluation = StepContext::evaluation(InstructionSet::detect());
            for (layer, is_naive) in [(&mut backward, false), (&mut naive, true)] {
                layer.forward(&evaluation, &x);
                assert!(!layer.has_codes());
                let mut exact = norm(image, None);
                exact.running_mean.clone_from(&layer.running_mean);
                exact.running_variance.clone_from(&layer.running_variance);
                exact.forward(&evaluation, &x);
                assert_eq!(layer.output() != exact.output(), is_naive, "{bits} bits");
            }
        }
    }
}

/// The backward pass from numbers t that are exact, against finite differences in f64.
#[test]
fn gradients_from_exact_numbers_are_those_of_the_formula() {
    let (images, image) = (3, ImageShape::new(6, 3, 2));
    let (x, dy) = (numbers(4, images, image), numbers(5, images, image));
    let mut layer = norm(image, codes(8, CodeForm::Backward));
    layer.scale.truncate(6);
    layer.shift.truncate(6);
    layer.forward(&context(), &x);
    let mut codes = layer.codes.take().unwrap();
    let mut exact = x.clone();
    for (i, t) in exact.data_mut().iter_mut().enumerate() {
        let c = i / image.pixels() % image.channels;
        *t = layer.channels[c].normalise(*t) / layer.scale[c].abs();
    }
    codes.decoded(&context(), &mut layer.channels, &layer.scale);
    layer.propagate(&context(), &exact, &dy, true, |_, t| t > 0.0);

    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
    let (mut x, dy) = (wide(x.data()), wide(dy.data()));
    let (mut scale, mut shift) = (wide(&layer.scale), wide(&layer.shift));
    let loss = |x: &[f64], scale: &[f64], shift: &[f64]| -> f64 {
        let of = |c: usize| (0..x.len()).filter(move |i| i / image.pixels() % 6 == c);
        let channel = |c: usize| {
            let count = of(c).count() as f64;
            let mean = of(c).map(|i| x[i]).sum::<f64>() / count;
            let variance = of(c).map(|i| (x[i] - mean).powi(2)).sum::<f64>() / count;
            let y = move |x: f64| (x - mean) / (variance + 1e-5).sqrt() * scale[c] + shift[c];
            of(c).map(|i| y(x[i]).max(0.0) * dy[i]).sum::<f64>()
        };
        (0..6).map(channel).sum()
    };
    const STEP: f64 = 1e-5;
    let close = |found: f32, slope: f64| {
        let error = (f64::from(found) - slope).abs();
        assert!(error < 1e-4 * (1.0 + slope.abs()), "{found} and {slope}");
    };
    let moved = |numbers: &mut Vec<f64>, i: usize, loss: &dyn Fn(&[f64]) -> f64| {
        let before = numbers[i];
        let mut at = |step: f64| {
            numbers[i] = before + step;
            loss(numbers)
        };
        let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        numbers[i] = before;
        slope
    };
    for i in 0..x.len() {
        let (scale, shift) = (&scale, &shift);
        let slope = moved(&mut x, i, &|x| loss(x, scale, shift));
        close(layer.input_gradient.data()[i], slope);
    }
    for c in 0..6 {
        let slope = moved(&mut scale, c, &|scale| loss(&x, scale, &shift));
        close(layer.scale_gradient[c], slope);
        let slope = moved(&mut shift, c, &|shift| loss(&x, &scale, shift));
        close(layer.shift_gradient[c], slope);
    }
}

/// The layer's gradients from exact numbers and from codes: of the input, of scale, and of shift.
fn gradients(codes: Option<CodeSettings>, x: &Matrix, dy: &Matrix) -> [Vec<f32>; 3] {
    let mut layer = norm(SHAPES[0].1, codes);
    layer.forward(&context(), x);
    let gone = Matrix::default();
    layer.backward(&context(), if codes.is_some() { &gone } else { x }, dy, true);
    assert!(!layer.has_codes());
    [layer.input_gradient.data().to_vec(), layer.scale_gradient, layer.shift_gradient]
}

/// With e for the error of the numbers t, all that it can change: of the gradient of scale
/// sum |g| |e|, of that of the input factor (|t~| mean(|g| |e|) + |e| |mean(g t)|), with t about its
/// centre.
#[test]
fn gradients_from_codes_are_off_by_no_more_than_the_codes() {
    let (images, image) = SHAPES[0];
    let (x, dy) = (numbers(6, images, image), numbers(7, images, image));
    let exact = gradients(None, &x, &dy);
    let most = |bits, form| {
        let (decoded, t) = decoded_and_exact(norm(image, codes(bits, form)), &x);
        let found = gradients(codes(bits, form), &x, &dy);
        let mut reference = norm(image, None);
        reference.forward(&context(), &x);
        let (mut worst, count) = (0.0f64, (images * image.pixels()) as f64);
        // The last channel's scale is below those of codes.
        for c in 0..image.channels - 1 {
            let places = || (0..t.len()).filter(move |i| i / image.pixels() % image.channels == c);
            let centre = f64::from(reference.shift[c]) / f64::from(reference.scale[c].abs());
            let error = |i: usize| (f64::from(decoded[i]) - t[i]).abs();
            let g = |i: usize| if t[i] > 0.0 { f64::from(dy.data()[i]) } else { 0.0 };
            let sum_of_errors = places().map(|i| g(i).abs() * error(i)).sum::<f64>();
            let sum = places().map(|i| g(i) * (t[i] - centre)).sum::<f64>();
            let factor = f64::from(reference.channels[c].factor.abs());
            let mut compare = |found: f32, exact: f32, bound: f64| {
                let difference = (f64::from(found) - f64::from(exact)).abs();
                worst = worst.max(difference / (bound + 1e-4 * (1.0 + f64::from(exact.abs()))));
            };
            compare(found[1][c], exact[1][c], sum_of_errors);
            for i in places() {
                let around = (f64::from(decoded[i]) - centre).abs();
                let bound = factor * (around * sum_of_errors + error(i) * sum.abs()) / count;
                compare(found[0][i], exact[0][i], bound);
            }
            assert!(form != CodeForm::Backward || found[2][c] == exact[2][c], "the mask is exact");
        }
        worst
    };
    for bits in BITS {
        let worst = most(bits, CodeForm::Backward);
        assert!(worst <= 1.0, "{bits} bits: {worst} times what it may be");
    }
    // A bound that nothing comes near would show nothing.
    let worst = most(8, CodeForm::Backward);
    assert!(worst > 0.01, "{worst}");
    let exact_norm = exact[0].iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let off = |form| {
        let found = gradients(codes(8, form), &x, &dy);
        let squares = found[0].iter().zip(&exact[0]).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt() / exact_norm
    };
    let (right, permuted) = (off(CodeForm::Backward), off(CodeForm::Permuted));
    // Of normal numbers three in a thousand lie beyond all bins, which finer ones do not mend.
    assert!(permuted > 10.0 * right, "{right} and {permuted}");
}

#[test]
fn the_channels_that_are_kept_are_restored_and_no_others() {
    for (images, image) in SHAPES {
        let memory = crate::memory::Memory::default();
        let context = StepContext { memory: Some(&memory), ..context() };
        let (x, settings) = (numbers(8, images, image), codes(4, CodeForm::Backward));
        let mut whole = norm(image, settings);
        whole.forward(&context, &x);
        whole.restore(&context);
        let mut layer = norm(image, settings);
        layer.forward(&context, &x);
        let channels = Channels { indices: &[1, 4, 5], count: image.channels };
        let demand = Demand { reads: Some(channels), sends: Some(channels) };
        assert!(layer.keep(&context, demand));
        let kept = layer.codes.as_ref().unwrap();
        // In sixteenths of all, rounded up.
        let all = kept.bytes(image.channels);
        assert_eq!(kept.buffer.len(), all.div_ceil(16) * 7);
        layer.restore(&context);
        let mut expected = whole.output().clone();
        expected.keep_channels(None, channels);
        assert_eq!(layer.output(), &expected);
        let expected = Demand { reads: Some(Channels::NONE), sends: Some(channels) };
        assert_eq!(layer.demand(), expected);
        // No channel at all.
        let none = Channels { indices: &[], count: image.channels };
        whole.keep(&context, Demand { sends: Some(none), ..Demand::GRADIENT });
        assert!(whole.has_codes() && whole.codes.as_ref().unwrap().buffer.is_empty());
        whole.restore(&context);
        assert_eq!(whole.output().columns(), 0);
    }
}

#[test]
fn a_gradient_of_the_channels_that_are_kept_is_that_of_all_with_zeros() {
    for (images, image) in SHAPES {
        let (x, mut dy) = (numbers(11, images, image), numbers(12, images, image));
        let channels = Channels { indices: &[0, 3, 5], count: image.channels };
        for (i, dy) in dy.data_mut().iter_mut().enumerate() {
            let channel = (i / image.pixels() % image.channels) as u32;
            *dy *= if channels.indices.contains(&channel) { 1.0 } else { 0.0 };
        }
        let run = |is_kept: bool| {
            let (mut layer, mut dy) = (norm(image, codes(4, CodeForm::Backward)), dy.clone());
            layer.forward(&context(), &x);
            if is_kept {
                let demand = Demand { reads: Some(channels), sends: Some(channels) };
                layer.keep(&context(), demand);
                dy.keep_channels(None, channels);
            }
            layer.backward(&context(), &Matrix::default(), &dy, true);
            (layer.input_gradient, layer.scale_gradient, layer.shift_gradient)
        };
        let (mut whole, some) = (run(false), run(true));
        whole.0.keep_channels(None, channels);
        assert!(whole == some, "{image:?}");
    }
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    for (images, image) in SHAPES {
        let (x, dy) = (numbers(9, images, image), numbers(10, images, image));
        let run = |set: InstructionSet| {
            let context = StepContext { set, ..context() };
            let mut layer = norm(image, codes(2, CodeForm::Backward));
            layer.forward(&context, &x);
            layer.restore(&context);
            layer.backward(&context, &Matrix::default(), &dy, true);
            (layer.output.clone(), layer.input_gradient.clone(), layer.scale_gradient)
        };
        assert_same_bits(&[1, 2, 5], run);
    }
}
