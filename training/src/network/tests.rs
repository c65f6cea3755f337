//! Networks against published counts, and their real steps against the description.

use super::*;
use crate::data::Minibatch;
use crate::layer::{Activation, CodeForm, CodeSettings, ImageShape, Parameter, StepContext};
use crate::learner::Learner;
use crate::optimizer::OptimizerConfig;
use crate::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores, WeightGradient};
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};
use testing::assert_same_bits;

const PHOTO: ImageShape = ImageShape { channels: 3, height: 224, width: 224 };
const CIFAR: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };
const MNIST: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

fn policy(ratio: f64, mode: Mode) -> SamplingPolicy {
    SamplingPolicy::new(Estimator::TopK, ratio, 1, mode)
}

fn images(batch: usize, image: ImageShape) -> Matrix {
    let mut rng = Stream::new(3, "images").at(0);
    let data = (0..batch * image.len()).map(|_| standard_normal(&mut rng) as f32).collect();
    Matrix::from_rows(batch, image.len(), data)
}

/// Loss of each of some steps on one minibatch of random images, and the network after them.
fn steps(network: Network, input: &Matrix, count: u64, set: InstructionSet) -> (Vec<f64>, Network) {
    let sgd = OptimizerConfig::Sgd {
        learning_rate: 0.01,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 0.0,
    };
    let mut learner = Learner::new(network, sgd, set, Stream::new(5, "run"));
    let labels: Vec<u16> = (0..input.rows()).map(|i| (i % 5) as u16).collect();
    let minibatch = Minibatch::new(input.clone(), labels);
    let losses = (0..count).map(|_| learner.step(&minibatch).unwrap().mean()).collect();
    (losses, learner.into_network())
}

#[test]
fn counts_are_those_of_the_published_networks() {
    // Parameters and multiply-adds of torchvision's table of models, at 224 x 224.
    for (depth, parameters, giga) in [
        (18, 11_689_512, 1.81),
        (34, 21_797_672, 3.66),
        (50, 25_557_032, 4.09),
        (101, 44_549_160, 7.80),
        (152, 60_192_808, 11.51),
    ] {
        let network = resnet(depth, PHOTO, 1000).unwrap();
        assert_eq!(network.parameters(), parameters, "ResNet-{depth}");
        let found = network.forward_multiply_adds() as f64 / 1e9;
        assert!((found - giga).abs() < 0.01, "ResNet-{depth}: {found}");
    }
    // 36.5 million (Zagoruyko and Komodakis 2016, table 4), here with biases.
    let network = wrn(28, 10, CIFAR, 10).unwrap();
    assert_eq!((network.parameters() as f64 / 1e5).round(), 365.0);
    assert_eq!(cnn(MNIST, 10).unwrap().parameters(), 3_274_634);
}

#[test]
fn networks_have_the_parameters_and_names_of_their_descriptions() {
    let photo = ImageShape::new(3, 33, 40);
    for description in [
        cnn(MNIST, 10).unwrap(),
        wrn(10, 1, CIFAR, 10).unwrap(),
        wrn(16, 2, ImageShape::new(3, 9, 12), 5).unwrap(),
        resnet(18, photo, 5).unwrap(),
        resnet(50, photo, 5).unwrap(),
        pre_activation_resnet(20, ImageShape::new(3, 8, 12), 5).unwrap(),
        batch_norm_mlp(20, &[7, 5], 3),
        mlp(20, &[7, 5], 3, 0.1),
    ] {
        let mut network = description.build(&LayerPolicies::default(), stream()).unwrap();
        let mut count = 0;
        network.visit_parameters(&mut |parameter: Parameter<'_>| count += parameter.values.len());
        assert_eq!(count as u64, description.parameters());
        let mut names: Vec<String> = network.state().into_iter().map(|(name, _)| name).collect();
        for product in description.products() {
            assert!(names.contains(&format!("{}.weight", product.layer)));
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "names are unique");
    }
}

fn stream() -> Stream {
    Stream::new(1, "initialisation")
}

#[test]
fn real_steps_compute_what_the_description_counts() {
    let small = ImageShape::new(3, 16, 16);
    for (description, image) in [
        (cnn(MNIST, 10).unwrap(), MNIST),
        (wrn(10, 1, small, 10).unwrap(), small),
        (resnet(18, small, 5).unwrap(), small),
    ] {
        let over_positions = SamplingPolicy {
            weight_gradient: WeightGradient::Positions,
            ..policy(0.3, Mode::Backward)
        };
        let modes = [Mode::Forward, Mode::Backward, Mode::BlackBox];
        let of_modes = modes.into_iter().flat_map(|mode| [1.0, 0.3].map(|r| policy(r, mode)));
        for policy in of_modes.chain([over_positions]) {
            let policies = LayerPolicies::uniform(Some(policy));
            let network = description.build(&policies, stream()).unwrap();
            let (_, network) = steps(network, &images(6, image), 1, InstructionSet::detect());
            let expected = description.computations(6, &policies).unwrap();
            assert_eq!(network.take_computations(), expected, "{policy:?}");
            assert_eq!(expected.performed == expected.exact, policy.ratio == 1.0);
        }
    }
}

#[test]
#[ignore = "slow"]
fn every_network_learns_a_minibatch_by_heart() {
    let image = ImageShape::new(3, 16, 16);
    for (description, image, mode) in [
        (wrn(10, 1, image, 5).unwrap(), image, None),
        (resnet(18, image, 5).unwrap(), image, None),
        (wrn(10, 2, ImageShape::new(3, 8, 8), 5).unwrap(), ImageShape::new(3, 8, 8), Some(0.5)),
    ] {
        let sampled = mode.map(|ratio| policy(ratio, Mode::Forward));
        let policies = LayerPolicies::uniform(sampled);
        let network = description.build(&policies, stream()).unwrap();
        let (losses, _) = steps(network, &images(10, image), 40, InstructionSet::detect());
        assert!(losses[39] < 0.3 * losses[0], "{losses:?}");
    }
}

#[test]
fn threads_and_instruction_sets_train_to_the_same_bits() {
    let image = ImageShape::new(3, 12, 12);
    let description = wrn(10, 1, image, 5).unwrap();
    let [forward, backward] = [Mode::Forward, Mode::Backward]
        .map(|mode| SamplingPolicy { estimator: Estimator::Bernoulli, ..policy(0.5, mode) });
    let over_positions =
        SamplingPolicy { weight_gradient: WeightGradient::Positions, keep_for: 2, ..backward };
    for policy in [forward, backward, over_positions] {
        let policies = LayerPolicies::uniform(Some(policy));
        let run = |set| {
            let network = description.build(&policies, stream()).unwrap();
            steps(network, &images(5, image), 3, set).1.state()
        };
        assert_same_bits(&[1, 3], run);
    }
}

#[test]
fn a_ratio_of_one_trains_to_the_exact_bits() {
    let image = ImageShape::new(3, 12, 12);
    let run = |policies: &LayerPolicies| {
        let network = wrn(10, 1, image, 5).unwrap().build(policies, stream()).unwrap();
        steps(network, &images(5, image), 3, InstructionSet::detect()).1.state()
    };
    let exact = run(&LayerPolicies::default());
    for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
        assert!(run(&LayerPolicies::uniform(Some(policy(1.0, mode)))) == exact, "{mode:?}");
    }
}

#[test]
fn rectified_blocks_train_to_the_bits_of_a_rectifier_after_them_and_keep_less() {
    let image = ImageShape::new(3, 20, 20);
    let together = resnet(50, image, 5).unwrap();
    let mut apart = together.clone();
    apart.layers = Vec::new();
    for mut layer in together.layers.clone() {
        let was_rectified = match &mut layer {
            LayerDescription::Residual { rectified, .. } => std::mem::take(rectified),
            _ => false,
        };
        apart.layers.push(layer);
        if was_rectified {
            apart.layers.push(LayerDescription::Activation(Activation::Relu));
        }
    }
    assert!(apart.layers.len() > together.layers.len());
    let input = images(4, image);
    for policy in [None, Some(policy(0.3, Mode::Forward)), Some(policy(0.5, Mode::Backward))] {
        let [one, other] = [&together, &apart].map(|description| {
            let network = description.build(&LayerPolicies::uniform(policy), stream()).unwrap();
            let (losses, network) = steps(network, &input, 3, InstructionSet::detect());
            (losses, network.memory().peak_bytes(), network)
        });
        assert_eq!(one.0, other.0, "{policy:?}");
        assert!(one.1 < other.1, "{} and {} bytes, {policy:?}", one.1, other.1);
        let [mut one, mut other] = [one.2, other.2];
        assert!(one.parameters() == other.parameters(), "{policy:?}");
        let set = InstructionSet::detect();
        let of = |network: &mut Network| {
            network.forward(&StepContext::evaluation(set), &input).data().to_vec()
        };
        assert_eq!(of(&mut one), of(&mut other), "evaluation, {policy:?}");
    }
}

#[test]
fn a_loaded_state_goes_on_as_the_network_it_is_of() {
    let image = ImageShape::new(3, 12, 12);
    let input = images(5, image);
    let policies = LayerPolicies::uniform(Some(policy(0.5, Mode::Forward)));
    let build = |seed| {
        let stream = Stream::new(seed, "initialisation");
        wrn(10, 1, image, 5).unwrap().build(&policies, stream).unwrap()
    };
    let set = InstructionSet::detect();
    let (mut one, mut two) = (steps(build(1), &input, 2, set).1, steps(build(2), &input, 1, set).1);
    two.load_state(&one.state()).unwrap();
    let ((losses, mut one), (found, mut two)) =
        (steps(one, &input, 2, set), steps(two, &input, 2, set));
    assert_eq!(losses, found);
    let evaluation = StepContext::evaluation(set);
    assert_eq!(one.forward(&evaluation, &input), two.forward(&evaluation, &input));
}

#[test]
fn states_of_other_networks_are_refused_and_change_nothing() {
    let image = ImageShape::new(3, 12, 12);
    let build = |depth, width| {
        let network = wrn(depth, width, image, 5).unwrap();
        network.build(&LayerPolicies::default(), stream()).unwrap()
    };
    let mut network = build(10, 1);
    let before = network.state();
    let error = network.load_state(&build(10, 2).state()).unwrap_err().to_string();
    assert_eq!(
        error,
        "'group-1.block-1.convolution-1.weight' has 4608 numbers in the state and 2304 in the \
         network"
    );
    let error = network.load_state(&build(16, 1).state()).unwrap_err().to_string();
    assert!(error.starts_with("the state has 'group-1.block-2.norm-1.scale' where"), "{error}");
    let error = network.load_state(&before[..3]).unwrap_err();
    assert_eq!(error, StateError::Count { found: 3, expected: before.len() });
    assert_eq!(network.state(), before);
}

#[test]
fn only_the_slices_of_sampled_layers_are_left_out_of_the_gradient() {
    let description = resnet(50, PHOTO, 1000).unwrap();
    let half = SamplingPolicy { scores: Scores::Weights, ..policy(0.5, Mode::Forward) };
    let exact = description.gradient_numbers(&LayerPolicies::default()).unwrap();
    assert_eq!((exact.sent, exact.share()), (25_557_032, 1.0));
    // Workers that select by both norms keep different pairs.
    let by_both = LayerPolicies::uniform(Some(policy(0.5, Mode::Forward)));
    assert_eq!(description.gradient_numbers(&by_both).unwrap().share(), 1.0);
    let numbers = description.gradient_numbers(&LayerPolicies::uniform(Some(half))).unwrap();
    // Half of the convolutions but the first: all that is no norm and not in the linear layer.
    let norms = 2 * 26_560;
    let sampled = 25_557_032 - norms - 2_049_000 - 3 * 64 * 49;
    assert_eq!(numbers.all - numbers.sent, sampled / 2);
    let black_box = LayerPolicies::uniform(Some(policy(0.5, Mode::BlackBox)));
    assert_eq!(description.gradient_numbers(&black_box).unwrap().share(), 1.0);
}

#[test]
fn what_is_no_network_is_named() {
    let error = |result: Result<Description, NetworkError>| result.unwrap_err().to_string();
    assert!(error(wrn(27, 10, CIFAR, 10)).starts_with("there is no WRN of depth 27"));
    assert!(error(wrn(4, 10, CIFAR, 10)).starts_with("there is no WRN of depth 4"));
    let error_of_depth = error(pre_activation_resnet(12, CIFAR, 10));
    assert!(error_of_depth.starts_with("there is no pre-activation ResNet of depth 12"));
    let odd = error(pre_activation_resnet(11, ImageShape::new(3, 15, 15), 10));
    assert!(odd.contains("128 x 8 x 8") && odd.contains("128 x 7 x 7"), "{odd}");
    assert!(error(resnet(20, PHOTO, 10)).starts_with("there is no ResNet of depth 20"));
    assert!(error(wrn(10, 0, CIFAR, 10)).starts_with("the widening factor of a network is 0"));
    assert!(error(cnn(MNIST, 0)).starts_with("the number of classes of a network is 0"));
    let flat = ImageShape::new(1, 1, 28);
    assert!(error(cnn(flat, 10)).starts_with("layer 'max-pool-1': a 2 x 2 kernel does not"));
    let none = ImageShape::new(0, 28, 28);
    let expected = "layer 'convolution-1': the number of input channels of a convolution is 0";
    assert!(error(cnn(none, 10)).starts_with(expected));
    let mut policies = LayerPolicies::default();
    policies.never.push("convolution-3".to_owned());
    let error = cnn(MNIST, 10).unwrap().build(&policies, stream()).err().unwrap().to_string();
    assert!(error.starts_with("unknown layer \"convolution-3\""), "{error}");
}

#[test]
fn a_step_keeps_what_its_footprint_says_and_not_several_times_as_much() {
    let codes = CodeSettings { bits: 4, form: CodeForm::Backward };
    let (grey, colour) = (ImageShape::new(1, 28, 28), ImageShape::new(3, 32, 32));
    let set = InstructionSet::detect();
    for (name, description, image) in [
        ("MLP", mlp(grey.len(), &[500, 300], 10, 0.1), grey),
        ("CNN", cnn(grey, 10).unwrap(), grey),
        ("WRN", wrn(16, 2, colour, 10).unwrap(), colour),
        ("ResNet", resnet(18, colour, 10).unwrap(), colour),
        ("pre-activation ResNet", pre_activation_resnet(11, colour, 10).unwrap(), colour),
        (
            "codes",
            pre_activation_resnet(11, colour, 10).unwrap().with_codes(codes).unwrap(),
            colour,
        ),
    ] {
        let stream = Stream::new(1, "footprint");
        let network = description.build(&LayerPolicies::default(), stream).unwrap();
        const BATCH: usize = 8;
        let (_, network) = steps(network, &images(BATCH, image), 2, set);
        let expected = description.footprint(BATCH).activations;
        let images = (BATCH * image.len() * size_of::<f32>()) as f64;
        let measured = images + network.memory().peak_bytes() as f64;
        let range = expected..=4.0 * expected;
        assert!(range.contains(&measured), "{name}: {measured} bytes and not {range:?}");
    }
}
