//! The whole way at a small size, on digits drawn by code.

use coded_activations::arm::{Arm, Means, NEEDED_BITS};
use coded_activations::comparison::{Comparison, Place};
use coded_activations::ledger::Ledger;
use kernels::{Estimator, InstructionSet};
use training::data::{Minibatch, generated_digits};
use training::layer::{ImageShape, ParameterPattern};
use training::network::NetworkConfig;
use training::optimizer::OptimizerConfig;
use training::sampling::{Mode, SamplingPolicy};
use training::train::TrainingConfig;

fn means() -> Means {
    Means {
        sampling: SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward),
        first_layer: ParameterPattern::try_from("linear-1.*".to_owned()).unwrap(),
    }
}

fn config(network: &str) -> TrainingConfig {
    let network: NetworkConfig = serde_yaml::from_str(network).unwrap();
    TrainingConfig::new(network, 32, 1, OptimizerConfig::Adam { learning_rate: 0.001 }, 1)
}

fn with_place<T>(work: impl FnOnce(&Place) -> T) -> T {
    let mut minibatch = Minibatch::default();
    generated_digits(1, 64, 1, 1).train.fill(0..64, None, &mut minibatch);
    let images = (ImageShape::new(1, 28, 28), 10);
    work(&Place { images, minibatch: &minibatch, set: InstructionSet::detect() })
}

const NETWORK: &str = "{name: batch-norm-mlp, hidden: [64, 64, 64, 64]}";

#[test]
fn arms_at_the_same_weights_differ_by_their_codes_alone() {
    let (exact, arms) = (config(NETWORK), Arm::all(&NEEDED_BITS));
    let found = with_place(|place| {
        let state = exact.build(place.images.0, place.images.1).unwrap().state();
        let measure = || Comparison::measure(place, &exact, &means(), &arms, &state).unwrap();
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let found = measure();
        assert_eq!(found, alone.install(measure), "threads change no bit");
        found
    });
    assert_eq!(found.layers[0], "linear-1");
    let [eight, four, two] = NEEDED_BITS.map(|bits| found.first_layer(Arm::Backward(bits)));
    assert!(eight < four && four < two, "{eight} {four} {two}");
    assert!(found.first_layer(Arm::Permuted) > 2.0 * four);
    let bits: Vec<u32> = found.of_codes_alone.iter().map(|(bits, _)| *bits).collect();
    assert_eq!(bits, NEEDED_BITS);
    assert!(found.first_layer(Arm::Exact).is_nan(), "it is what others are compared with");
    let counts: Vec<usize> = found.differing.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts[..4], [0; 4]);
    assert!(counts[4] > 0);
}

/// Numbers beyond three deviations are off whatever the bits. Sampling makes them more from layer to
/// layer, and with them what finer codes cannot mend.
#[test]
fn finer_codes_are_worth_less_where_products_are_sampled() {
    let exact = config("{name: batch-norm-mlp, hidden: [128, 128, 128, 128, 128, 128]}");
    let sampling = SamplingPolicy::new(Estimator::TopK, 0.25, 1, Mode::Forward);
    let means = Means { sampling, ..means() };
    let found = with_place(|place| {
        let state = exact.build(place.images.0, place.images.1).unwrap().state();
        let arms = [Arm::Exact, Arm::Backward(8), Arm::Backward(4)];
        Comparison::measure(place, &exact, &means, &arms, &state).unwrap()
    });
    let layer = 5;
    let whole = found.errors[1].1[layer] / found.errors[0].1[layer];
    let sampled = found.of_codes_alone[1].1[layer] / found.of_codes_alone[0].1[layer];
    assert!(whole > 2.0 && sampled < 0.5 * whole, "{whole} {sampled}");
    let eight = &found.of_codes_alone[0].1;
    assert!(eight[layer] > 1.5 * eight[1], "{eight:?}");
}

#[test]
fn ledgers_say_the_same_whatever_the_threads() {
    let exact = config(NETWORK);
    with_place(|place| {
        for arm in Arm::all(&NEEDED_BITS) {
            let measure = || Ledger::measure(place, &arm.config(&exact, &means())).unwrap();
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let found = measure();
            assert_eq!(found, alone.install(measure), "{}", arm.name());
            assert!(found.stored > 0 && found.shared() > 0, "{}: {found:?}", arm.name());
        }
    });
}

#[test]
fn a_network_that_cannot_be_coded_is_refused() {
    let exact = config("{name: mlp, hidden: [8], dropout: 0}");
    with_place(|place| {
        let state = exact.build(place.images.0, place.images.1).unwrap().state();
        let arms = [Arm::Exact, Arm::Backward(4)];
        let error = Comparison::measure(place, &exact, &means(), &arms, &state).unwrap_err();
        let expected = "expected nothing for a network without a batch normalisation";
        assert!(error.to_string().contains(expected), "{error}");
    });
}
