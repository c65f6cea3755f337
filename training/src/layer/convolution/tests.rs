//! The layer against naive formulas in f64.

use super::*;
use crate::layer::StepReport;
use crate::sampling::{Scores, WeightGradient};
use kernels::random::standard_normal;
use kernels::{Estimator, InstructionSet, Selection};
use testing::assert_same_bits;

const BATCH: usize = 6;
const IMAGE: ImageShape = ImageShape { channels: 7, height: 6, width: 5 };
const OUTPUTS: usize = 4;

fn geometry() -> ConvolutionGeometry {
    let window = Window { height: 3, width: 2, stride: 2, padding: 1 };
    ConvolutionGeometry { image: IMAGE, outputs: OUTPUTS, window }
}

fn numbers(seed: u64, columns: usize) -> Matrix {
    let mut rng = Stream::new(seed, "convolution").at(0);
    let data = (0..BATCH * columns).map(|_| standard_normal(&mut rng) as f32).collect();
    Matrix::from_rows(BATCH, columns, data)
}

/// An input and an output gradient.
fn tensors() -> (Matrix, Matrix) {
    (numbers(1, IMAGE.len()), numbers(2, geometry().output().unwrap().len()))
}

fn layer(mode: Option<Mode>, estimator: Estimator, ratio: f64) -> Convolution {
    let policy = mode.map(|mode| SamplingPolicy::new(estimator, ratio, 1, mode));
    let (start, stream) = (Initialization::UniformFanIn, Stream::new(4, "layer"));
    Convolution::new("layer", geometry(), true, start, policy, stream).unwrap()
}

fn context(step: u64) -> StepContext<'static> {
    StepContext::training(InstructionSet::detect(), Stream::new(9, "run"), step)
}

/// Calls `term` with the places of output, input and weight of every multiply-add.
fn for_each_term(mut term: impl FnMut([usize; 3], [usize; 3])) {
    let (g, out) = (geometry(), geometry().output().unwrap());
    for place in 0..BATCH * out.len() {
        let (b, o) = (place / out.len(), place / out.pixels() % OUTPUTS);
        let (y, x) = (place / out.width % out.height, place % out.width);
        for tap in 0..IMAGE.channels * g.window.taps() {
            let (c, tap) = (tap / g.window.taps(), tap % g.window.taps());
            let row = y * g.window.stride + tap / g.window.width;
            let column = x * g.window.stride + tap % g.window.width;
            let (row, column) =
                (row.wrapping_sub(g.window.padding), column.wrapping_sub(g.window.padding));
            if row < IMAGE.height && column < IMAGE.width {
                let pixel = ((b * IMAGE.channels + c) * IMAGE.height + row) * IMAGE.width + column;
                let weight = (o * IMAGE.channels + c) * g.window.taps() + tap;
                term([place, pixel, weight], [b, c, o]);
            }
        }
    }
}

/// Output without bias, input gradient and kernel gradient, each term times a scale of its
/// image, input channel and output channel.
fn naive(
    layer: &Convolution,
    (x, dy): (&Matrix, &Matrix),
    scale: impl Fn([usize; 3]) -> f64,
) -> [Vec<f64>; 3] {
    let lengths = [dy.data().len(), x.data().len(), layer.weight.len()];
    let mut results = lengths.map(|length| vec![0.0; length]);
    for_each_term(|[output, input, weight], of| {
        let (x, dy) = (f64::from(x.data()[input]), f64::from(dy.data()[output]));
        let w = f64::from(layer.weight[weight]);
        results[0][output] += scale(of) * x * w;
        results[1][input] += scale(of) * dy * w;
        results[2][weight] += scale(of) * dy * x;
    });
    results
}

fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (x, y) in found.iter().zip(expected) {
        assert!((f64::from(*x) - y).abs() < 1e-4 * (1.0 + y.abs()), "{what}: {x} and {y}");
    }
}

fn scale_of(selection: &Selection, index: usize) -> f64 {
    let position = selection.indices().binary_search(&(index as u32));
    position.map_or(0.0, |position| selection.scales()[position])
}

/// Weight and bias gradients, whole.
fn gradients(layer: &mut Convolution) -> [Vec<f32>; 2] {
    let mut gradients = Vec::new();
    layer.visit_parameters(&mut |parameter| {
        let mut whole = Vec::new();
        parameter.append_gradient(&mut whole);
        gradients.push(whole);
    });
    gradients.try_into().expect("a weight and a bias")
}

#[test]
fn exact_products_are_the_naive_sums() {
    let (x, dy) = tensors();
    let (mut layer, report) = (layer(None, Estimator::TopK, 1.0), StepReport::default());
    let context = context(0).reporting_to(&report);
    layer.forward(&context, &x);
    layer.backward(&context, &x, &dy, true);
    let [mut y, dx, dw] = naive(&layer, (&x, &dy), |_| 1.0);
    let positions = geometry().output().unwrap().pixels();
    for (place, y) in y.iter_mut().enumerate() {
        *y += f64::from(layer.bias[place / positions % OUTPUTS]);
    }
    assert_close(layer.output().data(), &y, "output");
    assert_close(layer.input_gradient().data(), &dx, "input gradient");
    let [weight, bias] = gradients(&mut layer);
    assert_close(&weight, &dw, "weight gradient");
    let mut db = vec![0.0; OUTPUTS];
    for (place, value) in dy.data().iter().enumerate() {
        db[place / positions % OUTPUTS] += f64::from(*value);
    }
    assert_close(&bias, &db, "bias gradient");
    let (once, counted) = (geometry().shape(BATCH).unwrap(), report.take_computations());
    assert_eq!((counted.performed, counted.exact), (3 * once.multiply_adds(), counted.performed));
}

#[test]
fn gradients_pass_through_the_sampled_channels_only() {
    for estimator in [Estimator::TopK, Estimator::ColumnRow, Estimator::Bernoulli] {
        let (x, dy) = tensors();
        let mut layer = layer(Some(Mode::Forward), estimator, 0.4);
        layer.bias.fill(0.0);
        let report = StepReport::default();
        let context = context(3).reporting_to(&report);
        layer.forward(&context, &x);
        let selection = layer.channels.selection().cloned().expect("the product is sampled");
        assert!(selection.len() < IMAGE.channels);
        layer.backward(&context, &x, &dy, true);
        let scale = |[_, channel, _]: [usize; 3]| scale_of(&selection, channel);
        let [y, dx, dw] = naive(&layer, (&x, &dy), scale);
        assert_close(layer.output().data(), &y, "output");
        assert_eq!(layer.input_gradient().channels(), Some(selection.indices()));
        assert_close(whole(layer.input_gradient()).data(), &dx, "input gradient");
        assert_close(&gradients(&mut layer)[0], &dw, "weight gradient");
        let share = report.take_computations().share();
        assert_eq!(share, selection.len() as f64 / IMAGE.channels as f64);
    }
}

fn whole(partial: &Matrix) -> Matrix {
    let mut whole = Matrix::default();
    partial.expand_into(None, &mut whole);
    whole
}

#[test]
fn channels_that_are_not_stored_are_zeros() {
    let (x, dy) = tensors();
    let outputs = Channels { indices: &[1, 3], count: OUTPUTS };
    let mut some = dy.clone();
    some.keep_channels(None, outputs);
    let zeros_elsewhere = whole(&some);
    for ratio in [0.4, 1.0] {
        let mut reference = layer(Some(Mode::Forward), Estimator::Bernoulli, ratio);
        reference.forward(&context(3), &x);
        reference.backward(&context(3), &x, &zeros_elsewhere, true);
        let mut layer = layer(Some(Mode::Forward), Estimator::Bernoulli, ratio);
        layer.forward(&context(3), &x);
        // Of the input, what the layer demands, or one channel more.
        let mut kept = x.clone();
        if let Some(reads) = layer.demand().reads {
            let mut indices = reads.indices.to_vec();
            indices.extend((0..7).find(|channel| !reads.indices.contains(channel)));
            indices.sort_unstable();
            kept.keep_channels(None, Channels { indices: &indices, ..reads });
        }
        layer.backward(&context(3), &kept, &some, true);
        let found = layer.input_gradient();
        match reference.input_gradient().channels() {
            None => assert_eq!(whole(found), *reference.input_gradient()),
            Some(_) => assert_eq!(found, reference.input_gradient()),
        }
        assert_eq!(gradients(&mut layer), gradients(&mut reference));
        assert_ne!(gradients(&mut layer)[0].iter().filter(|&&x| x != 0.0).count(), 0);
    }
}

#[test]
fn backward_mode_samples_output_channels_and_images() {
    for estimator in [Estimator::TopK, Estimator::ColumnRow, Estimator::Bernoulli] {
        let (x, dy) = tensors();
        let mut layer = layer(Some(Mode::Backward), estimator, 0.5);
        layer.bias.fill(0.0);
        let report = StepReport::default();
        let context = context(1).reporting_to(&report);
        layer.forward(&context, &x);
        layer.backward(&context, &x, &dy, true);
        let images = layer.pairs.selection().cloned().expect("sampled");
        let outputs = layer.outputs_kept.selection().cloned().expect("sampled");
        let [y, ..] = naive(&layer, (&x, &dy), |_| 1.0);
        let [_, dx, _] = naive(&layer, (&x, &dy), |[_, _, o]| scale_of(&outputs, o));
        let [_, _, dw] = naive(&layer, (&x, &dy), |[b, ..]| scale_of(&images, b));
        assert_close(layer.output().data(), &y, "output");
        assert_close(layer.input_gradient().data(), &dx, "input gradient");
        assert_close(&gradients(&mut layer)[0], &dw, "weight gradient");
        let kept = images.len() as f64 / BATCH as f64 + outputs.len() as f64 / OUTPUTS as f64;
        assert!((report.take_computations().share() - (1.0 + kept) / 3.0).abs() < 1e-12);
    }
}

#[test]
fn backward_mode_samples_positions_where_its_policy_says_so() {
    let positions = geometry().output().unwrap().pixels();
    for estimator in [Estimator::TopK, Estimator::ColumnRow, Estimator::Bernoulli] {
        let (x, dy) = tensors();
        let mut layer = layer(Some(Mode::Backward), estimator, 0.3);
        layer.policy.as_mut().unwrap().weight_gradient = WeightGradient::Positions;
        let report = StepReport::default();
        let context = context(1).reporting_to(&report);
        layer.forward(&context, &x);
        layer.backward(&context, &x, &dy, false);
        let pairs = layer.pairs.selection().cloned().expect("sampled");
        assert_eq!(pairs.pairs(), BATCH * positions);
        let mut dw = vec![0.0; layer.weight.len()];
        for_each_term(|[output, input, weight], [image, ..]| {
            let scale = scale_of(&pairs, image * positions + output % positions);
            dw[weight] += scale * f64::from(dy.data()[output]) * f64::from(x.data()[input]);
        });
        assert_close(&gradients(&mut layer)[0], &dw, "weight gradient");
        let kept = pairs.len() as f64 / pairs.pairs() as f64;
        assert!((report.take_computations().share() - (1.0 + kept) / 2.0).abs() < 1e-12);
        if estimator == Estimator::TopK {
            // No pair that is left out has a larger score than one that is kept.
            let (mut patches, mut gradients) = (vec![0.0; pairs.pairs()], vec![0.0; pairs.pairs()]);
            for_each_term(|[output, input, _], [image, _, kernel]| {
                if kernel == 0 {
                    let pair = image * positions + output % positions;
                    patches[pair] += f64::from(x.data()[input]).powi(2);
                }
            });
            for (place, &dy) in dy.data().iter().enumerate() {
                let pair = place / (OUTPUTS * positions) * positions + place % positions;
                gradients[pair] += f64::from(dy).powi(2);
            }
            let score = |pair: usize| (patches[pair] * gradients[pair]).sqrt();
            let is_kept = |pair: &usize| pairs.indices().contains(&(*pair as u32));
            let (kept, left_out): (Vec<usize>, Vec<usize>) = (0..pairs.pairs()).partition(is_kept);
            let least = kept.into_iter().map(score).fold(f64::MAX, f64::min);
            assert!(left_out.into_iter().map(score).all(|score| score < least * (1.0 + 1e-9)));
        }
    }
}

#[test]
fn black_box_gradients_are_the_exact_ones() {
    let (x, dy) = tensors();
    let [exact, black_box] = [None, Some(Mode::BlackBox)].map(|mode| {
        let mut layer = layer(mode, Estimator::Bernoulli, 0.4);
        layer.forward(&context(3), &x);
        layer.backward(&context(3), &x, &dy, true);
        (layer.output().clone(), layer.input_gradient().clone(), gradients(&mut layer))
    });
    assert_eq!((&exact.1, &exact.2), (&black_box.1, &black_box.2));
    assert_ne!(exact.0, black_box.0, "the forward product is sampled");
}

#[test]
fn a_budget_of_all_pairs_is_the_exact_layer_bit_for_bit() {
    let (x, dy) = tensors();
    let mut exact = layer(None, Estimator::TopK, 1.0);
    exact.forward(&context(0), &x);
    exact.backward(&context(0), &x, &dy, true);
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        let mut sampled = layer(Some(mode), Estimator::ColumnRow, 1.0);
        sampled.forward(&context(0), &x);
        sampled.backward(&context(0), &x, &dy, true);
        assert_eq!(sampled.output(), exact.output());
        assert_eq!(sampled.input_gradient(), exact.input_gradient());
        assert_eq!(gradients(&mut sampled), gradients(&mut exact));
    }
}

#[test]
fn a_gradient_of_some_outputs_is_one_that_is_zero_for_the_others() {
    let (x, dy) = tensors();
    let positions = geometry().output().unwrap().pixels();
    for indices in [&[][..], &[1], &[0, OUTPUTS as u32 - 1]] {
        let mut some = dy.clone();
        some.keep_channels(None, Channels { indices, count: OUTPUTS });
        let mut zeros = dy.clone();
        for (place, dy) in zeros.data_mut().iter_mut().enumerate() {
            if !indices.contains(&((place / positions % OUTPUTS) as u32)) {
                *dy = 0.0;
            }
        }
        for mode in [None, Some(Mode::Forward)] {
            let [some, zeros] = [&some, &zeros].map(|gradient| {
                let mut layer = layer(mode, Estimator::TopK, 0.5);
                // After another gradient, of which nothing may be left.
                for gradient in [&dy, gradient] {
                    layer.forward(&context(0), &x);
                    layer.backward(&context(0), &x, gradient, true);
                }
                (gradients(&mut layer), layer.input_gradient().data().to_vec())
            });
            assert!(some == zeros, "{indices:?}, {mode:?}");
        }
    }
}

#[test]
fn images_of_zeros_and_evaluation_are_exact() {
    let mut layer = layer(Some(Mode::Forward), Estimator::Bernoulli, 0.2);
    layer.forward(&context(0), &Matrix::zeros(BATCH, IMAGE.len()));
    let positions = geometry().output().unwrap().pixels();
    assert_eq!(layer.output().row(0)[positions], layer.bias[1]);
    let (x, dy) = tensors();
    layer.bias.fill(0.0);
    layer.forward(&StepContext::evaluation(InstructionSet::detect()), &x);
    assert_close(layer.output().data(), &naive(&layer, (&x, &dy), |_| 1.0)[0], "output");
}

#[test]
fn norms_follow_the_weights() {
    let (x, _) = tensors();
    let mut layer = layer(Some(Mode::Forward), Estimator::TopK, 0.3);
    layer.forward(&context(0), &x);
    let before = layer.channels.selection().cloned().expect("sampled");
    let unselected = (0..7u32).find(|c| !before.indices().contains(c)).unwrap() as usize;
    let taps = geometry().window.taps();
    layer.visit_parameters(&mut |parameter| {
        if parameter.values.len() > OUTPUTS {
            parameter.values[unselected * taps] = 1e3;
        }
    });
    layer.forward(&context(1), &x);
    let after = layer.channels.selection().expect("sampled");
    assert!(after.indices().contains(&(unselected as u32)));
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    let (x, dy) = tensors();
    for mode in [Mode::Forward, Mode::Backward] {
        let run = |set: InstructionSet| {
            let mut layer = layer(Some(mode), Estimator::Bernoulli, 0.5);
            let context = StepContext { set, ..context(2) };
            layer.forward(&context, &x);
            layer.backward(&context, &x, &dy, true);
            let gradients = gradients(&mut layer);
            (layer.output().clone(), layer.input_gradient().clone(), gradients)
        };
        assert_same_bits(&[1, 2, 5], run);
    }
}

#[test]
fn scores_by_weights_select_the_largest_kernels_whatever_the_input() {
    let mut layer = layer(Some(Mode::Forward), Estimator::TopK, 0.5);
    let taps = geometry().window.taps();
    // Channels 5, 1 and 3 in this order have the largest kernels.
    for (channel, size) in [(5, 9.0), (1, 8.0), (3, 7.0)] {
        for kernel in layer.weight.chunks_exact_mut(IMAGE.channels * taps) {
            kernel[channel * taps..][..taps].fill(size);
        }
    }
    let (mut x, dy) = tensors();
    // Channel 0 alone has an input to speak of.
    for image in x.data_mut().chunks_exact_mut(IMAGE.len()) {
        image[..IMAGE.pixels()].fill(1e4);
    }
    layer.forward(&context(0), &x);
    assert!(layer.channels.selection().unwrap().indices().contains(&0), "both norms");
    layer.policy.as_mut().unwrap().scores = Scores::Weights;
    layer.forward(&context(0), &x);
    assert_eq!(layer.channels.selection().unwrap().indices(), [1, 3, 5]);
    layer.backward(&context(0), &x, &dy, true);
    let mut seen = Vec::new();
    layer.visit_parameters(&mut |parameter| {
        if let Gradient::Columns { rows, columns, values } = parameter.gradient {
            assert_eq!((rows, values.len()), (None, OUTPUTS * columns.len()));
            seen.push(columns.to_vec());
        }
    });
    let of_channels = [1, 3, 5].map(|channel| channel * taps as u32..(channel + 1) * taps as u32);
    assert_eq!(seen, [of_channels.into_iter().flatten().collect::<Vec<u32>>()]);
}

#[test]
fn dirac_weights_pass_the_first_channels_through() {
    let set = InstructionSet::detect();
    for (inputs, outputs) in [(3, 5), (5, 3)] {
        let image = ImageShape::new(inputs, 4, 6);
        let geometry = ConvolutionGeometry { image, outputs, window: Window::square(3, 1, 1) };
        let stream = Stream::new(1, "dirac");
        let mut layer =
            Convolution::new("layer", geometry, false, Initialization::Dirac, None, stream)
                .unwrap();
        let numbers = (0..image.len()).map(|i| i as f32 * 0.5 - 3.0).collect();
        let input = Matrix::from_rows(1, image.len(), numbers);
        layer.forward(&StepContext::evaluation(set), &input);
        let passed = inputs.min(outputs) * image.pixels();
        assert_eq!(layer.output().data()[..passed], input.data()[..passed]);
        let bound = 1.0 / (9.0 * inputs as f32).sqrt();
        let drawn = &layer.weight[passed / image.pixels() * inputs * 9..];
        assert!(drawn.iter().all(|weight| *weight != 0.0 && weight.abs() <= bound));
    }
}
