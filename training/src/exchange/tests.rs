//! Ranks against each other, against one alone, and against the description's counts.

use super::*;
use crate::counting::GradientNumbers;
use crate::data::Minibatch;
use crate::layer::{Gradient, ImageShape, Linear, Parameter};
use crate::learner::Learner;
use crate::matrix::Matrix;
use crate::network::{Description, Network, cnn, mlp, resnet, wrn};
use crate::optimizer::OptimizerConfig;
use crate::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};
use std::ops::Range;

const RANKS: usize = 3;
const SGD: OptimizerConfig = OptimizerConfig::Sgd {
    learning_rate: 0.05,
    momentum: 0.9,
    nesterov: false,
    weight_decay: 1e-3,
};

fn policies(estimator: Estimator, ratio: f64, scores: Scores) -> LayerPolicies {
    let mode = Mode::Forward;
    LayerPolicies::uniform(Some(SamplingPolicy {
        scores,
        ..SamplingPolicy::new(estimator, ratio, 1, mode)
    }))
}

/// Networks with linear layers, convolutions, and batch norm in residual blocks, and their images.
fn networks() -> [(&'static str, Description, ImageShape); 3] {
    let (grey, colour) = (ImageShape::new(1, 8, 8), ImageShape::new(3, 8, 8));
    [
        ("MLP", mlp(grey.len(), &[40, 30], 5, 0.1), grey),
        ("CNN", cnn(grey, 5).unwrap(), grey),
        ("WRN", wrn(10, 1, colour, 5).unwrap(), colour),
    ]
}

fn learner(network: Network) -> Learner {
    Learner::new(network, SGD, InstructionSet::detect(), Stream::new(5, "run"))
}

fn build(description: &Description, policies: &LayerPolicies) -> Learner {
    learner(description.build(policies, Stream::new(1, "weights")).unwrap())
}

/// Random images of a step, samples `range` of its minibatch, and their labels.
fn images(image: ImageShape, step: u64, range: Range<usize>) -> Minibatch {
    let mut input = Matrix::zeros(range.len(), image.len());
    for (row, sample) in input.data_mut().chunks_exact_mut(image.len()).zip(range.clone()) {
        let mut rng = Stream::new(step, "image").at(sample as u64);
        row.iter_mut().for_each(|pixel| *pixel = standard_normal(&mut rng) as f32);
    }
    Minibatch::new(input, range.map(|sample| (sample % 5) as u16).collect())
}

/// What a run came to on rank 0: what was sent in each step, and the parameters.
type Outcome = Result<(Vec<GradientNumbers>, Vec<f32>), ExchangeError>;

/// Steps of ranks that take the samples from one start to the next. After every step all have the
/// same weights; where one fails, no rank's weights have changed in that step.
fn train(
    learner: &(dyn Fn(usize) -> Learner + Sync),
    image: ImageShape,
    exchange: Exchange,
    starts: &[usize],
    steps: u64,
) -> Outcome {
    let work = |threads: &mut Threads| -> Outcome {
        let rank = threads.rank();
        let mut peer = Peer::new(learner(rank), Box::new(threads), exchange)?;
        let mut sent = Vec::new();
        for step in 0..steps {
            let before = peer.learner().network().digest();
            let totals = peer.step(&images(image, step, starts[rank]..starts[rank + 1]));
            let after = peer.learner().network().digest();
            assert_eq!(before == after, totals.is_err(), "step {step} of rank {rank}");
            sent.push(totals?.sent);
            peer.collective().agree(&after)?;
        }
        Ok((sent, peer.learner().network().parameters()))
    };
    Threads::run(starts.len() - 1, work, |threads| work(threads).map(drop))
}

/// The same with four samples a rank.
fn train_fours(
    description: &Description,
    policies: &LayerPolicies,
    image: ImageShape,
    exchange: Exchange,
    ranks: usize,
    steps: u64,
) -> Outcome {
    let starts: Vec<usize> = (0..=ranks).map(|rank| 4 * rank).collect();
    train(&|_| build(description, policies), image, exchange, &starts, steps)
}

#[test]
fn all_ranks_select_the_same_by_weights_and_others_by_both_norms() {
    for (name, description, image) in networks() {
        for estimator in [Estimator::TopK, Estimator::Bernoulli, Estimator::ColumnRow] {
            let agree = |scores| {
                let policies = policies(estimator, 0.4, scores);
                let selected = |rank| {
                    let mut learner = build(&description, &policies).of_rank(rank);
                    let minibatch = images(image, 0, 4 * rank..4 * rank + 4);
                    learner.gradient(&learner.context(), &minibatch).unwrap();
                    selected(learner.network())
                };
                let first = selected(0);
                assert!(!first.is_empty(), "{name}, {estimator}");
                (1..RANKS).all(|rank| selected(rank) == first)
            };
            assert!(agree(Scores::Weights), "{name}, {estimator}");
            // By themselves they have no norms of others.
            assert!(!agree(Scores::Shared), "{name}, {estimator}");
            assert!(!agree(Scores::Both), "{name}, {estimator}");
        }
    }
}

#[test]
#[ignore = "slow"]
fn slices_train_to_the_bits_of_whole_gradients_on_every_rank() {
    for (name, description, image) in networks() {
        for (estimator, scores) in [
            (Estimator::TopK, Scores::Weights),
            (Estimator::Bernoulli, Scores::Weights),
            (Estimator::TopK, Scores::Shared),
            (Estimator::ColumnRow, Scores::Shared),
            (Estimator::TopK, Scores::SharedBefore),
            (Estimator::Bernoulli, Scores::SharedBefore),
        ] {
            let policies = policies(estimator, 0.4, scores);
            let run =
                |exchange| train_fours(&description, &policies, image, exchange, RANKS, 4).unwrap();
            let ((slices, found), (whole, expected)) =
                (run(Exchange::Slices), run(Exchange::Whole));
            assert_eq!(found, expected, "{name}, {estimator}, {scores:?}");
            for (slices, whole) in slices.iter().zip(&whole) {
                assert!(slices.sent < whole.sent, "{name}, {estimator}, {scores:?}");
                assert_eq!((whole.sent, slices.all), (whole.all, whole.all));
                assert_eq!(slices.norms > 0, scores != Scores::Weights);
            }
        }
    }
}

/// Messages of a layer each, of some layers and of all, sent during the backward pass and after it.
#[test]
fn neither_overlap_nor_the_length_of_messages_changes_a_bit() {
    for (name, description, image) in networks() {
        let policies = policies(Estimator::TopK, 0.4, Scores::Shared);
        let run = |numbers: usize, overlaps: bool, exchange: Exchange| {
            let work = |threads: &mut Threads| -> Outcome {
                let rank = threads.rank();
                let peer = Peer::new(build(&description, &policies), Box::new(threads), exchange)?;
                let peer = peer.with_messages_of(numbers);
                let mut peer = if overlaps { peer } else { peer.without_overlap() };
                let steps = (0..3)
                    .map(|step| Ok(peer.step(&images(image, step, 4 * rank..4 * rank + 4))?.sent));
                let sent = steps.collect::<Result<Vec<_>, ExchangeError>>()?;
                Ok((sent, peer.learner().network().parameters()))
            };
            Threads::run(RANKS, work, |threads| work(threads).map(drop)).unwrap()
        };
        for exchange in [Exchange::Whole, Exchange::Slices] {
            let expected = run(usize::MAX, false, exchange);
            for numbers in [1, 1000, usize::MAX] {
                for overlaps in [true, false] {
                    let found = run(numbers, overlaps, exchange);
                    assert_eq!(found, expected, "{name}, {numbers}, {overlaps}, {exchange:?}");
                }
            }
        }
    }
}

/// The features and channels that a network has selected, layer by layer.
fn selected(network: &mut Network) -> Vec<Vec<u32>> {
    let mut lists = Vec::new();
    network.visit_parameters(&mut |parameter| match parameter.gradient {
        Gradient::Dense(_) => {}
        Gradient::Rows { indices, .. }
        | Gradient::Block { rows: indices, .. }
        | Gradient::Columns { columns: indices, .. } => {
            lists.push(indices.to_vec());
        }
    });
    lists
}

/// What four samples of each of three ranks select in the steps of a training.
fn selections(description: &Description, image: ImageShape, scores: Scores) -> Vec<Vec<Vec<u32>>> {
    let policies = policies(Estimator::TopK, 0.4, scores);
    let work = |threads: &mut Threads| {
        let rank = threads.rank();
        let learner = build(description, &policies);
        let mut peer = Peer::new(learner, Box::new(threads), Exchange::Whole)?;
        let steps = (0..2).map(|step| {
            peer.step(&images(image, step, 4 * rank..4 * rank + 4))?;
            Ok(selected(peer.learner().network()))
        });
        steps.collect::<Result<Vec<_>, ExchangeError>>()
    };
    Threads::run(RANKS, work, |threads| work(threads).map(drop)).unwrap()
}

#[test]
fn shared_norms_select_as_one_rank_with_all_samples() {
    // The first layer alone: what comes after it is the same only to rounding, and dropout draws
    // for every rank anew.
    let image = ImageShape::new(1, 8, 8);
    let description = mlp(image.len(), &[40], 5, 0.0);
    let of_all = |step: usize, scores| {
        let mut learner = build(&description, &policies(Estimator::TopK, 0.4, scores));
        let context = learner.context();
        learner.gradient(&context, &images(image, step as u64, 0..4 * RANKS)).unwrap();
        selected(learner.network())[0].clone()
    };
    let first = |scores, step: usize| selections(&description, image, scores)[step][0].clone();
    let expected = of_all(0, Scores::Both);
    assert_eq!(first(Scores::Shared, 0), expected);
    // The norms of the step before are none in the first step; in the second, they are its.
    assert_eq!(first(Scores::SharedBefore, 0), of_all(0, Scores::Weights));
    assert_ne!(first(Scores::SharedBefore, 0), expected);
    assert_ne!(first(Scores::SharedBefore, 1), of_all(1, Scores::Both));
    assert_ne!(first(Scores::Both, 0), expected, "rank 0 by its own samples");
}

/// Every number of the gradient, also the zeros.
fn whole_gradient(network: &mut Network) -> Vec<f32> {
    let mut all = Vec::new();
    network.visit_parameters(&mut |parameter| parameter.append_gradient(&mut all));
    all
}

#[test]
fn threads_train_to_the_bits_of_sums_by_hand() {
    for (name, description, image) in networks() {
        let policies = policies(Estimator::TopK, 0.4, Scores::Weights);
        let mut learners = [0, 1, 2].map(|rank| build(&description, &policies).of_rank(rank));
        for step in 0..3 {
            let mut gradients = Vec::new();
            for (rank, learner) in learners.iter_mut().enumerate() {
                let context = learner.context();
                learner.gradient(&context, &images(image, step, 4 * rank..4 * rank + 4)).unwrap();
                gradients.push(whole_gradient(learner.network()));
            }
            let mean = |place: usize| {
                let terms = gradients.iter().map(|gradient| f64::from(gradient[place]));
                terms.fold(-0.0, |sum, term| sum + 4.0 / 12.0 * term) as f32
            };
            let means: Vec<f32> = (0..gradients[0].len()).map(mean).collect();
            for learner in &mut learners {
                let (network, optimizer) = learner.parts();
                optimizer.begin_step();
                let mut rest = &means[..];
                network.visit_parameters(&mut |parameter| {
                    let (numbers, after) = rest.split_at(parameter.values.len());
                    rest = after;
                    optimizer.update(Parameter { gradient: Gradient::Dense(numbers), ..parameter });
                });
            }
        }
        let expected = learners[0].network().parameters();
        for exchange in [Exchange::Slices, Exchange::Whole] {
            let found = train_fours(&description, &policies, image, exchange, 3, 3).unwrap().1;
            assert!(found == expected, "{name}, {exchange:?}");
        }
    }
}

#[test]
#[ignore = "slow"]
fn the_numbers_sent_are_those_that_the_description_counts() {
    let small = ImageShape::new(3, 16, 16);
    let resnet = ("ResNet-18", resnet(18, small, 5).unwrap(), small);
    for (name, description, image) in networks().into_iter().chain([resnet]) {
        for (ratio, scores) in [
            (1.0, Scores::Weights),
            (0.5, Scores::Weights),
            (0.3, Scores::Shared),
            (0.3, Scores::SharedBefore),
        ] {
            let policies = policies(Estimator::TopK, ratio, scores);
            let (sent, _) =
                train_fours(&description, &policies, image, Exchange::Slices, 2, 1).unwrap();
            let expected = description.gradient_numbers(&policies).unwrap();
            assert_eq!(sent, [expected], "{name} at {ratio}, {scores:?}");
            assert_eq!(expected.sent == expected.all, ratio == 1.0);
        }
    }
}

#[test]
fn different_selections_are_refused_and_change_nothing() {
    for (name, description, image) in networks() {
        let policies = policies(Estimator::TopK, 0.4, Scores::Both);
        let run = |exchange| train_fours(&description, &policies, image, exchange, RANKS, 1);
        let error = run(Exchange::Slices).unwrap_err();
        assert!(matches!(error, ExchangeError::SelectionsDiffer { .. }), "{name}: {error}");
        assert!(error.to_string().contains("scores: weights"), "{error}");
        // Whole gradients can be added up whatever was selected.
        assert!(run(Exchange::Whole).is_ok(), "{name}");
    }
}

#[test]
fn shares_of_any_size_make_the_step_of_the_whole_minibatch() {
    let (image, samples) = (ImageShape::new(1, 8, 8), 10);
    let description = mlp(image.len(), &[40, 30], 5, 0.0);
    let run = |starts: &[usize]| {
        let learner = |_| build(&description, &LayerPolicies::default());
        train(&learner, image, Exchange::Slices, starts, 3).unwrap().1
    };
    let expected = run(&[0, samples]);
    for (x, y) in run(&[0, 1, 4, samples]).into_iter().zip(expected) {
        assert!((x - y).abs() < 1e-5, "{x} and {y}");
    }
}

#[test]
fn a_rank_that_cannot_select_ends_the_run_and_no_weight_changes() {
    let policy = SamplingPolicy {
        scores: Scores::Weights,
        ..SamplingPolicy::new(Estimator::ColumnRowMixture { epsilon: 5.0 }, 0.5, 1, Mode::Forward)
    };
    // A layer does not check its policy: descriptions do.
    let learner = |rank| {
        let policy = Some(policy).filter(|_| rank == 1);
        let layer = Linear::new("only", 64, 5, policy, Stream::new(1, "layer"));
        learner(Network::new(vec![Box::new(layer)]))
    };
    let image = ImageShape::new(1, 8, 8);
    let error = train(&learner, image, Exchange::Whole, &[0, 2, 4, 6], 1).unwrap_err();
    assert!(matches!(error, ExchangeError::Step(StepError::Selection(_))), "{error}");
    assert!(error.to_string().starts_with("layer 'only' cannot be sampled: "), "{error}");
}

#[test]
fn a_loss_that_is_no_number_on_one_rank_is_none_on_all() {
    let description = mlp(64, &[5], 5, 0.0);
    let work = |threads: &mut Threads| {
        let rank = threads.rank();
        let learner = build(&description, &LayerPolicies::default());
        let mut peer = Peer::new(learner, Box::new(threads), Exchange::Whole)?;
        let mut minibatch = images(ImageShape::new(1, 8, 8), 0, 2 * rank..2 * rank + 2);
        if rank == 1 {
            minibatch.input.data_mut()[3] = f32::NAN;
        }
        let outcome = peer.step(&minibatch).map(drop);
        let diverged = matches!(outcome, Err(ExchangeError::Step(StepError::Diverged { .. })));
        assert!(diverged, "rank {rank}: {outcome:?}");
        outcome
    };
    assert!(Threads::run(RANKS, work, work).is_err());
}

#[test]
fn ranks_start_with_the_same_weights_or_not_at_all() {
    let description = mlp(64, &[5], 5, 0.0);
    let start = |odd: usize| {
        let learner = |rank| {
            let weights = Stream::new(u64::from(rank == odd), "weights");
            learner(description.build(&LayerPolicies::default(), weights).unwrap())
        };
        train(&learner, ImageShape::new(1, 8, 8), Exchange::Whole, &[0, 1, 2, 3], 0)
    };
    assert!(start(RANKS).is_ok());
    assert_eq!(start(2).unwrap_err(), ExchangeError::WeightsDiffer { rank: 2 });
}

#[test]
fn sums_are_of_64_bits_and_in_the_order_of_the_ranks() {
    // In f32, or begun with the last rank, the ones would be lost.
    let (large, segments) = (2f32.powi(60), 2);
    let ranks = [[large, 1.0], [-large, 2f32.powi(30)], [1.0, -(2f32.powi(30))]].concat();
    let mut sums = vec![0.0; segments];
    averaging::average(&ranks, &[1.0; 3], &mut sums);
    assert_eq!(sums, [1.0, 1.0]);
    let mut one = [0.0];
    averaging::average(&[-0.0], &[1.0], &mut one);
    assert!(one[0].is_sign_negative());
}

/// What a network has after three steps of ranks, running statistics included, and whether these are
/// the same on all.
fn after_three_steps(
    description: &Description,
    image: ImageShape,
    starts: &[usize],
    synchronises: bool,
) -> (Vec<f32>, bool) {
    let work = |threads: &mut Threads| -> Result<_, ExchangeError> {
        let rank = threads.rank();
        let learner = build(description, &LayerPolicies::default());
        let peer = Peer::new(learner, Box::new(threads), Exchange::Whole)?;
        let mut peer = peer.with_synchronised_batch_norm(synchronises);
        for step in 0..3 {
            peer.step(&images(image, step, starts[rank]..starts[rank + 1]))?;
        }
        let mut state = Vec::new();
        peer.learner().network().visit_state(&mut |_, values| state.extend_from_slice(values));
        let bytes: Vec<u8> = state.iter().flat_map(|number| number.to_le_bytes()).collect();
        let agree = peer.collective().agree(&bytes).is_ok();
        Ok((state, agree))
    };
    Threads::run(starts.len() - 1, work, |threads| work(threads).map(drop)).unwrap()
}

#[test]
fn synchronised_batch_norm_trains_as_one_rank_on_the_whole_minibatch() {
    let image = ImageShape::new(3, 8, 8);
    let description = wrn(10, 1, image, 5).unwrap();
    let (whole, _) = after_three_steps(&description, image, &[0, 12], false);
    let distance = |state: &[f32]| {
        let squares = |numbers: &mut dyn Iterator<Item = f32>| -> f32 {
            numbers.map(|number| number * number).sum()
        };
        let apart = squares(&mut state.iter().zip(&whole).map(|(one, other)| one - other));
        (apart / squares(&mut whole.iter().copied())).sqrt()
    };
    for starts in [&[0, 6, 12][..], &[0, 3, 10, 12]] {
        let (synchronised, agree) = after_three_steps(&description, image, starts, true);
        let (local, locals_agree) = after_three_steps(&description, image, starts, false);
        let [near, far] = [&synchronised, &local].map(|state| distance(state));
        assert!(agree && near < 1e-4, "{starts:?}: {near}");
        // The control: statistics of each rank's own images.
        assert!(!locals_agree && far > 1e-2, "{starts:?}: {far}");
    }
    // One rank has nobody to share with.
    assert_eq!(after_three_steps(&description, image, &[0, 12], true).0, whole);
}

#[test]
fn a_rank_whose_loss_is_no_number_leaves_no_other_waiting_for_its_statistics() {
    let image = ImageShape::new(3, 8, 8);
    let description = wrn(10, 1, image, 5).unwrap();
    let work = |threads: &mut Threads| -> Result<_, ExchangeError> {
        let rank = threads.rank();
        let learner = build(&description, &LayerPolicies::default());
        let peer = Peer::new(learner, Box::new(threads), Exchange::Whole)?;
        let mut share = images(image, 0, 4 * rank..4 * rank + 4);
        if rank == 1 {
            share.input.data_mut().fill(f32::NAN);
        }
        Ok(peer.with_synchronised_batch_norm(true).step(&share).unwrap_err())
    };
    let error = Threads::run(2, work, |threads| work(threads).map(drop)).unwrap();
    assert!(matches!(error, ExchangeError::Step(StepError::Diverged { .. })), "{error}");
}
