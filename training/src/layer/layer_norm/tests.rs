//! The layer against the formula and its finite differences in f64.

use super::*;
use crate::memory::Memory;
use kernels::random::{Stream, standard_normal};
use testing::assert_same_bits;

const ROWS: usize = 5;
/// More features than a task sums the parameters' gradients of.
const WIDTH: usize = FEATURES + 6;

fn numbers(seed: u64) -> Matrix {
    let mut rng = Stream::new(seed, "layer-norm").at(0);
    let mut draw = |i: usize| (1.5 + standard_normal(&mut rng)) as f32 * (1 + i % 3) as f32;
    Matrix::from_rows(ROWS, WIDTH, (0..ROWS * WIDTH).map(&mut draw).collect())
}

fn layer() -> LayerNorm {
    let mut layer = LayerNorm::new("norm", WIDTH);
    layer.gain = (0..WIDTH).map(|i| 1.5 - 0.04 * i as f32).collect();
    layer.shift = (0..WIDTH).map(|i| 0.01 * i as f32 - 0.3).collect();
    layer
}

fn context(set: InstructionSet) -> StepContext<'static> {
    StepContext::training(set, Stream::new(1, "run"), 0)
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

/// Input, gain and shift.
type Factors = [Vec<f64>; 3];

/// Equation 4, with the sum of squares divided by d less `fewer`.
fn naive([x, gain, shift]: &Factors, fewer: f64) -> Vec<f64> {
    let row = |x: &[f64]| -> Vec<f64> {
        let count = x.len() as f64;
        let mean = x.iter().sum::<f64>() / count;
        let squares: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
        let deviation = (squares / (count - fewer) + 1e-5).sqrt();
        let parameters = gain.iter().zip(shift);
        x.iter().zip(parameters).map(|(x, (g, b))| g * (x - mean) / deviation + b).collect()
    };
    x.chunks(WIDTH).flat_map(row).collect()
}

/// The largest difference, in units of what was expected where that is above 1.
fn error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors =
        found.iter().zip(expected).map(|(x, y)| (f64::from(*x) - y).abs() / y.abs().max(1.0));
    errors.fold(0.0, f64::max)
}

/// Central differences of the output times `dy`, of each factor.
fn slopes(factors: &Factors, dy: &[f64], fewer: f64) -> Factors {
    const STEP: f64 = 1e-5;
    std::array::from_fn(|factor| {
        let slope = |place: usize| {
            let at = |step: f64| -> f64 {
                let mut moved = factors.clone();
                moved[factor][place] += step;
                naive(&moved, fewer).iter().zip(dy).map(|(y, dy)| y * dy).sum()
            };
            (at(STEP) - at(-STEP)) / (2.0 * STEP)
        };
        (0..factors[factor].len()).map(slope).collect()
    })
}

#[test]
fn output_and_gradients_are_those_of_the_formula_and_of_no_other_variance() {
    let (x, dy) = (numbers(1), numbers(2));
    let (mut layer, context) = (layer(), context(InstructionSet::detect()));
    layer.forward(&context, &x);
    layer.backward(&context, &x, &dy, true);
    let factors = [wide(x.data()), wide(&layer.gain), wide(&layer.shift)];
    let errors = |fewer: f64| {
        let slopes = slopes(&factors, &wide(dy.data()), fewer);
        [
            error(layer.output.data(), &naive(&factors, fewer)),
            error(layer.input_gradient.data(), &slopes[0]),
            error(&layer.gain_gradient, &slopes[1]),
            error(&layer.shift_gradient, &slopes[2]),
        ]
    };
    let found = errors(0.0);
    assert!(found.iter().all(|error| *error < 1e-5), "{found:?}");
    // The control: the unbiased variance, larger by a seventieth, which the shift does not see.
    let other = errors(1.0);
    assert!(other[..3].iter().all(|error| *error > 1e-3), "{other:?}");
}

#[test]
fn a_row_is_normalised_by_itself() {
    let (x, mut layer, context) = (numbers(1), layer(), context(InstructionSet::detect()));
    layer.forward(&context, &x);
    let whole = layer.output().clone();
    let alone = Matrix::from_rows(1, WIDTH, x.row(3).to_vec());
    layer.forward(&context, &alone);
    assert_eq!(layer.output().row(0), whole.row(3));
    let evaluation = StepContext::evaluation(InstructionSet::detect());
    layer.forward(&evaluation, &x);
    assert_eq!(layer.output(), &whole);
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    let (x, dy) = (numbers(1), numbers(2));
    assert_same_bits(&[1, 2, 4], |set| {
        let mut layer = layer();
        layer.forward(&context(set), &x);
        layer.backward(&context(set), &x, &dy, true);
        let gradients = [layer.gain_gradient, layer.shift_gradient];
        (layer.output, layer.input_gradient, gradients)
    });
}

#[test]
fn memory_is_given_back() {
    let memory = Memory::default();
    let context = StepContext { memory: Some(&memory), ..context(InstructionSet::detect()) };
    let (x, dy, mut layer) = (numbers(1), numbers(2), layer());
    memory.begin_step();
    layer.forward(&context, &x);
    layer.keep(&context, Demand::GRADIENT);
    layer.backward(&context, &x, &dy, true);
    layer.release_input_gradient(&context);
    memory.begin_backward();
    assert_eq!(memory.stored_bytes(), 0);
    layer.forward(&context, &x);
    memory.begin_backward();
    assert!(memory.stored_bytes() >= 4 * ROWS * WIDTH, "the output is seen");
}

#[test]
fn a_frozen_layer_does_not_learn() {
    let frozen = ["norm.gain", "norm.shift"].map(|name| name.to_owned().try_into().unwrap());
    let (layer, context) = (layer(), context(InstructionSet::detect()));
    assert!(layer.learns(&StepContext { frozen: &frozen[..1], ..context }));
    assert!(!layer.learns(&StepContext { frozen: &frozen, ..context }));
}
