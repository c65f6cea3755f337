//! After the first steps, a training step allocates nothing but the index tables of convolutions.

use allocation_counter::AllocationInfo;
use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use rayon::ThreadPoolBuilder;
use training::layer::{BatchNormSettings, Context, ImageShape, Window};
use training::loss::softmax_cross_entropy;
use training::matrix::Matrix;
use training::network::{Description, LayerDescription, mlp, wrn};
use training::optimizer::{Optimizer, OptimizerConfig};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

const BATCH: usize = 50;

/// Allocations of some steps, after a few others, on the calling thread.
fn allocations(
    description: &Description,
    features: usize,
    policy: Option<SamplingPolicy>,
) -> AllocationInfo {
    let set = InstructionSet::detect();
    let stream = Stream::new(1, "allocations");
    let mut network = description.build(&LayerPolicies::uniform(policy), stream).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::Adam { learning_rate: 1e-3 }, set);
    let pixels = (0..BATCH * features).map(|i| (i % 97) as f32 / 97.0).collect();
    let input = Matrix::from_rows(BATCH, features, pixels);
    let labels: Vec<u16> = (0..BATCH).map(|i| (i % 10) as u16).collect();
    let mut gradient = Matrix::default();
    let mut step = |number: u64| {
        let context = Context::training(set, stream, number);
        let logits = network.forward(&context, &input);
        softmax_cross_entropy(logits, &labels, &mut gradient);
        network.backward(&context, &input, &gradient);
        network.update(&mut optimizer);
    };
    // The number of pairs kept changes from step to step; memory grows to the largest soon.
    (0..20).for_each(&mut step);
    allocation_counter::measure(|| (20..40).for_each(&mut step))
}

/// Runs on one thread, and it is this one: allocations are counted by thread.
fn alone(run: impl FnOnce() + Send) {
    ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap().install(run);
}

/// The estimators for comparison, whose designs are tables made anew for every draw.
fn allocates(estimator: &Estimator) -> bool {
    use Estimator::{ConditionalPoisson, Systematic, WinnerTakeAll};
    matches!(estimator, WinnerTakeAll | Systematic | ConditionalPoisson)
}

#[test]
fn a_step_allocates_nothing_after_the_first_ones() {
    alone(|| {
        let network = mlp(784, &[120, 100], 10, 0.1);
        assert_eq!(allocations(&network, 784, None).count_total, 0, "exact");
        for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
            for estimator in Estimator::ALL.into_iter().filter(|estimator| !allocates(estimator)) {
                let policy = SamplingPolicy { estimator, ratio: 0.3, minimal_k: 10, mode };
                let counted = allocations(&network, 784, Some(policy));
                assert_eq!(counted.count_total, 0, "{estimator}, {mode:?}");
            }
        }
        let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 100])));
        assert_eq!(counted.count_total, 1, "an allocation is seen");
    });
}

#[test]
fn layers_of_images_allocate_nothing_after_the_first_steps() {
    let image = ImageShape::new(3, 8, 8);
    let norm = |name: &str| LayerDescription::BatchNorm {
        name: name.to_owned(),
        image,
        settings: BatchNormSettings::new(true),
    };
    let window = Window::square(3, 1, 1);
    let layers = vec![
        LayerDescription::Residual { main: vec![norm("a")], shortcut: Vec::new() },
        LayerDescription::MaxPool { image, window },
        LayerDescription::DropoutChannels { name: "b".to_owned(), image, rate: 0.5 },
        LayerDescription::Residual { main: vec![norm("c")], shortcut: vec![norm("d")] },
        LayerDescription::AveragePool { image },
        LayerDescription::Linear { name: "e".to_owned(), inputs: 3, outputs: 10, sampled: false },
    ];
    alone(|| {
        let counted = allocations(&Description { layers }, image.len(), None);
        assert_eq!(counted.count_total, 0);
    });
}

#[test]
fn convolutions_keep_their_activations() {
    let image = ImageShape::new(3, 16, 16);
    let network = wrn(10, 1, image, 10).unwrap();
    let policy =
        |mode| SamplingPolicy { estimator: Estimator::Bernoulli, ratio: 0.5, minimal_k: 1, mode };
    alone(|| {
        let policies =
            [Mode::Forward, Mode::Backward, Mode::BlackBox].map(|mode| Some(policy(mode)));
        for policy in policies.into_iter().chain([None]) {
            // Kernels make tables of offsets, far smaller than the tensors they are of.
            let largest = BATCH * 16 * image.pixels() * size_of::<f32>();
            let counted = allocations(&network, image.len(), policy);
            assert!(counted.bytes_max < largest as u64 / 4, "{policy:?}: {counted:?}");
            assert_eq!(counted.bytes_current, 0, "{policy:?}: what is allocated is freed");
        }
    });
}
