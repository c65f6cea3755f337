//! The layer beside its definition in f64.

use super::*;
use crate::sampling::Mode;
use kernels::{Estimator, InstructionSet};
use testing::assert_same_bits;

const SHAPE: LstmShape = LstmShape { inputs: 3, units: 4, steps: 5, sequences: 2 };
const ROWS: usize = SHAPE.steps * SHAPE.sequences;

fn stream() -> Stream {
    Stream::new(3, "lstm")
}

fn numbers(name: &str, count: usize) -> Vec<f32> {
    uniform_within(1.0, count, stream().child(name))
}

fn layer(shape: LstmShape) -> Lstm {
    sampled_layer(shape, None)
}

fn sampled_layer(shape: LstmShape, policy: Option<SamplingPolicy>) -> Lstm {
    let mut layer = Lstm::new("lstm", shape, 0.8, policy, stream());
    layer.visit_state(&mut |name, values| {
        if name == "lstm.inputs.bias" {
            values.copy_from_slice(&numbers("bias", 4 * shape.units));
        }
    });
    layer
}

/// W, with the rows of the inputs before those of the units, and the biases.
fn weights_and_biases(layer: &mut Lstm) -> [Vec<f32>; 2] {
    in_order(|visit| layer.visit_state(visit))
}

/// The gradients of the same.
fn gradients(layer: &mut Lstm) -> [Vec<f32>; 2] {
    in_order(|visit| {
        layer.visit_parameters(&mut |parameter| {
            let (name, mut gradient) = (parameter.name.to_string(), Vec::new());
            parameter.append_gradient(&mut gradient);
            visit(&name, &mut gradient);
        });
    })
}

fn in_order(tell: impl FnOnce(&mut dyn FnMut(&str, &mut [f32]))) -> [Vec<f32>; 2] {
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    let names = ["lstm.inputs.weight", "lstm.weight", "lstm.inputs.bias"];
    tell(&mut |name, values| {
        let place = names.iter().position(|known| *known == name).unwrap();
        found[place].extend_from_slice(values);
    });
    let [of_inputs, recurrent, biases] = found;
    [[of_inputs, recurrent].concat(), biases]
}

fn training(continues: bool) -> StepContext<'static> {
    let context = StepContext::training(InstructionSet::detect(), stream(), 0);
    StepContext { continues, ..context }
}

/// What a definition in f64 begins with, and ends with: outputs and cells of every sequence.
type Memory = Vec<[Vec<f64>; 2]>;

fn empty(shape: LstmShape) -> Memory {
    vec![[vec![0.0; shape.units], vec![0.0; shape.units]]; shape.sequences]
}

/// All outputs by the equations, sequence after sequence; `order` is of the gates i, f, o, g.
fn defined(
    shape: LstmShape,
    [weight, bias, input]: [&[f64]; 3],
    memory: &mut Memory,
    order: [usize; 4],
) -> Vec<f64> {
    let LstmShape { inputs, units, steps, sequences } = shape;
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut outputs = vec![0.0; steps * sequences * units];
    for (sequence, [h, c]) in memory.iter_mut().enumerate() {
        for step in 0..steps {
            let row = step * sequences + sequence;
            let features = [&input[row * inputs..][..inputs], h].concat();
            let sum = |gate: usize, unit: usize| {
                let column = order[gate] * units + unit;
                let products = features.iter().enumerate();
                let sum: f64 = products.map(|(i, x)| x * weight[i * 4 * units + column]).sum();
                sum + bias[column]
            };
            let gates: Vec<[f64; 4]> =
                (0..units).map(|unit| [0, 1, 2, 3].map(|gate| sum(gate, unit))).collect();
            for (unit, [i, f, o, g]) in gates.into_iter().enumerate() {
                c[unit] = logistic(f) * c[unit] + logistic(i) * g.tanh();
                h[unit] = logistic(o) * c[unit].tanh();
            }
            outputs[row * units..][..units].copy_from_slice(h);
        }
    }
    outputs
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

fn largest_difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    pairs.map(|(&x, y)| (f64::from(x) - y).abs()).fold(0.0, f64::max)
}

const ORDER: [usize; 4] = [0, 1, 2, 3];
/// f32 and the series of exp leave less; every control leaves more.
const CLOSE: f64 = 2e-6;

#[test]
fn outputs_are_those_of_the_equations_and_of_no_other_order_of_gates() {
    let mut layer = layer(SHAPE);
    let input = numbers("input", ROWS * SHAPE.inputs);
    layer.forward(&training(false), &Matrix::from_rows(ROWS, SHAPE.inputs, input.clone()));
    let [weights, biases] = weights_and_biases(&mut layer);
    let parts = [weights, biases, input].map(|part| wide(&part));
    let parts = [&parts[0][..], &parts[1], &parts[2]];
    let difference = |order| {
        let expected = defined(SHAPE, parts, &mut empty(SHAPE), order);
        largest_difference(layer.output().data(), &expected)
    };
    assert!(difference(ORDER) < CLOSE, "{}", difference(ORDER));
    for exchanged in [[1, 0, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2], [3, 1, 2, 0]] {
        assert!(difference(exchanged) > 1e3 * CLOSE, "{exchanged:?}");
    }
}

#[test]
fn gradients_agree_with_finite_differences_in_f64() {
    // What the second window begins with is a constant to it: it is taken from f64, too.
    let mut layer = layer(SHAPE);
    let input = numbers("input", 2 * ROWS * SHAPE.inputs);
    let weights = numbers("outputs", ROWS * SHAPE.units);
    let [one, two] = [0, 1].map(|window| {
        let part = &input[window * ROWS * SHAPE.inputs..][..ROWS * SHAPE.inputs];
        Matrix::from_rows(ROWS, SHAPE.inputs, part.to_vec())
    });
    layer.forward(&training(false), &one);
    let begun = layer.training.clone();
    layer.forward(&training(true), &two);
    let of_outputs = Matrix::from_rows(ROWS, SHAPE.units, weights.clone());
    layer.backward(&training(true), &two, &of_outputs, true);
    let memory = |carried: &Carried| -> Memory {
        let rows = carried.output.chunks_exact(SHAPE.units);
        rows.zip(carried.cells.chunks_exact(SHAPE.units)).map(|(h, c)| [wide(h), wide(c)]).collect()
    };
    let value = |parts: [&[f64]; 3]| -> f64 {
        let outputs = defined(SHAPE, parts, &mut memory(&begun), ORDER);
        outputs.iter().zip(&weights).map(|(x, &weight)| x * f64::from(weight)).sum()
    };
    let [of_weights, of_biases] = weights_and_biases(&mut layer);
    let parts = [&of_weights[..], &of_biases, two.data()].map(wide);
    let mut found = gradients(&mut layer).concat();
    found.extend_from_slice(layer.input_gradient().data());
    let mut place = 0;
    let mut worst = 0.0f64;
    for part in 0..3 {
        for element in 0..parts[part].len() {
            let at = |step: f64| {
                let mut moved = parts.clone();
                moved[part][element] += step;
                value([&moved[0], &moved[1], &moved[2]])
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            worst = worst.max((slope - f64::from(found[place])).abs());
            place += 1;
        }
    }
    assert_eq!(place, found.len());
    assert!(worst < 1e-5, "{worst}");
    // Had the window begun with zeros, the gradients would be others.
    let mut forgetful = self::layer(SHAPE);
    forgetful.forward(&training(false), &two);
    forgetful.backward(&training(false), &two, &of_outputs, true);
    let others = gradients(&mut forgetful).concat();
    let apart = found.iter().zip(&others).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(apart > 1e-2, "{apart}");
}

#[test]
fn two_windows_are_one_long_one() {
    let long = LstmShape { steps: 2 * SHAPE.steps, ..SHAPE };
    let input = numbers("input", 2 * ROWS * SHAPE.inputs);
    let mut whole = layer(long);
    whole.forward(&training(false), &Matrix::from_rows(2 * ROWS, SHAPE.inputs, input.clone()));
    let mut windows = layer(SHAPE);
    let window = |part: usize| {
        let numbers = &input[part * ROWS * SHAPE.inputs..][..ROWS * SHAPE.inputs];
        Matrix::from_rows(ROWS, SHAPE.inputs, numbers.to_vec())
    };
    windows.forward(&training(false), &window(0));
    let carried = windows.training.clone();
    // An evaluation in between has a memory of its own, and a rehearsal none.
    windows.forward(&StepContext::evaluation(InstructionSet::detect()), &window(1));
    windows.forward(&StepContext { is_rehearsal: true, ..training(true) }, &window(1));
    assert_eq!(windows.training.output, carried.output);
    let second = &whole.output().data()[ROWS * SHAPE.units..];
    windows.forward(&training(true), &window(1));
    assert_eq!(windows.output().data(), second);
    windows.forward(&training(false), &window(1));
    assert_ne!(windows.output().data(), second);
}

#[test]
fn neither_threads_nor_instruction_sets_change_a_bit() {
    let shape = LstmShape { inputs: 70, units: 65, steps: 6, sequences: 9 };
    let rows = shape.steps * shape.sequences;
    let input = Matrix::from_rows(rows, 70, numbers("input", rows * 70));
    let gradient = Matrix::from_rows(rows, 65, numbers("gradient", rows * 65));
    assert_same_bits(&[1, 2, 4], |set| {
        let mut layer = layer(shape);
        let context = StepContext::training(set, stream(), 0);
        layer.forward(&context, &input);
        layer.backward(&context, &input, &gradient, true);
        let mut found = layer.output().data().to_vec();
        layer.visit_parameters(&mut |parameter| parameter.append_gradient(&mut found));
        found.extend_from_slice(layer.input_gradient().data());
        found.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    });
}

#[test]
fn multiply_adds_are_those_of_the_products() {
    let report = crate::layer::StepReport::default();
    let context = training(false).reporting_to(&report);
    let mut layer = layer(SHAPE);
    let input = Matrix::from_rows(ROWS, SHAPE.inputs, numbers("input", ROWS * SHAPE.inputs));
    layer.forward(&context, &input);
    let columns = (4 * SHAPE.units) as u64;
    let forward = (ROWS * (SHAPE.inputs + SHAPE.units)) as u64 * columns;
    assert_eq!(report.take_computations().performed, forward);
    let gradient = Matrix::from_rows(ROWS, SHAPE.units, numbers("outputs", ROWS * SHAPE.units));
    layer.backward(&context, &input, &gradient, true);
    // No gradient goes back before the first step.
    let first = (SHAPE.sequences * SHAPE.units) as u64 * columns;
    assert_eq!(report.take_computations().performed, 2 * forward - first);
}

/// Top-k of half of the inputs, in a mode.
fn half(mode: Mode) -> SamplingPolicy {
    SamplingPolicy::new(Estimator::TopK, 0.5, 1, mode)
}

#[test]
fn a_sampled_layer_is_the_exact_one_without_the_inputs_left_out() {
    let shape = LstmShape { inputs: 6, ..SHAPE };
    let input = Matrix::from_rows(ROWS, 6, numbers("input", ROWS * 6));
    let of_outputs = Matrix::from_rows(ROWS, shape.units, numbers("outputs", ROWS * shape.units));
    let report = crate::layer::StepReport::default();
    let context = training(false).reporting_to(&report);
    let mut sampled = sampled_layer(shape, Some(half(Mode::Forward)));
    sampled.forward(&context, &input);
    let kept: Vec<usize> =
        sampled.demand().reads.unwrap().indices.iter().map(|&i| i as usize).collect();
    assert_eq!(kept.len(), 3);
    sampled.backward(&context, &input, &of_outputs, true);
    let columns = (4 * shape.units) as u64;
    let recurrent = (3 * ROWS - shape.sequences) as u64 * shape.units as u64 * columns;
    let of_inputs = 3 * (ROWS * kept.len()) as u64 * columns;
    assert_eq!(report.take_computations().performed, recurrent + of_inputs);

    let mut exact = layer(shape);
    exact.visit_state(&mut |name, values| {
        let rows = values.chunks_exact_mut(columns as usize).enumerate();
        if name == "lstm.inputs.weight" {
            rows.filter(|(row, _)| !kept.contains(row)).for_each(|(_, row)| row.fill(0.0));
        }
    });
    exact.forward(&training(false), &input);
    let apart = |one: &[f32], other: &[f32]| {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
    };
    assert!(apart(sampled.output().data(), exact.output().data()) < 1e-6);
    exact.backward(&training(false), &input, &of_outputs, true);
    let [[found, of_biases], [mut expected, biases]] = [&mut sampled, &mut exact].map(gradients);
    // What was not read has no gradient, in the weights as in the inputs.
    let rows = expected.chunks_exact_mut(columns as usize).take(6).enumerate();
    rows.filter(|(row, _)| !kept.contains(row)).for_each(|(_, row)| row.fill(0.0));
    assert!(apart(&found, &expected) < 1e-5 && apart(&of_biases, &biases) < 1e-5);
    let gradient = sampled.input_gradient();
    for row in 0..ROWS {
        for (place, &feature) in kept.iter().enumerate() {
            let expected = exact.input_gradient().row(row)[feature];
            let found = gradient.data()[row * kept.len() + place];
            assert!((found - expected).abs() < 1e-5, "{row} {feature}");
        }
    }
    // With other inputs left out it would be another layer.
    let mut whole = layer(shape);
    whole.forward(&training(false), &input);
    assert!(apart(sampled.output().data(), whole.output().data()) > 1e-2);
}

#[test]
fn a_policy_that_keeps_all_inputs_changes_no_bit() {
    let input = Matrix::from_rows(ROWS, SHAPE.inputs, numbers("input", ROWS * SHAPE.inputs));
    let of_outputs = Matrix::from_rows(ROWS, SHAPE.units, numbers("outputs", ROWS * SHAPE.units));
    let run = |policy| {
        let mut layer = sampled_layer(SHAPE, policy);
        layer.forward(&training(false), &input);
        layer.backward(&training(false), &input, &of_outputs, true);
        [layer.output().data().to_vec(), layer.input_gradient().data().to_vec()]
            .concat()
            .into_iter()
            .chain(gradients(&mut layer).concat())
            .map(f32::to_bits)
            .collect::<Vec<_>>()
    };
    let exact = run(None);
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        let policy = SamplingPolicy { ratio: 1.0, ..half(mode) };
        assert_eq!(run(Some(policy)), exact, "{mode:?}");
        assert_ne!(run(Some(half(mode))), exact, "{mode:?}");
    }
}
