//! Text through embedding, long short-term memory and words: it is learnt, and sampled words are.

use kernels::{Estimator, InstructionSet};
use std::ops::ControlFlow;
use training::checkpoint::Checkpoint;
use training::data::{Corpus, generated_text};
use training::optimizer::LookaheadConfig;
use training::sampling::{LayerPolicies, Mode, SamplingPolicy};
use training::train::{BatchNormStatistics, Trainer, TrainingConfig, TrainingReport};

fn config() -> TrainingConfig {
    let settings = "
        network: {name: lstm, width: 24, layers: 1, steps: 8, bound: 0.3}
        batch_size: 10
        epochs: 3
        optimizer: {name: adam, learning_rate: 0.01}
        gradient_norm: 1.0
        seed: 1";
    serde_yaml::from_str(settings).unwrap()
}

/// The same, all products sampled by a policy.
fn sampled(config: TrainingConfig, policy: SamplingPolicy) -> TrainingConfig {
    let policies = LayerPolicies { default: Some(policy), ..LayerPolicies::default() };
    TrainingConfig { policies, ..config }
}

fn trainer<'a>(config: &'a TrainingConfig, corpus: &'a Corpus) -> Trainer<'a> {
    Trainer::on_text(config, corpus, InstructionSet::detect()).unwrap()
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

fn run(config: &TrainingConfig, corpus: &Corpus) -> TrainingReport {
    finish(trainer(config, corpus))
}

#[test]
fn a_chain_of_words_is_learnt() {
    let corpus = generated_text(3, 20_000, 2_000, 2_000);
    let perplexity = |report: &TrainingReport| report.epochs[2].test.loss.exp();
    let exact = run(&config(), &corpus);
    // By frequency alone it is at least 84, and 3.67 where the chain is known.
    assert!(perplexity(&exact) < 8.0, "{}", perplexity(&exact));
    let policy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);
    let sampled = run(&sampled(config(), policy), &corpus);
    assert!(perplexity(&sampled) < 16.0, "{}", perplexity(&sampled));
    assert!(sampled.computations.share() < 0.75 && exact.computations.share() == 1.0);
    assert_ne!(exact.parameters, sampled.parameters);
}

#[test]
fn minibatches_one_by_one_are_the_same_training() {
    let (config, corpus) = (config(), generated_text(3, 3_000, 300, 300));
    // A new source of minibatches is begun in the middle, whose sequences go on.
    let parts = finish_in_parts(trainer(&config, &corpus), 7);
    assert_eq!(parts, run(&config, &corpus));
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
    let policy = SamplingPolicy::new(Estimator::Bernoulli, 0.5, 1, Mode::Forward);
    for config in [config(), eventful()].map(|config| sampled(config, policy)) {
        let whole = finish(trainer(&config, &corpus));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        for steps in [7, 37, 50] {
            let mut stopped = trainer(&config, &corpus);
            stopped.advance(steps, &mut |_| ControlFlow::Continue(())).unwrap();
            stopped.checkpoint().save(&path).unwrap();
            let resumed = trainer(&config, &corpus);
            let resumed = resumed.resume(Checkpoint::load(&path).unwrap()).unwrap();
            assert_eq!(finish(resumed), whole, "{steps} steps");
        }
        // Without what the sequences carry over it would be another training.
        let mut stopped = trainer(&config, &corpus);
        stopped.advance(7, &mut |_| ControlFlow::Continue(())).unwrap();
        let mut checkpoint = stopped.checkpoint();
        let carried = checkpoint.network.iter_mut().filter(|(name, _)| name.contains("carried"));
        carried.for_each(|(_, numbers)| numbers.fill(0.0));
        let resumed = trainer(&config, &corpus).resume(checkpoint).unwrap();
        assert_ne!(finish(resumed), whole);
    }
}

#[test]
fn evaluations_and_rehearsals_leave_what_is_carried_over_alone() {
    let corpus = generated_text(3, 3_000, 300, 300);
    let policy = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);
    let config = sampled(eventful(), policy);
    let mut asked = trainer(&config, &corpus);
    asked.advance(5, &mut |_| ControlFlow::Continue(())).unwrap();
    let before = asked.network().state();
    asked.evaluate(config.batch_norm_statistics).unwrap();
    assert_eq!(asked.network().state(), before);
    // A budget at its greatest keeps all pairs: what is left is whether asking changes the run.
    let whole = |course: &str| {
        let course = serde_yaml::from_str(course).unwrap();
        let config = TrainingConfig { course, ..self::config() };
        let policy = SamplingPolicy { ratio: 1.0, ..policy };
        run(&sampled(config, policy), &corpus).epochs
    };
    let budget = "{ratios: {name: greedy-budget, share: 1, every_epochs: 1}}";
    assert_eq!(whole(budget), whole("{ratios: {name: constant}}"));
}

#[test]
fn settings_for_images_are_refused() {
    let corpus = generated_text(3, 3_000, 300, 300);
    let refused = |change: &str| {
        let mut settings = serde_yaml::to_value(config()).unwrap();
        let changes: serde_yaml::Mapping = serde_yaml::from_str(change).unwrap();
        settings.as_mapping_mut().unwrap().extend(changes);
        let config: TrainingConfig = serde_yaml::from_value(settings).unwrap();
        let error = Trainer::on_text(&config, &corpus, InstructionSet::detect()).err().unwrap();
        error.to_string()
    };
    let found = refused("{augmentation: {padding: 2, flip: false}}");
    assert_eq!(found, "augmentation is set, expected none: it is for images");
    let found = refused("{network: {name: cnn}}");
    assert_eq!(found, "network.name is CNN, expected a network that reads a text");
    let found = refused("{policies: {never: [lstm2.inputs]}}");
    assert!(found.contains("lstm2.inputs"), "{found}");
}
