//! The layer against naive formulas in f64.

use super::*;
use crate::layer::StepReport;
use crate::sampling::{Scores, StepSampling};
use kernels::Estimator;
use kernels::InstructionSet;
use kernels::random::standard_normal;

const BATCH: usize = 12;
const INPUTS: usize = 30;
const OUTPUTS: usize = 20;

fn numbers(seed: u64, rows: usize, columns: usize) -> Matrix {
    let mut rng = Stream::new(seed, "linear").at(0);
    let data = (0..rows * columns).map(|_| standard_normal(&mut rng) as f32).collect();
    Matrix::from_rows(rows, columns, data)
}

fn layer(mode: Option<Mode>, estimator: Estimator, ratio: f64) -> Linear {
    let policy = mode.map(|mode| SamplingPolicy::new(estimator, ratio, 1, mode));
    Linear::new("layer", INPUTS, OUTPUTS, policy, Stream::new(4, "layer"))
}

fn context() -> StepContext<'static> {
    StepContext::training(InstructionSet::detect(), Stream::new(9, "run"), 3)
}

/// sum over inner of scale(inner) left(row, inner) right(inner, column).
fn product(
    (rows, inner, columns): (usize, usize, usize),
    scale: impl Fn(usize) -> f64,
    left: impl Fn(usize, usize) -> f32,
    right: impl Fn(usize, usize) -> f32,
) -> Vec<f64> {
    (0..rows * columns)
        .map(|i| {
            (0..inner)
                .map(|j| {
                    scale(j) * f64::from(left(i / columns, j)) * f64::from(right(j, i % columns))
                })
                .sum()
        })
        .collect()
}

fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (x, y) in found.iter().zip(expected) {
        assert!((f64::from(*x) - y).abs() < 1e-4 * (1.0 + y.abs()), "{what}: {x} and {y}");
    }
}

fn dense_weight_gradient(layer: &mut Linear) -> Vec<f32> {
    let mut gradients = Vec::new();
    layer.visit_parameters(&mut |parameter| {
        let mut gradient = Vec::new();
        parameter.append_gradient(&mut gradient);
        gradients.push(gradient);
    });
    gradients.swap_remove(0)
}

#[test]
fn gradients_pass_through_the_sampled_entries_only() {
    for estimator in [Estimator::TopK, Estimator::ColumnRow, Estimator::Bernoulli] {
        let mut layer = layer(Some(Mode::Forward), estimator, 0.4);
        let (x, dy) = (numbers(1, BATCH, INPUTS), numbers(2, BATCH, OUTPUTS));
        let report = StepReport::default();
        let context = context().reporting_to(&report);
        layer.forward(&context, &x);
        let selection = layer.features.selection().cloned().expect("the product is sampled");
        assert!(selection.len() < INPUTS);
        let scale = |input: usize| {
            let position = selection.indices().binary_search(&(input as u32));
            position.map_or(0.0, |position| selection.scales()[position])
        };
        let (weight, bias) = (layer.weight.clone(), layer.bias.clone());
        let w = |input: usize, output: usize| weight[input * OUTPUTS + output];
        let mut y = product((BATCH, INPUTS, OUTPUTS), scale, |b, i| x.row(b)[i], w);
        y.iter_mut().zip(bias.iter().cycle()).for_each(|(y, b)| *y += f64::from(*b));
        assert_close(layer.output().data(), &y, "output");
        layer.backward(&context, &x, &dy, true);
        let sides = (INPUTS, BATCH, OUTPUTS);
        let mut dw = product(sides, |_| 1.0, |i, b| x.row(b)[i], |b, o| dy.row(b)[o]);
        dw.chunks_mut(OUTPUTS).enumerate().for_each(|(i, row)| {
            row.iter_mut().for_each(|value| *value *= scale(i));
        });
        assert_close(&dense_weight_gradient(&mut layer), &dw, "weight gradient");
        let sides = (BATCH, OUTPUTS, INPUTS);
        let mut dx = product(sides, |_| 1.0, |b, o| dy.row(b)[o], |o, i| w(i, o));
        dx.iter_mut().enumerate().for_each(|(i, value)| *value *= scale(i % INPUTS));
        let mut found = Matrix::default();
        layer.input_gradient().expand_into(None, &mut found);
        assert_close(found.data(), &dx, "input gradient");
        let share = report.take_computations().share();
        assert!((share - selection.len() as f64 / INPUTS as f64).abs() < 1e-12, "{share}");
    }
}

#[test]
fn what_a_gradient_lacks_and_what_an_input_lost_change_no_bit() {
    let some = Channels { indices: &[0, 3, 4, 11, 19], count: OUTPUTS };
    for estimator in [Estimator::TopK, Estimator::Bernoulli] {
        let mut layer = layer(Some(Mode::Forward), estimator, 0.4);
        let mut x = numbers(1, BATCH, INPUTS);
        let mut partial = numbers(2, BATCH, OUTPUTS);
        partial.keep_channels(None, some);
        let mut whole = Matrix::default();
        partial.expand_into(None, &mut whole);
        layer.forward(&context(), &x);
        layer.backward(&context(), &x, &whole, true);
        let expected = (layer.input_gradient().clone(), dense_weight_gradient(&mut layer));
        let bias = layer.bias_gradient.clone();
        let demand = layer.demand().reads.expect("features are selected");
        let (indices, count) = (demand.indices.to_vec(), demand.count);
        x.keep_channels(None, Channels { indices: &indices, count });
        assert!(layer.takes_gradients_of(&context(), OUTPUTS));
        assert!(!layer.takes_gradients_of(&context(), OUTPUTS - 1));
        layer.backward(&context(), &x, &partial, true);
        assert_eq!(layer.input_gradient(), &expected.0, "{estimator}");
        assert_eq!(layer.bias_gradient, bias, "{estimator}");
        assert_eq!(dense_weight_gradient(&mut layer), expected.1, "{estimator}");
        // The control: other outputs than those the gradient is of are seen.
        let other = Channels { indices: &[0, 3, 4, 11, 18], count: OUTPUTS };
        whole.keep_channels(None, other);
        layer.backward(&context(), &x, &whole, true);
        assert_ne!(layer.input_gradient(), &expected.0, "{estimator}");
    }
}

#[test]
fn black_box_gradients_are_the_exact_ones() {
    let (x, dy) = (numbers(1, BATCH, INPUTS), numbers(2, BATCH, OUTPUTS));
    let mut gradients = [None, Some(Mode::BlackBox)].map(|mode| {
        let mut layer = layer(mode, Estimator::Bernoulli, 0.4);
        layer.forward(&context(), &x);
        layer.backward(&context(), &x, &dy, true);
        (layer.output().clone(), layer.input_gradient().clone(), dense_weight_gradient(&mut layer))
    });
    let [exact, black_box] = &mut gradients;
    assert_eq!((&exact.1, &exact.2), (&black_box.1, &black_box.2));
    assert_ne!(exact.0, black_box.0, "the forward product is sampled");
}

#[test]
fn backward_sampling_is_unbiased_and_leaves_the_output_exact() {
    let (x, dy) = (numbers(1, BATCH, INPUTS), numbers(2, BATCH, OUTPUTS));
    let mut exact = layer(None, Estimator::Bernoulli, 0.5);
    exact.forward(&context(), &x);
    exact.backward(&context(), &x, &dy, true);
    let expected = dense_weight_gradient(&mut exact);
    // The mean of many draws: within five standard errors of the exact gradient for unbiased
    // sampling, and far outside for top-k, the control.
    let deviations = |estimator| {
        let mut layer = layer(Some(Mode::Backward), estimator, 0.5);
        let steps = 2_000;
        let (mut sum, mut squares) = (vec![0.0; expected.len()], vec![0.0; expected.len()]);
        for step in 0..steps {
            let context =
                StepContext { training: Some((Stream::new(9, "run"), step)), ..context() };
            layer.forward(&context, &x);
            assert_eq!(layer.output(), exact.output());
            layer.backward(&context, &x, &dy, true);
            for (i, value) in dense_weight_gradient(&mut layer).into_iter().enumerate() {
                sum[i] += f64::from(value);
                squares[i] += f64::from(value).powi(2);
            }
        }
        let count = steps as f64;
        (0..expected.len())
            .map(|i| {
                let mean = sum[i] / count;
                let error = ((squares[i] / count - mean * mean).max(1e-12) / count).sqrt();
                (mean - f64::from(expected[i])).abs() / error
            })
            .fold(0.0, f64::max)
    };
    assert!(deviations(Estimator::Bernoulli) < 5.0);
    assert!(deviations(Estimator::TopK) > 50.0, "the control is rejected");
}

#[test]
fn a_selection_is_kept_for_some_steps_and_trials_do_not_touch_it() {
    let mut layer = layer(Some(Mode::Forward), Estimator::Bernoulli, 0.5);
    layer.policy.as_mut().unwrap().keep_for = 3;
    let at = |step| StepContext { training: Some((Stream::new(9, "run"), step)), ..context() };
    let mut selections = Vec::new();
    for step in 1..8 {
        let x = numbers(step, BATCH, INPUTS);
        layer.forward(&StepContext { trial: Some(0), ..at(step) }, &x);
        let trial = layer.features.selection().cloned().unwrap();
        layer.forward(&at(step), &x);
        selections.push(layer.features.selection().cloned().unwrap());
        assert_ne!(Some(&trial), selections.last(), "step {step}");
        let exact = StepContext { sampling: StepSampling::Nothing, ..at(step) };
        layer.forward(&exact, &x);
        assert_eq!(layer.features.selection(), None);
    }
    let changes: Vec<bool> = selections.windows(2).map(|two| two[0] != two[1]).collect();
    // Steps 1 and 2, 3 to 5, 6 and 7.
    assert_eq!(changes, [false, true, false, false, true, false]);
}

#[test]
fn in_the_backward_mode_outputs_are_kept_and_samples_are_not() {
    let mut layer = layer(Some(Mode::Backward), Estimator::Bernoulli, 0.5);
    layer.policy.as_mut().unwrap().keep_for = 2;
    let mut selections = Vec::new();
    for step in 0..4 {
        let context = StepContext { training: Some((Stream::new(9, "run"), step)), ..context() };
        let (x, dy) = (numbers(step, BATCH, INPUTS), numbers(step + 9, BATCH, OUTPUTS));
        layer.forward(&context, &x);
        layer.backward(&context, &x, &dy, true);
        selections.push([&layer.outputs_kept, &layer.samples].map(|s| s.selection().cloned()));
    }
    let changes = |of: usize| selections.windows(2).map(move |two| two[0][of] != two[1][of]);
    assert_eq!(changes(0).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(changes(1).collect::<Vec<_>>(), [true; 3]);
}

#[test]
fn a_budget_of_all_features_is_the_exact_layer_bit_for_bit() {
    let (x, dy) = (numbers(1, BATCH, INPUTS), numbers(2, BATCH, OUTPUTS));
    let mut exact = layer(None, Estimator::TopK, 1.0);
    exact.forward(&context(), &x);
    exact.backward(&context(), &x, &dy, true);
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        let mut sampled = layer(Some(mode), Estimator::ColumnRow, 1.0);
        sampled.forward(&context(), &x);
        sampled.backward(&context(), &x, &dy, true);
        assert_eq!(sampled.output(), exact.output());
        assert_eq!(sampled.input_gradient(), exact.input_gradient());
        assert_eq!(dense_weight_gradient(&mut sampled), dense_weight_gradient(&mut exact));
    }
}

#[test]
fn an_update_leaves_the_norms_that_would_be_computed_anew() {
    let mut layer = layer(Some(Mode::Forward), Estimator::TopK, 0.4);
    let (x, dy) = (numbers(1, BATCH, INPUTS), numbers(2, BATCH, OUTPUTS));
    layer.forward(&context(), &x);
    layer.backward(&context(), &x, &dy, true);
    let before = layer.features.right_norms.clone();
    let adam = crate::optimizer::OptimizerConfig::Adam { learning_rate: 0.1 };
    let mut optimizer = crate::optimizer::Optimizer::new(adam, context().set);
    optimizer.begin_step();
    layer.visit_parameters(&mut |parameter| optimizer.update(parameter));
    assert!(layer.weight_norms_valid);
    let kept = layer.features.right_norms.clone();
    assert_ne!(kept, before, "the weights have changed");
    let weight = kernels::MatrixView::row_major(&layer.weight, INPUTS, OUTPUTS);
    assert_eq!(kept, kernels::scores::row_norms(weight));
    // A visit that may have changed anything makes them doubtful.
    layer.visit_parameters(&mut |_| {});
    assert!(!layer.weight_norms_valid);
}

#[test]
fn inputs_of_zeros_are_multiplied_exactly() {
    let mut layer = layer(Some(Mode::Forward), Estimator::Bernoulli, 0.2);
    layer.forward(&context(), &Matrix::zeros(BATCH, INPUTS));
    assert_eq!(layer.output().row(0), &layer.bias[..]);
}

#[test]
fn scores_by_weights_select_the_largest_rows_whatever_the_input() {
    let mut layer = layer(Some(Mode::Forward), Estimator::TopK, 0.1);
    for (input, size) in [(20, 9.0), (4, 8.0), (11, 7.0)] {
        layer.weight[input * OUTPUTS..][..OUTPUTS].fill(size);
    }
    let mut x = numbers(1, BATCH, INPUTS);
    for row in x.data_mut().chunks_exact_mut(INPUTS) {
        row[0] = 1e4;
    }
    layer.forward(&context(), &x);
    assert!(layer.features.selection().unwrap().indices().contains(&0), "both norms");
    layer.policy.as_mut().unwrap().scores = Scores::Weights;
    layer.forward(&context(), &x);
    assert_eq!(layer.features.selection().unwrap().indices(), [4, 11, 20]);
}

#[test]
fn without_biases_the_output_is_the_product() {
    let mut layer = layer(None, Estimator::TopK, 1.0).without_bias();
    let x = numbers(1, BATCH, INPUTS);
    layer.forward(&context(), &x);
    let weight = layer.weight.clone();
    let expected = product(
        (BATCH, INPUTS, OUTPUTS),
        |_| 1.0,
        |row, inner| x.row(row)[inner],
        |inner, column| weight[inner * OUTPUTS + column],
    );
    assert_close(layer.output().data(), &expected, "output");
    layer.backward(&context(), &x, &numbers(2, BATCH, OUTPUTS), true);
    let (mut parameters, mut names) = (0, Vec::new());
    layer.visit_parameters(&mut |_| parameters += 1);
    layer.visit_state(&mut |name, _| names.push(name.to_owned()));
    assert_eq!((parameters, names), (1, vec!["layer.weight".to_owned()]));
}
