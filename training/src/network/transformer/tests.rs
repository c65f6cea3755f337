use super::*;
use crate::data::Minibatch;
use crate::layer::{Scale, StepContext};
use crate::learner::Learner;
use crate::matrix::Matrix;
use crate::network::Network;
use crate::optimizer::OptimizerConfig;
use crate::sampling::{Mode, SamplingPolicy, Scores};
use kernels::random::{below, standard_normal};
use kernels::{Estimator, InstructionSet};
use testing::assert_same_bits;

const SMALL: Transformer = Transformer { width: 16, heads: 2, blocks: 2, steps: 8, words: 5 };
const SEQUENCES: usize = 6;

fn layers(sizes: Transformer, policies: &LayerPolicies) -> Vec<Box<dyn Layer>> {
    let rows = Box::new(Scale::new(1.0));
    transformer_layers(rows, sizes, policies, Stream::new(5, "transformer")).unwrap()
}

fn top_k(ratio: f64, mode: Mode) -> LayerPolicies {
    LayerPolicies::uniform(Some(SamplingPolicy::new(Estimator::TopK, ratio, 1, mode)))
}

fn learner(sizes: Transformer, policies: &LayerPolicies) -> Learner {
    let adam = OptimizerConfig::Adam { learning_rate: 0.003 };
    let (network, stream) = (Network::new(layers(sizes, policies)), Stream::new(5, "run"));
    Learner::new(network, adam, InstructionSet::detect(), stream)
}

/// Texts of random tokens, each a vector of its own. The label of a token is the token before it;
/// of the first, itself.
fn texts(sizes: Transformer, sequences: usize, seed: u64) -> Minibatch {
    let mut rng = Stream::new(7, "vectors").at(0);
    let mut draw = |_| standard_normal(&mut rng) as f32;
    let vectors: Vec<f32> = (0..sizes.words * sizes.width).map(&mut draw).collect();
    let mut rng = Stream::new(seed, "texts").at(0);
    let count = sizes.steps * sequences;
    let tokens: Vec<usize> = (0..count).map(|_| below(&mut rng, sizes.words)).collect();
    let vector = |&token: &usize| vectors[token * sizes.width..][..sizes.width].to_vec();
    let rows = tokens.iter().flat_map(vector).collect();
    let label = |row: usize| tokens[row.checked_sub(sequences).unwrap_or(row)] as u16;
    let labels = (0..count).map(label).collect();
    Minibatch::new(Matrix::from_rows(count, sizes.width, rows), labels)
}

#[test]
fn layers_are_called_by_their_places_and_policies_go_by_these_names() {
    let mut policies = top_k(0.5, Mode::Forward);
    policies.never = vec!["linear".to_owned(), "block2.attention.qkv".to_owned()];
    let mut network = Chain::new(layers(SMALL, &policies));
    let (mut states, mut sampled) = (Vec::new(), Vec::new());
    network.visit_state(&mut |name, _| states.push(name.to_owned()));
    network.visit_sampled(&mut |layer| sampled.push(layer.name.to_owned()));
    let of_block = |block: usize| {
        [
            "attention.norm.gain",
            "attention.norm.shift",
            "attention.qkv.weight",
            "attention.qkv.bias",
        ]
        .into_iter()
        .chain(["attention.projection.weight", "attention.projection.bias"])
        .chain(["feed-forward.norm.gain", "feed-forward.norm.shift"])
        .chain(["feed-forward.linear-1.weight", "feed-forward.linear-1.bias"])
        .chain(["feed-forward.linear-2.weight", "feed-forward.linear-2.bias"])
        .map(move |part| format!("block{block}.{part}"))
    };
    let mut expected = vec!["positions.weight".to_owned()];
    expected.extend(of_block(1).chain(of_block(2)));
    expected.extend(["norm.gain", "norm.shift", "linear.weight", "linear.bias"].map(str::to_owned));
    assert_eq!(states, expected);
    let mut named = SMALL.linear_names();
    named.retain(|name| !policies.never.contains(name));
    assert_eq!(sampled, named);
}

#[test]
fn sizes_and_policies_that_make_no_sense_are_named() {
    let error = |sizes, policies: &LayerPolicies| {
        let rows = Box::new(Scale::new(1.0));
        let layers = transformer_layers(rows, sizes, policies, Stream::new(1, "transformer"));
        layers.err().unwrap().to_string()
    };
    let none = LayerPolicies::default();
    for (sizes, expected) in [
        (Transformer { heads: 3, ..SMALL }, "heads is 3"),
        (Transformer { heads: 0, ..SMALL }, "heads is 0"),
        (Transformer { width: 0, ..SMALL }, "width is 0"),
        (Transformer { blocks: 0, ..SMALL }, "blocks is 0"),
        (Transformer { steps: 0, ..SMALL }, "steps is 0"),
        (Transformer { words: 0, ..SMALL }, "words is 0"),
    ] {
        let found = error(sizes, &none);
        assert!(found.contains(expected), "{found}");
    }
    let other = LayerPolicies { never: vec!["block3.attention.qkv".to_owned()], ..none };
    let found = error(SMALL, &other);
    assert!(found.contains("block3.attention.qkv") && found.contains("block2"), "{found}");
}

#[test]
fn no_word_is_told_from_later_ones_or_from_another_text() {
    let mut network = Network::new(layers(SMALL, &LayerPolicies::default()));
    let context = StepContext::evaluation(InstructionSet::detect());
    let Minibatch { input, .. } = texts(SMALL, SEQUENCES, 1);
    let expected = network.forward(&context, &input).clone();
    for step in 0..SMALL.steps {
        let (mut other, row) = (input.clone(), step * SEQUENCES + 4);
        other.data_mut()[row * SMALL.width] += 1.0;
        let found = network.forward(&context, &other);
        let changed: Vec<usize> =
            (0..other.rows()).filter(|&row| found.row(row) != expected.row(row)).collect();
        let later = (step..SMALL.steps).map(|step| step * SEQUENCES + 4);
        assert_eq!(changed, later.collect::<Vec<_>>());
    }
}

#[test]
fn a_sampled_training_step_sees_ahead_by_what_it_selects_where_scores_are_of_activations() {
    let Minibatch { input, .. } = texts(SMALL, SEQUENCES, 1);
    let last = input.rows() - 1;
    let mut other = input.clone();
    other.data_mut()[last * SMALL.width..].iter_mut().zip(0..).for_each(|(x, i)| *x += i as f32);
    let changed = |mode, scores| {
        let mut policies = top_k(0.5, mode);
        policies.default.iter_mut().for_each(|policy| policy.scores = scores);
        let context = StepContext::training(InstructionSet::detect(), Stream::new(5, "run"), 0);
        let [one, other] = [&input, &other].map(|input| {
            let mut network = Network::new(layers(SMALL, &policies));
            network.forward(&context, input).clone()
        });
        (0..input.rows()).filter(|&row| one.row(row) != other.row(row)).collect::<Vec<_>>()
    };
    assert_eq!(changed(Mode::Forward, Scores::Weights), [last]);
    assert_eq!(changed(Mode::Backward, Scores::Both), [last]);
    assert!(changed(Mode::Forward, Scores::Both).contains(&0));
}

#[test]
fn a_network_learns_what_only_attention_can_tell() {
    // The token before is independent of the one that is seen: without attention nothing is below
    // log(words) of it on average.
    let chance = (SMALL.words as f64).ln();
    for policies in [LayerPolicies::default(), top_k(0.5, Mode::Backward)] {
        let mut learner = learner(SMALL, &policies);
        let mut loss = |seed| learner.step(&texts(SMALL, 20, seed)).unwrap().mean();
        let first = loss(0);
        let last = (1..300).map(loss).last().unwrap();
        assert!(first > 0.8 * chance && last < 0.2 * chance, "{first} and {last}, {chance}");
    }
}

#[test]
fn every_thread_count_and_instruction_set_trains_to_the_same_bits() {
    let policies = top_k(0.5, Mode::Forward);
    assert_same_bits(&[1, 2, 4], |set| {
        let adam = OptimizerConfig::Adam { learning_rate: 0.003 };
        let network = Network::new(layers(SMALL, &policies));
        let mut learner = Learner::new(network, adam, set, Stream::new(5, "run"));
        for seed in 0..3 {
            learner.step(&texts(SMALL, SEQUENCES, seed)).unwrap();
        }
        learner.network().parameters()
    });
}

/// The model of the note on sampling a transformer.
const OF_THE_NOTE: Transformer =
    Transformer { width: 128, heads: 4, blocks: 7, steps: 128, words: 10_000 };

#[test]
fn the_model_of_the_note_has_its_parameters_and_its_costs() {
    let Transformer { width, blocks, steps, words, .. } = OF_THE_NOTE;
    let [width, blocks, steps, words] = [width, blocks, steps, words].map(|size| size as u64);
    let in_blocks = 12 * width * width * blocks;
    let [inside, output] = [2 * steps * width * blocks, width * words];
    assert_eq!([in_blocks, inside, output], [1_376_256, 229_376, 1_280_000]);
    let minibatch = texts(OF_THE_NOTE, 1, 1);
    let parameters = |learner: &mut Learner| learner.network().parameters().len() as u64;
    for (policies, of_linear) in [
        (LayerPolicies::default(), (1, 1)),
        (top_k(0.5, Mode::Forward), (1, 2)),
        (top_k(0.25, Mode::Forward), (1, 4)),
        (top_k(0.5, Mode::Backward), (2, 3)),
    ] {
        let mut learner = learner(OF_THE_NOTE, &policies);
        // With the embedding, which is not there.
        assert_eq!(parameters(&mut learner) + words * width, 3_974_544);
        learner.step(&minibatch).unwrap();
        let found = learner.network().take_computations();
        let linear = |(part, of)| 3 * steps * (in_blocks + output) * part / of;
        assert_eq!(found.exact, linear((1, 1)) + 3 * steps * inside);
        assert_eq!(found.performed, linear(of_linear) + 3 * steps * inside);
    }
}
