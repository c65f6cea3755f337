//! After the first steps, a training step allocates nothing.

use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use rayon::ThreadPoolBuilder;
use training::layer::Context;
use training::loss::softmax_cross_entropy;
use training::matrix::Matrix;
use training::network::mlp;
use training::optimizer::{Optimizer, OptimizerConfig};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

const BATCH: usize = 50;

/// Allocations of each of some steps, after a few others, on the calling thread.
fn allocations(policy: Option<SamplingPolicy>) -> u64 {
    let set = InstructionSet::detect();
    let stream = Stream::new(1, "allocations");
    let mut network =
        mlp(784, &[120, 100], 10, 0.1).build(&LayerPolicies::uniform(policy), stream).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::Adam { learning_rate: 1e-3 }, set);
    let pixels = (0..BATCH * 784).map(|i| (i % 97) as f32 / 97.0).collect();
    let input = Matrix::from_rows(BATCH, 784, pixels);
    let labels: Vec<u16> = (0..BATCH).map(|i| (i % 10) as u16).collect();
    let mut gradient = Matrix::default();
    let mut step = |number: u64| {
        let context = Context { set, training: Some((stream, number)) };
        let logits = network.forward(&context, &input);
        softmax_cross_entropy(logits, &labels, &mut gradient);
        network.backward(&context, &input, &gradient);
        network.update(&mut optimizer);
    };
    // The number of pairs kept changes from step to step; memory grows to the largest soon.
    (0..20).for_each(&mut step);
    allocation_counter::measure(|| (20..40).for_each(&mut step)).count_total
}

/// The estimators for comparison, whose designs are tables made anew for every draw.
fn allocates(estimator: &Estimator) -> bool {
    use Estimator::{ConditionalPoisson, Systematic, WinnerTakeAll};
    matches!(estimator, WinnerTakeAll | Systematic | ConditionalPoisson)
}

#[test]
fn a_step_allocates_nothing_after_the_first_ones() {
    // One thread, and it is this one: allocations are counted by thread.
    let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
    pool.install(|| {
        assert_eq!(allocations(None), 0, "exact");
        for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
            for estimator in Estimator::ALL.into_iter().filter(|estimator| !allocates(estimator)) {
                let policy = SamplingPolicy { estimator, ratio: 0.3, minimal_k: 10, mode };
                assert_eq!(allocations(Some(policy)), 0, "{estimator}, {mode:?}");
            }
        }
    });
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 100])));
    assert_eq!(counted.count_total, 1, "an allocation is seen");
}
