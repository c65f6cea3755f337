//! The layer against formulas and finite differences in f64.

use super::*;
use kernels::InstructionSet;
use kernels::random::{Stream, standard_normal};
use testing::assert_same_bits;

const BATCH: usize = 3;
const IMAGE: ImageShape = ImageShape { channels: 4, height: 5, width: 7 };

fn numbers(seed: u64) -> Matrix {
    let mut rng = Stream::new(seed, "batch-norm").at(0);
    let mut draw = |i: usize| (3.0 + 0.5 * standard_normal(&mut rng)) as f32 * (1 + i % 3) as f32;
    Matrix::from_rows(BATCH, IMAGE.len(), (0..BATCH * IMAGE.len()).map(&mut draw).collect())
}

fn layer(rectified: bool) -> BatchNorm {
    let mut layer = BatchNorm::new("norm", IMAGE, BatchNormSettings::new(rectified));
    layer.scale = vec![1.5, -0.5, 0.8, 2.0];
    layer.shift = vec![0.3, -0.1, 0.2, 0.0];
    layer
}

fn context(set: InstructionSet) -> StepContext<'static> {
    StepContext::training(set, Stream::new(1, "run"), 0)
}

/// Channel of an element, and the elements of each channel.
fn channel_of(element: usize) -> usize {
    element / IMAGE.pixels() % IMAGE.channels
}

/// Mean and sum of squared deviations of a channel.
fn moments(x: &[f64], channel: usize) -> (f64, f64) {
    let elements = || (0..x.len()).filter(move |&i| channel_of(i) == channel).map(|i| x[i]);
    let mean = elements().sum::<f64>() / (BATCH * IMAGE.pixels()) as f64;
    (mean, elements().map(|x| (x - mean) * (x - mean)).sum())
}

fn naive(x: &[f64], scale: &[f64], shift: &[f64], rectified: bool) -> Vec<f64> {
    let moments: Vec<_> = (0..IMAGE.channels).map(|c| moments(x, c)).collect();
    let count = (BATCH * IMAGE.pixels()) as f64;
    let normalised = |(i, x): (usize, &f64)| {
        let (c, (mean, squares)) = (channel_of(i), moments[channel_of(i)]);
        let y = (x - mean) / (squares / count + 1e-5).sqrt() * scale[c] + shift[c];
        if rectified { y.max(0.0) } else { y }
    };
    x.iter().enumerate().map(normalised).collect()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn output_and_gradients_are_those_of_the_formula() {
    for rectified in [false, true] {
        let (x, dy) = (numbers(1), numbers(2));
        let mut layer = layer(rectified);
        let context = context(InstructionSet::detect());
        layer.forward(&context, &x);
        layer.backward(&context, &x, &dy, true);
        let (mut x, dy) = (wide(x.data()), wide(dy.data()));
        let (mut scale, mut shift) = (wide(&layer.scale), wide(&layer.shift));
        for (found, expected) in
            layer.output.data().iter().zip(naive(&x, &scale, &shift, rectified))
        {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} and {expected}");
        }
        let loss = |x: &[f64], scale: &[f64], shift: &[f64]| -> f64 {
            naive(x, scale, shift, rectified).iter().zip(&dy).map(|(y, dy)| y * dy).sum()
        };
        const STEP: f64 = 1e-5;
        let close = |found: f32, plus: f64, minus: f64| {
            let slope = (plus - minus) / (2.0 * STEP);
            let error = (f64::from(found) - slope).abs();
            assert!(error < 1e-4 * (1.0 + slope.abs()), "{found} and {slope}");
        };
        for i in 0..x.len() {
            let before = x[i];
            let mut at = |step: f64| {
                x[i] = before + step;
                loss(&x, &scale, &shift)
            };
            let (plus, minus) = (at(STEP), at(-STEP));
            at(0.0);
            close(layer.input_gradient.data()[i], plus, minus);
        }
        for c in 0..IMAGE.channels {
            let before = scale[c];
            let mut at = |step: f64| {
                scale[c] = before + step;
                loss(&x, &scale, &shift)
            };
            let (plus, minus) = (at(STEP), at(-STEP));
            at(0.0);
            close(layer.scale_gradient[c], plus, minus);
            let before = shift[c];
            let mut at = |step: f64| {
                shift[c] = before + step;
                loss(&x, &scale, &shift)
            };
            let (plus, minus) = (at(STEP), at(-STEP));
            at(0.0);
            close(layer.shift_gradient[c], plus, minus);
        }
    }
}

#[test]
fn running_statistics_average_minibatches_and_serve_evaluation() {
    let mut layer = layer(false);
    let set = InstructionSet::detect();
    let (first, second) = (numbers(1), numbers(2));
    layer.forward(&context(set), &first);
    layer.forward(&context(set), &second);
    let (first, second) = (wide(first.data()), wide(second.data()));
    let count = (BATCH * IMAGE.pixels()) as f64;
    let mut expected = Vec::new();
    for c in 0..IMAGE.channels {
        let (one, two) = (moments(&first, c), moments(&second, c));
        let mean = 0.1 * (0.9 * one.0 + two.0);
        let variance = 0.81 + 0.1 * (0.9 * one.1 + two.1) / (count - 1.0);
        assert!((f64::from(layer.running_mean[c]) - mean).abs() < 1e-6);
        assert!((f64::from(layer.running_variance[c]) - variance).abs() < 1e-6 * variance);
        expected.push((mean, variance));
    }
    let x = numbers(3);
    layer.forward(&StepContext::evaluation(set), &x);
    for (i, (&y, &x)) in layer.output.data().iter().zip(x.data()).enumerate() {
        let (c, (mean, variance)) = (channel_of(i), expected[channel_of(i)]);
        let scale = f64::from(layer.scale[c]) / (variance + 1e-5).sqrt();
        let expected = (f64::from(x) - mean) * scale + f64::from(layer.shift[c]);
        assert!((f64::from(y) - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{y} {expected}");
    }
    // Evaluation treats the statistics as constants: dx = factor dy.
    let dy = numbers(4);
    layer.backward(&StepContext::evaluation(set), &x, &dy, true);
    for (i, (dx, dy)) in layer.input_gradient.data().iter().zip(dy.data()).enumerate() {
        assert_eq!(*dx, dy * layer.channels[channel_of(i)].factor);
    }
}

#[test]
fn channels_without_a_gradient_send_none_back() {
    let (x, mut dy) = (numbers(1), numbers(2));
    let context = context(InstructionSet::detect());
    let mut layer = layer(true);
    layer.forward(&context, &x);
    layer.backward(&context, &x, &dy, true);
    let all = layer.input_gradient.clone();
    for (i, value) in dy.data_mut().iter_mut().enumerate() {
        *value *= if channel_of(i) == 2 { 0.0 } else { 1.0 };
    }
    layer.backward(&context, &x, &dy, true);
    for (i, (&dx, &before)) in layer.input_gradient.data().iter().zip(all.data()).enumerate() {
        assert_eq!(dx, if channel_of(i) == 2 { 0.0 } else { before });
    }
    assert_eq!((layer.scale_gradient[2], layer.shift_gradient[2]), (0.0, 0.0));
    // And it is live again when a gradient arrives.
    layer.backward(&context, &x, &numbers(2), true);
    assert_eq!(layer.input_gradient, all);
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    let (x, dy) = (numbers(1), numbers(2));
    let run = |set: InstructionSet| {
        let mut layer = layer(true);
        layer.forward(&context(set), &x);
        layer.backward(&context(set), &x, &dy, true);
        let mut state = Vec::new();
        layer.visit_state(&mut |_, values| state.extend_from_slice(values));
        (layer.output.clone(), layer.input_gradient.clone(), layer.scale_gradient.clone(), state)
    };
    assert_same_bits(&[1, 2, 5], run);
}

#[test]
fn shares_of_one_over_the_count_average_all_minibatches_alike() {
    let mut layer = layer(false);
    let set = InstructionSet::detect();
    let minibatches = [numbers(1), numbers(2), numbers(3)];
    for (before, x) in minibatches.iter().enumerate() {
        let statistics_share = Some(1.0 / (before + 1) as f32);
        layer.forward(&StepContext { statistics_share, ..context(set) }, x);
    }
    let count = (BATCH * IMAGE.pixels()) as f64;
    for c in 0..IMAGE.channels {
        let (mut mean, mut variance) = (0.0, 0.0);
        for x in &minibatches {
            let (found, squares) = moments(&wide(x.data()), c);
            mean += found / 3.0;
            variance += squares / (count - 1.0) / 3.0;
        }
        assert!((f64::from(layer.running_mean[c]) - mean).abs() < 1e-5);
        assert!((f64::from(layer.running_variance[c]) - variance).abs() < 1e-5 * variance);
    }
    // And the layer's own momentum again.
    let before = layer.running_mean[0];
    layer.forward(&context(set), &minibatches[0]);
    let expected = 0.9 * before + 0.1 * moments(&wide(minibatches[0].data()), 0).0 as f32;
    assert!((layer.running_mean[0] - expected).abs() < 1e-6);
}

#[test]
fn a_fixed_scale_is_one_and_no_parameter() {
    let settings =
        BatchNormSettings { learns_scale: false, epsilon: 0.5, ..BatchNormSettings::new(false) };
    let mut fixed = BatchNorm::new("norm", IMAGE, settings);
    let mut names = Vec::new();
    fixed.visit_state(&mut |name, _| names.push(name.to_owned()));
    assert_eq!(names, ["norm.shift", "norm.running-mean", "norm.running-variance"]);
    let mut parameters = 0;
    fixed.visit_parameters(&mut |_| parameters += 1);
    assert_eq!(parameters, 1);
    let (x, context) = (numbers(1), context(InstructionSet::detect()));
    fixed.forward(&context, &x);
    let wide_x = wide(x.data());
    for (i, &y) in fixed.output.data().iter().enumerate() {
        let (mean, squares) = moments(&wide_x, channel_of(i));
        let variance = squares / (BATCH * IMAGE.pixels()) as f64;
        let expected = (wide_x[i] - mean) / (variance + 0.5).sqrt();
        assert!((f64::from(y) - expected).abs() < 1e-5, "{y} and {expected}");
    }
}

#[test]
fn the_momentum_is_the_share_of_the_newest_minibatch() {
    let settings = BatchNormSettings { momentum: 0.4, ..BatchNormSettings::new(false) };
    let mut layer = BatchNorm::new("norm", IMAGE, settings);
    let x = numbers(1);
    layer.forward(&context(InstructionSet::detect()), &x);
    let (mean, _) = moments(&wide(x.data()), 2);
    assert!((f64::from(layer.running_mean[2]) - 0.4 * mean).abs() < 1e-6);
}
