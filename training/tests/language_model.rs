//! Text through embedding, long short-term memory and words: it is learnt, and sampled words are.

use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use std::ops::ControlFlow;
use training::checkpoint::Checkpoint;
use training::data::{Corpus, TextSource, generated_text};
use training::exchange::Alone;
use training::layer::{Embedding, Layer, Linear, Lstm, LstmShape};
use training::network::{Network, NetworkConfig};
use training::optimizer::{LookaheadConfig, OptimizerConfig};
use training::sampling::{Mode, SamplingPolicy};
use training::train::{BatchNormStatistics, Trainer, TrainingConfig, TrainingReport};

const SEQUENCES: usize = 10;
const STEPS: usize = 8;
const WIDTH: usize = 24;

fn network(words: usize, policy: Option<SamplingPolicy>) -> Network {
    let stream = Stream::new(2, "language model");
    let shape = LstmShape { inputs: WIDTH, units: WIDTH, steps: STEPS, sequences: SEQUENCES };
    let weights = |name: &str| stream.child(name);
    let layers: Vec<Box<dyn Layer>> = vec![
        Box::new(Embedding::new("embedding", words, WIDTH, 0.5, weights("embedding"))),
        Box::new(Lstm::new("lstm", shape, 0.3, policy, weights("lstm"))),
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

fn trainer<'a>(
    config: &'a TrainingConfig,
    corpus: &'a Corpus,
    policy: Option<SamplingPolicy>,
) -> Trainer<'a> {
    let source = Box::new(TextSource::new(corpus, SEQUENCES, STEPS).unwrap());
    let network = network(corpus.vocabulary.len(), policy);
    Trainer::with(config, network, source, Box::new(Alone), InstructionSet::detect()).unwrap()
}

fn finish(trainer: Trainer<'_>) -> TrainingReport {
    finish_in_parts(trainer, usize::MAX)
}

fn finish_in_parts(mut trainer: Trainer<'_>, steps: usize) -> TrainingReport {
    while !trainer.is_finished() {
        trainer.advance(steps, &mut |_| ControlFlow::Continue(())).unwrap();
    }
    trainer.report()
}

fn run(corpus: &Corpus, policy: Option<SamplingPolicy>) -> TrainingReport {
    finish(trainer(&config(), corpus, policy))
}

#[test]
fn a_chain_of_words_is_learnt() {
    let corpus = generated_text(3, 20_000, 2_000, 2_000);
    let perplexity = |report: &TrainingReport| report.epochs[2].test.loss.exp();
    let exact = run(&corpus, None);
    // By frequency alone it is at least 84, and 3.67 where the chain is known.
    assert!(perplexity(&exact) < 8.0, "{}", perplexity(&exact));
    let policy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);
    let sampled = run(&corpus, Some(policy));
    assert!(perplexity(&sampled) < 16.0, "{}", perplexity(&sampled));
    assert!(sampled.computations.share() < 0.75 && exact.computations.share() == 1.0);
    assert_ne!(exact.parameters, sampled.parameters);
}

#[test]
fn minibatches_one_by_one_are_the_same_training() {
    let (config, corpus) = (config(), generated_text(3, 3_000, 300, 300));
    // A new source of minibatches is begun in the middle, whose sequences go on.
    let parts = finish_in_parts(trainer(&config, &corpus, None), 7);
    assert_eq!(parts, run(&corpus, None));
}

/// Whose steps ask more of the network than to learn: averages, scores, statistics.
fn eventful() -> TrainingConfig {
    let course = "{ratios: {name: greedy-budget, share: 0.6, every_epochs: 1}}";
    TrainingConfig {
        lookahead: Some(LookaheadConfig { every: 3, slowness: 0.9 }),
        batch_norm_statistics: BatchNormStatistics::ReEstimated { minibatches: 2 },
        course: serde_yaml::from_str(course).unwrap(),
        ..config()
    }
}

#[test]
fn a_run_stopped_in_the_middle_of_an_epoch_goes_on_from_its_file() {
    let corpus = generated_text(3, 3_000, 300, 300);
    let policy = Some(SamplingPolicy::new(Estimator::Bernoulli, 0.5, 1, Mode::Forward));
    for config in [config(), eventful()] {
        let whole = finish(trainer(&config, &corpus, policy));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        for steps in [7, 37, 50] {
            let mut stopped = trainer(&config, &corpus, policy);
            stopped.advance(steps, &mut |_| ControlFlow::Continue(())).unwrap();
            stopped.checkpoint().save(&path).unwrap();
            let resumed = trainer(&config, &corpus, policy);
            let resumed = resumed.resume(Checkpoint::load(&path).unwrap()).unwrap();
            assert_eq!(finish(resumed), whole, "{steps} steps");
        }
        // Without what the sequences carry over it would be another training.
        let mut stopped = trainer(&config, &corpus, policy);
        stopped.advance(7, &mut |_| ControlFlow::Continue(())).unwrap();
        let mut checkpoint = stopped.checkpoint();
        let carried = checkpoint.network.iter_mut().filter(|(name, _)| name.contains("carried"));
        carried.for_each(|(_, numbers)| numbers.fill(0.0));
        let resumed = trainer(&config, &corpus, policy).resume(checkpoint).unwrap();
        assert_ne!(finish(resumed), whole);
    }
}

#[test]
fn evaluations_and_rehearsals_leave_what_is_carried_over_alone() {
    let corpus = generated_text(3, 3_000, 300, 300);
    let policy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);
    let config = eventful();
    let mut asked = trainer(&config, &corpus, Some(policy));
    asked.advance(5, &mut |_| ControlFlow::Continue(())).unwrap();
    let before = asked.network().state();
    asked.evaluate(config.batch_norm_statistics).unwrap();
    assert_eq!(asked.network().state(), before);
    // A budget at its greatest keeps all pairs: what is left is whether asking changes the run.
    let whole = |course: &str| {
        let course = serde_yaml::from_str(course).unwrap();
        let config = TrainingConfig { course, ..self::config() };
        let policy = SamplingPolicy { ratio: 1.0, ..policy };
        let report = finish(trainer(&config, &corpus, Some(policy)));
        report.epochs
    };
    let budget = "{ratios: {name: greedy-budget, share: 1, every_epochs: 1}}";
    assert_eq!(whole(budget), whole("{ratios: {name: constant}}"));
}
