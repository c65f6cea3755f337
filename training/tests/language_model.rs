//! Text through embedding, long short-term memory and words: it is learnt, and sampled words are.

use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use std::ops::ControlFlow;
use training::data::{Corpus, TextSource, generated_text};
use training::exchange::Alone;
use training::layer::{Embedding, Layer, Linear, Lstm, LstmShape};
use training::network::{Network, NetworkConfig};
use training::optimizer::OptimizerConfig;
use training::sampling::{Mode, SamplingPolicy};
use training::train::{Trainer, TrainingConfig, TrainingReport};

const SEQUENCES: usize = 10;
const STEPS: usize = 8;
const WIDTH: usize = 24;

fn network(words: usize, policy: Option<SamplingPolicy>) -> Network {
    let stream = Stream::new(2, "language model");
    let shape = LstmShape { inputs: WIDTH, units: WIDTH, steps: STEPS, sequences: SEQUENCES };
    let weights = |name: &str| stream.child(name);
    let layers: Vec<Box<dyn Layer>> = vec![
        Box::new(Embedding::new("embedding", words, WIDTH, 0.5, weights("embedding"))),
        Box::new(Lstm::new("lstm", shape, 0.3, weights("lstm"))),
        Box::new(Linear::new("words", WIDTH, words, policy, weights("words"))),
    ];
    Network::new(layers)
}

fn config() -> TrainingConfig {
    let adam = OptimizerConfig::Adam { learning_rate: 0.01 };
    // What is trained is built above.
    let unused = NetworkConfig::Mlp { hidden: vec![1], dropout: 0.0 };
    let config = TrainingConfig::new(unused, SEQUENCES, 3, adam, 1);
    TrainingConfig { gradient_norm: Some(1.0), ..config }
}

fn run(corpus: &Corpus, policy: Option<SamplingPolicy>, steps: usize) -> TrainingReport {
    let config = config();
    let source = Box::new(TextSource::new(corpus, SEQUENCES, STEPS).unwrap());
    let network = network(corpus.vocabulary.len(), policy);
    let set = InstructionSet::detect();
    let mut trainer = Trainer::with(&config, network, source, Box::new(Alone), set).unwrap();
    while !trainer.is_finished() {
        trainer.advance(steps, &mut |_| ControlFlow::Continue(())).unwrap();
    }
    trainer.report()
}

#[test]
fn a_chain_of_words_is_learnt() {
    let corpus = generated_text(3, 20_000, 2_000, 2_000);
    let perplexity = |report: &TrainingReport| report.epochs[2].test.loss.exp();
    let exact = run(&corpus, None, usize::MAX);
    // By frequency alone it is at least 84, and 3.67 where the chain is known.
    assert!(perplexity(&exact) < 8.0, "{}", perplexity(&exact));
    let policy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);
    let sampled = run(&corpus, Some(policy), usize::MAX);
    assert!(perplexity(&sampled) < 16.0, "{}", perplexity(&sampled));
    assert!(sampled.computations.share() < 0.75 && exact.computations.share() == 1.0);
    assert_ne!(exact.parameters, sampled.parameters);
}

#[test]
fn minibatches_one_by_one_are_the_same_training() {
    let corpus = generated_text(3, 3_000, 300, 300);
    let whole = run(&corpus, None, usize::MAX);
    // A new source of minibatches is begun in the middle, whose sequences go on.
    assert_eq!(run(&corpus, None, 7), whole);
}
