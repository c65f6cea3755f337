//! Networks that keep codes of their activations for the backward pass, against those that keep all.

use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};
use testing::assert_same_bits;
use training::data::{Minibatch, generated_digits};
use training::layer::{CodeForm, CodeSettings, ImageShape, ParameterPattern};
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{Description, NetworkConfig, batch_norm_mlp, pre_activation_resnet, wrn};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};

const SMALL: ImageShape = ImageShape { channels: 3, height: 16, width: 16 };

const SGD: OptimizerConfig =
    OptimizerConfig::Sgd { learning_rate: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.0 };

fn codes(bits: u32, form: CodeForm) -> CodeSettings {
    CodeSettings { bits, form }
}

fn backward(bits: u32) -> Option<CodeSettings> {
    Some(codes(bits, CodeForm::Backward))
}

fn stream() -> Stream {
    Stream::new(1, "codes")
}

fn learner_with(
    description: &Description,
    codes: Option<CodeSettings>,
    policies: &LayerPolicies,
    set: InstructionSet,
) -> Learner {
    let description = description.clone();
    let description = match codes {
        None => description,
        Some(codes) => description.with_codes(codes).unwrap(),
    };
    let network = description.build(policies, stream().child("weights")).unwrap();
    Learner::new(network, SGD, set, stream().child("run"))
}

fn learner(description: &Description, codes: Option<CodeSettings>) -> Learner {
    learner_with(description, codes, &LayerPolicies::default(), InstructionSet::detect())
}

/// Random images, two classes of which differ in their mean.
fn images(seed: u64, batch: usize, image: ImageShape) -> Minibatch {
    let mut rng = Stream::new(seed, "images").at(0);
    let labels: Vec<u16> = (0..batch).map(|i| (i % 10) as u16).collect();
    let mut draw = |i: usize| {
        let class = f64::from(labels[i / image.len()]);
        (standard_normal(&mut rng) + 0.2 * class * ((i % image.len()) as f64 / 40.0).sin()) as f32
    };
    let data = (0..batch * image.len()).map(&mut draw).collect();
    Minibatch::new(Matrix::from_rows(batch, image.len(), data), labels)
}

fn digits(batch: usize) -> Minibatch {
    let mut minibatch = Minibatch::default();
    generated_digits(1, batch, 1, 1).train.fill(0..batch, None, &mut minibatch);
    minibatch
}

/// The networks, each with a minibatch for it.
fn networks() -> [(Description, Minibatch); 3] {
    [
        (batch_norm_mlp(784, &[128; 7], 10), digits(64)),
        (pre_activation_resnet(11, SMALL, 10).unwrap(), images(1, 12, SMALL)),
        (wrn(10, 1, SMALL, 10).unwrap(), images(2, 12, SMALL)),
    ]
}

/// Loss and gradients of a step, by parameter, at the learner's weights.
fn gradient(learner: &mut Learner, minibatch: &Minibatch) -> (f64, Vec<(String, Vec<f32>)>) {
    let loss = learner.gradient(&learner.context(), minibatch).unwrap().mean();
    let mut all = Vec::new();
    learner.network().visit_parameters(&mut |parameter| {
        let mut gradient = Vec::new();
        parameter.append_gradient(&mut gradient);
        all.push((parameter.name.to_string(), gradient));
    });
    (loss, all)
}

fn relative_error(found: &[f32], exact: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference: f64 = found.iter().zip(exact).map(|(a, b)| square(a - b)).sum();
    (difference / exact.iter().map(|&x| square(x)).sum::<f64>()).sqrt()
}

/// The relative error of all gradients together.
fn error_of_all(found: &[(String, Vec<f32>)], exact: &[(String, Vec<f32>)]) -> f64 {
    let all = |gradients: &[(String, Vec<f32>)]| -> Vec<f32> {
        gradients.iter().flat_map(|(_, gradient)| gradient.clone()).collect()
    };
    relative_error(&all(found), &all(exact))
}

#[test]
fn the_forward_pass_has_the_bits_of_the_exact_one() {
    for (description, minibatch) in networks() {
        let mut exact = learner(&description, None);
        let context = exact.context();
        let expected = exact.network().forward(&context, &minibatch.input).clone();
        for bits in [1, 2, 4, 8] {
            let logits = |form| {
                let mut learner = learner(&description, Some(codes(bits, form)));
                learner.network().forward(&context, &minibatch.input).clone()
            };
            assert!(logits(CodeForm::Backward) == expected, "{bits} bits");
            assert!(logits(CodeForm::Naive) != expected, "{bits} bits");
        }
    }
}

#[test]
fn finer_codes_give_better_gradients_and_wrong_ones_worse() {
    for (description, minibatch) in networks() {
        let exact = gradient(&mut learner(&description, None), &minibatch).1;
        let error = |bits, form| {
            let found = gradient(&mut learner(&description, Some(codes(bits, form))), &minibatch);
            error_of_all(&found.1, &exact)
        };
        let errors = [2, 4, 8].map(|bits| error(bits, CodeForm::Backward));
        // Bins are a quarter and a sixteenth as wide. What lies beyond three standard deviations is
        // off by the same with all of them, and limits what four bits more are worth.
        assert!(errors[2] < errors[1] / 2.0 && errors[1] < errors[0] / 2.0, "{errors:?}");
        for form in [CodeForm::ZeroAsLevel, CodeForm::Permuted, CodeForm::Naive] {
            assert!(error(4, form) > 2.0 * errors[1], "{form:?}: {} {errors:?}", error(4, form));
        }
    }
}

#[test]
fn the_naive_form_has_twice_the_error_in_the_first_layer() {
    // After some steps, so that the network is none of random weights alone.
    let description = batch_norm_mlp(784, &[128; 7], 10);
    let minibatch = digits(64);
    let mut exact = learner(&description, None);
    for _ in 0..20 {
        exact.step(&minibatch).unwrap();
    }
    let state = exact.network().state();
    let first = |learner: &mut Learner| {
        learner.network().load_state(&state).unwrap();
        let (_, gradients) = gradient(learner, &minibatch);
        let (name, gradient) = gradients.into_iter().next().unwrap();
        assert_eq!(name, "linear-1.weight");
        gradient
    };
    let expected = first(&mut learner(&description, None));
    let [ours, naive] = [CodeForm::Backward, CodeForm::Naive].map(|form| {
        let found = first(&mut learner(&description, Some(codes(4, form))));
        relative_error(&found, &expected)
    });
    assert!(naive > 2.0 * ours, "{ours} and naively {naive}");
}

#[test]
fn what_is_stored_is_a_fraction() {
    let stored = |description: &Description, codes, minibatch: &Minibatch| {
        let mut learner = learner(description, codes);
        for _ in 0..3 {
            learner.step(minibatch).unwrap();
        }
        let memory = learner.network().memory();
        assert!(memory.stored_bytes() <= memory.peak_bytes());
        (memory.stored_bytes() as f64, memory.peak_bytes())
    };
    let [perceptron, residual, wide] = networks();
    // The convolutions in the shortcuts of the wide network read what no norm stands before.
    for ((description, minibatch), thresholds) in
        [(perceptron, [3.5, 6.0]), (residual, [3.5, 6.0]), (wide, [2.0, 2.0])]
    {
        let exact = stored(&description, None, &minibatch);
        for (bits, least) in [8, 4].into_iter().zip(thresholds) {
            let coded = stored(&description, backward(bits), &minibatch);
            assert!(exact.0 >= least * coded.0, "{bits} bits: {coded:?} of {exact:?}");
            assert!(coded.1 < exact.1, "{bits} bits: {coded:?} of {exact:?}");
        }
    }
}

fn sampled(mode: Mode) -> LayerPolicies {
    let policy = SamplingPolicy::new(Estimator::TopK, 0.25, 1, mode);
    LayerPolicies::uniform(Some(policy))
}

#[test]
fn sampled_layers_keep_the_codes_of_selected_channels_only() {
    for (description, minibatch) in networks() {
        let run = |codes, policies: &LayerPolicies| {
            let set = InstructionSet::detect();
            let mut learner = learner_with(&description, codes, policies, set);
            let (loss, gradients) = gradient(&mut learner, &minibatch);
            (loss, gradients, learner.network().memory().stored_bytes() as f64)
        };
        for mode in [Mode::Forward, Mode::Backward, Mode::BlackBox] {
            let policies = sampled(mode);
            let (exact, coded) = (run(None, &policies), run(backward(8), &policies));
            assert_eq!(exact.0, coded.0, "the loss is that of the exact forward pass");
            let error = error_of_all(&coded.1, &exact.1);
            let permuted = run(Some(codes(8, CodeForm::Permuted)), &policies);
            let permuted = error_of_all(&permuted.1, &exact.1);
            // Norms select channels with a few large numbers, which lie beyond the bins.
            assert!(permuted > 2.0 * error, "{mode:?}: {error}, permuted {permuted}");
        }
        let [whole, kept] = [LayerPolicies::default(), sampled(Mode::Forward)]
            .map(|policies| run(backward(4), &policies).2);
        // Networks as small as these have buffers that are mostly room to spare: how much less it is
        // can be told of larger ones only.
        assert!(kept < whole, "{kept} of {whole}");
        let uncoded = run(None, &sampled(Mode::Forward)).2;
        assert!(kept < uncoded, "{kept} of {uncoded}");
    }
}

#[test]
fn threads_and_instruction_sets_train_to_the_same_bits() {
    for (description, minibatch) in networks() {
        let run = |set| {
            let policies = sampled(Mode::Forward);
            let mut learner = learner_with(&description, backward(2), &policies, set);
            for _ in 0..2 {
                learner.step(&minibatch).unwrap();
            }
            learner.network().state()
        };
        assert_same_bits(&[1, 3], run);
    }
}

#[test]
fn networks_learn_with_the_fewest_bits() {
    for (description, minibatch) in networks() {
        let mut learner = learner(&description, backward(2));
        let losses: Vec<f64> = (0..30).map(|_| learner.step(&minibatch).unwrap().mean()).collect();
        assert!(losses[29] < 0.3 * losses[0], "{losses:?}");
    }
}

/// The released code's backward pass ends before its first layer, whose weights stay as they are
/// drawn. Here that is a choice.
#[test]
fn a_first_convolution_that_is_frozen_stays_and_all_else_is_learnt() {
    let (description, minibatch) =
        (pre_activation_resnet(11, SMALL, 10).unwrap(), images(3, 12, SMALL));
    let after = |is_frozen: bool| {
        let mut learner = learner(&description, backward(4));
        if is_frozen {
            let first = ParameterPattern::try_from("convolution.*".to_owned()).unwrap();
            learner.network().freeze(vec![first]);
        }
        let before = learner.network().state();
        let frozen_step = learner.step(&minibatch).unwrap();
        let computations = learner.network().take_computations();
        let changed: Vec<bool> = learner
            .network()
            .state()
            .iter()
            .zip(&before)
            .map(|(after, before)| after.1 != before.1)
            .collect();
        (frozen_step.mean(), changed, computations.performed)
    };
    let (learnt, frozen) = (after(false), after(true));
    assert_eq!(learnt.0, frozen.0);
    assert!(learnt.1.iter().all(|changed| *changed));
    assert!(!frozen.1[0] && frozen.1[1..].iter().all(|changed| *changed));
    assert!(frozen.2 < learnt.2, "its gradient is not computed");
}

#[test]
fn codes_of_a_network_without_a_rectified_norm_are_refused() {
    for network in ["{name: mlp, hidden: [8], dropout: 0}", "{name: cnn}"] {
        let network: NetworkConfig = serde_yaml::from_str(network).unwrap();
        let description = network.describe(ImageShape::new(1, 28, 28), 10).unwrap();
        let error = description.with_codes(codes(4, CodeForm::Backward)).unwrap_err().to_string();
        let expected = "codes is codes of 4 bits, expected nothing for a network without a batch \
                        normalisation that is rectified";
        assert_eq!(error, expected);
    }
    for bits in [0, 3, 5, 6, 7, 9, u32::MAX] {
        let description = batch_norm_mlp(4, &[3], 2);
        let error = description.with_codes(codes(bits, CodeForm::Naive)).unwrap_err().to_string();
        let expected = "expected 1, 2, 4 or 8: whole codes fill a byte";
        assert_eq!(error, format!("codes.bits is {bits}, {expected}"));
    }
}
