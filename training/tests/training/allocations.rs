//! After the first steps, a training step allocates nothing but the index tables of convolutions,
//! and sampled it needs less memory.

use allocation_counter::AllocationInfo;
use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use rayon::ThreadPoolBuilder;
use training::data::Minibatch;
use training::layer::{
    BatchNormSettings, CodeForm, CodeSettings, ImageShape, Scale, StepContext, Window,
};
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{
    Description, LayerDescription, Network, Transformer, batch_norm_mlp, mlp, transformer_layers,
    wrn,
};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

const BATCH: usize = 50;
const ADAM: OptimizerConfig = OptimizerConfig::Adam { learning_rate: 1e-3 };

/// Allocations of some steps, after a few others, on the calling thread.
fn allocations(
    description: &Description,
    features: usize,
    policy: Option<SamplingPolicy>,
) -> AllocationInfo {
    let set = InstructionSet::detect();
    let stream = Stream::new(1, "allocations");
    let network = description.build(&LayerPolicies::uniform(policy), stream).unwrap();
    let mut learner = Learner::new(network, ADAM, set, stream);
    let minibatch = minibatch(features);
    let mut steps = || {
        for _ in 0..20 {
            learner.step(&minibatch).unwrap();
        }
    };
    // The number of pairs kept changes from step to step; memory grows to the largest soon.
    steps();
    allocation_counter::measure(steps)
}

fn minibatch(features: usize) -> Minibatch {
    let pixels = (0..BATCH * features).map(|i| (i % 97) as f32 / 97.0).collect();
    let input = Matrix::from_rows(BATCH, features, pixels);
    Minibatch::new(input, (0..BATCH).map(|i| (i % 10) as u16).collect())
}

/// Runs on one thread, and it is this one: allocations are counted by thread.
fn alone(run: impl FnOnce() + Send) {
    ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap().install(run);
}

/// The estimators for comparison, whose designs are tables made anew for every draw.
fn allocates(estimator: &Estimator) -> bool {
    matches!(estimator, Estimator::WinnerTakeAll | Estimator::ConditionalPoisson)
}

#[test]
fn a_step_allocates_nothing_after_the_first_ones() {
    alone(|| {
        let network = mlp(784, &[120, 100], 10, 0.1);
        assert_eq!(allocations(&network, 784, None).count_total, 0, "exact");
        for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
            for estimator in Estimator::ALL.into_iter().filter(|estimator| !allocates(estimator)) {
                let policy = SamplingPolicy::new(estimator, 0.3, 10, mode);
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
        LayerDescription::Residual { main: vec![norm("a")], shortcut: Vec::new(), rectified: true },
        LayerDescription::MaxPool { name: "max-pool".to_owned(), image, window },
        LayerDescription::DropoutChannels { name: "b".to_owned(), image, rate: 0.5 },
        LayerDescription::Residual {
            main: vec![norm("c")],
            shortcut: vec![norm("d")],
            rectified: false,
        },
        LayerDescription::AveragePool { image },
        LayerDescription::Linear {
            name: "e".to_owned(),
            inputs: 3,
            outputs: 10,
            bias: true,
            sampled: false,
        },
    ];
    alone(|| {
        let counted = allocations(&Description { layers }, image.len(), None);
        assert_eq!(counted.count_total, 0);
    });
}

#[test]
fn a_transformer_allocates_nothing_after_the_first_steps() {
    let sizes = Transformer { width: 24, heads: 3, blocks: 2, steps: 10, words: 10 };
    // Rows as they are, in the place of an embedding: five texts of ten tokens.
    let minibatch = minibatch(sizes.width);
    alone(|| {
        for policy in [None, policy(Estimator::TopK, Mode::Forward, 0.3)] {
            let (set, stream) = (InstructionSet::detect(), Stream::new(1, "allocations"));
            let (rows, policies) = (Box::new(Scale::new(1.0)), LayerPolicies::uniform(policy));
            let layers = transformer_layers(rows, sizes, &policies, stream).unwrap();
            let mut learner = Learner::new(Network::new(layers), ADAM, set, stream);
            let mut steps = || {
                for _ in 0..20 {
                    learner.step(&minibatch).unwrap();
                }
            };
            steps();
            assert_eq!(allocation_counter::measure(steps).count_total, 0, "{policy:?}");
        }
    });
}

/// Of three channels all are kept: without, Bernoulli draws none of them now and then, and all
/// later products are of zeros, and exact.
fn policy(estimator: Estimator, mode: Mode, ratio: f64) -> Option<SamplingPolicy> {
    Some(SamplingPolicy::new(estimator, ratio, 3, mode))
}

#[test]
fn codes_allocate_nothing_after_the_first_steps() {
    let codes = CodeSettings { bits: 4, form: CodeForm::Backward };
    let network = batch_norm_mlp(784, &[120, 100], 10).with_codes(codes).unwrap();
    alone(|| {
        for policy in [None, policy(Estimator::TopK, Mode::Forward, 0.3)] {
            assert_eq!(allocations(&network, 784, policy).count_total, 0, "{policy:?}");
        }
    });
}

#[test]
#[ignore = "slow"]
fn convolutions_keep_their_activations() {
    let image = ImageShape::new(3, 16, 16);
    let network = wrn(10, 1, image, 10).unwrap();
    alone(|| {
        let modes = [Mode::Forward, Mode::Backward, Mode::BlackBox];
        let policies = modes.map(|mode| policy(Estimator::TopK, mode, 0.5));
        let largest = (BATCH * 16 * image.pixels() * size_of::<f32>()) as u64;
        for policy in policies.into_iter().chain([None]) {
            // Kernels make tables of offsets, far smaller than the tensors they are of. How many
            // channels two branches of a residual block read together is random, and their
            // tensor then replaces one of another size.
            let is_forward = policy.is_some_and(|policy| policy.mode == Mode::Forward);
            let most = if is_forward { largest } else { largest / 4 };
            let counted = allocations(&network, image.len(), policy);
            // Tables are made a product and a group of images, never a tile.
            assert!(counted.count_total < 20 * 1_000, "{policy:?}: {counted:?}");
            assert!(counted.bytes_max < most, "{policy:?}: {counted:?}");
            assert!(counted.bytes_current < most as i64, "{policy:?}: {counted:?}");
        }
    });
}

#[test]
#[ignore = "slow"]
fn a_forward_sampled_step_needs_less_memory() {
    let image = ImageShape::new(3, 16, 16);
    let description = wrn(16, 2, image, 10).unwrap();
    // A warm thread has the kernels' own buffers already.
    alone(|| {
        let measured = |policy| {
            let set = InstructionSet::detect();
            let stream = Stream::new(1, "memory");
            let network = description.build(&LayerPolicies::uniform(policy), stream).unwrap();
            let mut learner = Learner::new(network, ADAM, set, stream);
            let minibatch = minibatch(image.len());
            let counted = allocation_counter::measure(|| {
                for step in 0..3 {
                    let context = StepContext::training(set, stream, step);
                    learner.gradient(&context, &minibatch).unwrap();
                }
            });
            (counted.bytes_max, learner.network().memory().peak_bytes() as u64)
        };
        measured(None);
        let exact = measured(None);
        for estimator in [Estimator::TopK, Estimator::Bernoulli] {
            let mut above = exact;
            for ratio in [0.5, 0.25, 0.1] {
                let sampled = measured(policy(estimator, Mode::Forward, ratio));
                assert!(sampled.0 < above.0 && sampled.1 < above.1, "{estimator}, {ratio}");
                assert!(sampled.1 <= sampled.0, "what is reported was allocated");
                above = sampled;
            }
            assert!(3 * above.1 < 2 * exact.1, "{estimator}: {above:?} of {exact:?}");
        }
    });
}
