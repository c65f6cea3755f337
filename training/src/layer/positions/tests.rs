//! The layer against its definition.

use super::*;
use crate::memory::Memory;
use kernels::InstructionSet;

const STEPS: usize = 3;
const SEQUENCES: usize = 4;
const WIDTH: usize = 5;

/// Whole numbers, so that sums are exact.
fn whole_numbers(seed: u64) -> Matrix {
    let mut rng = Stream::new(seed, "positions").at(0);
    let draw = |_| (8.0 * standard_normal(&mut rng)).round() as f32;
    let count = STEPS * SEQUENCES * WIDTH;
    Matrix::from_rows(STEPS * SEQUENCES, WIDTH, (0..count).map(draw).collect())
}

fn layer() -> Positions {
    let mut layer = Positions::new("positions", STEPS, WIDTH, Stream::new(1, "positions"));
    layer.vectors.iter_mut().for_each(|x| *x = (100.0 * *x).round());
    layer
}

fn context() -> StepContext<'static> {
    StepContext::training(InstructionSet::detect(), Stream::new(1, "run"), 0)
}

/// Which row a token has: time-major, or for the control sequence by sequence.
fn row_of(step: usize, sequence: usize, is_time_major: bool) -> usize {
    if is_time_major { step * SEQUENCES + sequence } else { sequence * STEPS + step }
}

#[test]
fn a_time_step_has_one_vector_and_its_gradient_is_a_sum_over_the_sequences() {
    let (x, dy, mut layer) = (whole_numbers(1), whole_numbers(2), layer());
    layer.forward(&context(), &x);
    layer.backward(&context(), &x, &dy, true);
    let vectors = layer.vectors.clone();
    let naive = |is_time_major: bool| {
        let (mut y, mut gradient) = (x.clone(), vec![0.0; vectors.len()]);
        for step in 0..STEPS {
            for sequence in 0..SEQUENCES {
                let row = row_of(step, sequence, is_time_major);
                for i in 0..WIDTH {
                    y.data_mut()[row * WIDTH + i] += vectors[step * WIDTH + i];
                    gradient[step * WIDTH + i] += dy.row(row)[i];
                }
            }
        }
        (y, gradient)
    };
    let found = (layer.output.clone(), layer.gradient.clone());
    assert!(found == naive(true));
    assert!(found.0 != naive(false).0 && found.1 != naive(false).1, "the other order is seen");
    assert_eq!(layer.input_gradient(), &dy);
}

#[test]
fn first_vectors_have_their_deviation() {
    let layer = Positions::new("positions", 200, 200, Stream::new(7, "positions"));
    let squares: f64 = layer.vectors.iter().map(|&x| f64::from(x).powi(2)).sum();
    let variance = squares / 40_000.0;
    let expected = DEVIATION * DEVIATION;
    assert!((variance - expected).abs() < 5.0 * expected * (2.0f64 / 40_000.0).sqrt());
}

#[test]
fn memory_is_given_back_and_no_gradient_is_computed_that_nobody_needs() {
    let memory = Memory::default();
    let context = StepContext { memory: Some(&memory), ..context() };
    let (x, dy, mut layer) = (whole_numbers(1), whole_numbers(2), layer());
    memory.begin_step();
    layer.forward(&context, &x);
    assert_eq!(layer.demand(), Demand::GRADIENT);
    layer.keep(&context, Demand::GRADIENT);
    layer.backward(&context, &x, &dy, false);
    assert_eq!(layer.input_gradient(), &Matrix::default());
    layer.backward(&context, &x, &dy, true);
    layer.release_input_gradient(&context);
    memory.begin_backward();
    assert_eq!(memory.stored_bytes(), 0);
}

#[test]
#[should_panic = "positions: rows of 3 steps"]
fn rows_that_are_not_of_whole_texts_are_refused() {
    layer().forward(&context(), &Matrix::zeros(STEPS * SEQUENCES + 1, WIDTH));
}
