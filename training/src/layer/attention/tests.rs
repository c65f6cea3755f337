//! The layers against the equations and their finite differences in f64.

use super::*;
use crate::layer::StepReport;
use crate::memory::Memory;
use crate::sampling::{Mode, SamplingPolicy};
use kernels::Estimator;
use kernels::random::standard_normal;
use testing::assert_same_bits;

const STEPS: usize = 5;
const SEQUENCES: usize = 2;
const HEADS: usize = 3;
/// Numbers of a token in a head.
const HEAD: usize = 4;
const WIDTH: usize = HEADS * HEAD;
const ROWS: usize = STEPS * SEQUENCES;

fn numbers(seed: u64, rows: usize, columns: usize) -> Matrix {
    let mut rng = Stream::new(seed, "attention").at(0);
    let data = (0..rows * columns).map(|_| standard_normal(&mut rng) as f32).collect();
    Matrix::from_rows(rows, columns, data)
}

fn context(set: InstructionSet) -> StepContext<'static> {
    StepContext::training(set, Stream::new(1, "run"), 0)
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

/// What the equations have, and nearly that.
#[derive(Clone, Copy)]
struct Equations {
    /// Later tokens that a token looks at.
    ahead: usize,
    /// What the square root is taken of.
    scaled_by: f64,
    /// The row of a token.
    row: fn(usize, usize) -> usize,
}

const RIGHT: Equations = Equations {
    ahead: 0,
    scaled_by: HEAD as f64,
    row: |step, sequence| step * SEQUENCES + sequence,
};
const WRONG: [(&str, Equations); 3] = [
    ("one token ahead", Equations { ahead: 1, ..RIGHT }),
    ("scaled by all heads", Equations { scaled_by: WIDTH as f64, ..RIGHT }),
    ("sequence by sequence", Equations { row: |step, sequence| sequence * STEPS + step, ..RIGHT }),
];

impl Equations {
    /// Equations 1 and 4, token by token.
    fn attention(self, x: &[f64]) -> Vec<f64> {
        let mut output = vec![0.0; ROWS * WIDTH];
        for sequence in 0..SEQUENCES {
            for head in 0..HEADS {
                let of = |part: usize, step: usize| -> &[f64] {
                    let start = (self.row)(step, sequence) * 3 * WIDTH;
                    &x[start + part * WIDTH + head * HEAD..][..HEAD]
                };
                for step in 0..STEPS {
                    let seen = 0..(step + 1 + self.ahead).min(STEPS);
                    let score = |other: usize| -> f64 {
                        let terms = of(0, step).iter().zip(of(1, other)).map(|(q, k)| q * k);
                        (terms.sum::<f64>() / self.scaled_by.sqrt()).exp()
                    };
                    let sum: f64 = seen.clone().map(score).sum();
                    let to = &mut output[(self.row)(step, sequence) * WIDTH + head * HEAD..];
                    for other in seen {
                        let share = score(other) / sum;
                        to.iter_mut().zip(of(2, other)).for_each(|(y, v)| *y += share * v);
                    }
                }
            }
        }
        output
    }

    /// Central differences of the output times `dy`.
    fn slopes(self, x: &[f64], dy: &[f64]) -> Vec<f64> {
        const STEP: f64 = 1e-5;
        let at = |place: usize, step: f64| -> f64 {
            let mut moved = x.to_vec();
            moved[place] += step;
            self.attention(&moved).iter().zip(dy).map(|(y, dy)| y * dy).sum()
        };
        (0..x.len()).map(|place| (at(place, STEP) - at(place, -STEP)) / (2.0 * STEP)).collect()
    }
}

fn error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors = found.iter().zip(expected).map(|(x, y)| (f64::from(*x) - y).abs());
    errors.fold(0.0, f64::max)
}

#[test]
fn output_and_gradient_are_those_of_the_equations_and_of_none_that_are_nearly_right() {
    let (x, dy) = (numbers(1, ROWS, 3 * WIDTH), numbers(2, ROWS, WIDTH));
    let mut layer = CausalAttention::new(STEPS, HEADS);
    let context = context(InstructionSet::detect());
    layer.forward(&context, &x);
    let output = layer.output().clone();
    layer.backward(&context, &x, &dy, true);
    let (x, dy) = (wide(x.data()), wide(dy.data()));
    let errors = |equations: Equations| {
        let of_output = error(output.data(), &equations.attention(&x));
        [of_output, error(layer.input_gradient().data(), &equations.slopes(&x, &dy))]
    };
    let found = errors(RIGHT);
    assert!(found.iter().all(|error| *error < 1e-5), "{found:?}");
    for (what, equations) in WRONG {
        let found = errors(equations);
        assert!(found.iter().all(|error| *error > 0.01), "{what}: {found:?}");
    }
}

/// The rows of the output that a changed token changes.
fn changed_by(step: usize, forward: impl Fn(&Matrix) -> Matrix) -> Vec<usize> {
    let x = numbers(1, ROWS, 3 * WIDTH);
    let mut other = x.clone();
    other.data_mut()[RIGHT.row_range(step)].iter_mut().for_each(|x| *x += 1.0);
    let (one, other) = (forward(&x), forward(&other));
    (0..ROWS).filter(|&row| one.row(row) != other.row(row)).collect()
}

impl Equations {
    /// The numbers of the input of the second sequence at a time step.
    fn row_range(self, step: usize) -> std::ops::Range<usize> {
        let start = (self.row)(step, 1) * 3 * WIDTH;
        start..start + 3 * WIDTH
    }
}

#[test]
fn no_output_knows_of_a_later_token_or_of_another_sequence() {
    let layer = |x: &Matrix| {
        let mut layer = CausalAttention::new(STEPS, HEADS);
        layer.forward(&context(InstructionSet::detect()), x);
        layer.output().clone()
    };
    let looking_ahead = |x: &Matrix| {
        let y = WRONG[0].1.attention(&wide(x.data()));
        Matrix::from_rows(ROWS, WIDTH, y.into_iter().map(|y| y as f32).collect())
    };
    for step in 0..STEPS {
        let later =
            |from: usize| (from..STEPS).map(|step| step * SEQUENCES + 1).collect::<Vec<_>>();
        assert_eq!(changed_by(step, layer), later(step));
        // The control: a mask that is off by one lets the token before see this one.
        assert_eq!(changed_by(step, looking_ahead), later(step.saturating_sub(1)));
    }
}

#[test]
fn softmax_of_a_row_sums_to_one_wherever_it_lies_and_keeps_what_is_no_number() {
    let set = InstructionSet::detect();
    for (row, expected) in [
        (vec![1e30, -1e30, 0.0], vec![1.0, 0.0, 0.0]),
        (vec![-1e30; 40], vec![1.0 / 40.0; 40]),
        (vec![7.5], vec![1.0]),
    ] {
        let mut found = row.clone();
        softmax(set, 0.5, &mut found);
        let difference = found.iter().zip(&expected).map(|(x, y): (&f32, &f32)| (x - y).abs());
        assert!(difference.fold(0.0, f32::max) < 1e-7, "{row:?}: {found:?}");
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        let mut row = vec![0.0; 20];
        row[17] = wrong;
        softmax(set, 0.5, &mut row);
        assert!(row.iter().all(|x| x.is_nan()), "{row:?}");
    }
}

/// An attention with projections whose layers have these policies.
fn projected(policies: &LayerPolicies) -> Chain {
    self_attention("block1.attention", (STEPS, WIDTH, HEADS), policies, Stream::new(3, "layer"))
}

fn policies(ratio: f64, mode: Mode) -> LayerPolicies {
    LayerPolicies::uniform(Some(SamplingPolicy::new(Estimator::TopK, ratio, 1, mode)))
}

/// Output, input gradient and all gradients of parameters.
fn pass(layer: &mut Chain, context: &StepContext) -> (Matrix, Matrix, Vec<Vec<f32>>) {
    let (x, dy) = (numbers(1, ROWS, WIDTH), numbers(2, ROWS, WIDTH));
    layer.forward(context, &x);
    let output = layer.output().clone();
    layer.backward(context, &x, &dy, true);
    let mut input_gradient = Matrix::default();
    match layer.input_gradient().channels() {
        None => input_gradient = layer.input_gradient().clone(),
        Some(_) => layer.input_gradient().expand_into(None, &mut input_gradient),
    }
    let mut gradients = Vec::new();
    layer.visit_parameters(&mut |parameter| {
        let mut gradient = Vec::new();
        parameter.append_gradient(&mut gradient);
        gradients.push(gradient);
    });
    (output, input_gradient, gradients)
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    for policies in
        [LayerPolicies::default(), policies(0.5, Mode::Forward), policies(0.5, Mode::Backward)]
    {
        assert_same_bits(&[1, 2, 4], |set| pass(&mut projected(&policies), &context(set)));
    }
}

#[test]
fn gradients_of_the_projected_attention_agree_with_finite_differences() {
    let context = context(InstructionSet::detect());
    for policies in [LayerPolicies::default(), policies(0.5, Mode::Forward)] {
        let mut layer = projected(&policies);
        let (_, dx, gradients) = pass(&mut layer, &context);
        let dy = numbers(2, ROWS, WIDTH);
        let loss = |x: &Matrix, layer: &mut Chain| -> f64 {
            layer.forward(&context, x);
            let terms = layer.output().data().iter().zip(dy.data());
            terms.map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum()
        };
        // Sampled, the same features are kept on either side of so small a step.
        const STEP: f32 = 2e-3;
        let x = numbers(1, ROWS, WIDTH);
        for place in (0..x.data().len()).step_by(7) {
            let mut at = |step: f32| {
                let mut moved = x.clone();
                moved.data_mut()[place] += step;
                loss(&moved, &mut layer)
            };
            let slope = (at(STEP) - at(-STEP)) / (2.0 * f64::from(STEP));
            let found = f64::from(dx.data()[place]);
            assert!((slope - found).abs() < 3e-3, "input {place}: {found} and {slope}");
        }
        for (which, gradient) in gradients.iter().enumerate() {
            for place in (0..gradient.len()).step_by(11) {
                let mut at = |step: f32| {
                    change(&mut layer, which, place, step);
                    let loss = loss(&x, &mut layer);
                    change(&mut layer, which, place, -step);
                    loss
                };
                let slope = (at(STEP) - at(-STEP)) / (2.0 * f64::from(STEP));
                let found = f64::from(gradient[place]);
                assert!((slope - found).abs() < 3e-3, "{which}, {place}: {found} and {slope}");
            }
        }
    }
}

/// Moves a number of a parameter.
fn change(layer: &mut Chain, which: usize, place: usize, step: f32) {
    let mut next = 0;
    layer.visit_parameters(&mut |parameter| {
        if next == which {
            parameter.values[place] += step;
        }
        next += 1;
    });
}

#[test]
fn the_projections_are_sampled_by_name_and_the_products_inside_are_exact() {
    let counted = |policies: &LayerPolicies| {
        let report = StepReport::default();
        pass(&mut projected(policies), &context(InstructionSet::detect()).reporting_to(&report));
        report.take_computations()
    };
    let (rows, width) = (ROWS as u64, WIDTH as u64);
    // Both products of T x T x d / h, forward once and backward twice.
    let inside = 3 * 2 * (SEQUENCES * HEADS * STEPS * STEPS * HEAD) as u64;
    let (qkv, projection) = (3 * rows * width * 3 * width, 3 * rows * width * width);
    let exact = counted(&LayerPolicies::default());
    assert_eq!((exact.performed, exact.exact), (exact.exact, qkv + projection + inside));
    let half = counted(&policies(0.5, Mode::Forward));
    assert_eq!(half.exact, exact.exact);
    assert_eq!(half.performed, (qkv + projection) / 2 + inside);
    let mut named = policies(0.5, Mode::Forward);
    named.never = vec!["block1.attention.qkv".to_owned()];
    assert_eq!(counted(&named).performed, qkv + projection / 2 + inside);
}

#[test]
fn memory_is_given_back() {
    let memory = Memory::default();
    let context = StepContext { memory: Some(&memory), ..context(InstructionSet::detect()) };
    let (x, dy) = (numbers(1, ROWS, 3 * WIDTH), numbers(2, ROWS, WIDTH));
    let mut layer = CausalAttention::new(STEPS, HEADS);
    for needed in [true, false] {
        memory.begin_step();
        layer.forward(&context, &x);
        layer.keep(&context, Demand::GRADIENT);
        layer.backward(&context, &x, &dy, needed);
        layer.release_input_gradient(&context);
        memory.begin_backward();
        assert_eq!(memory.stored_bytes(), 0, "{needed}");
    }
    let evaluation = StepContext { training: None, ..context };
    layer.forward(&evaluation, &x);
    layer.keep(&evaluation, Demand::GRADIENT);
    memory.begin_backward();
    assert_eq!(memory.stored_bytes(), 0, "nothing is kept of an evaluation");
    layer.forward(&context, &x);
    memory.begin_backward();
    let probabilities = 4 * SEQUENCES * HEADS * STEPS * STEPS;
    assert!(memory.stored_bytes() >= probabilities + 4 * ROWS * WIDTH, "they are seen");
}

#[test]
#[should_panic = "attention over 5 steps: rows"]
fn rows_that_are_not_of_whole_texts_are_refused() {
    let context = context(InstructionSet::detect());
    CausalAttention::new(STEPS, HEADS).forward(&context, &Matrix::zeros(ROWS + 1, 3 * WIDTH));
}
