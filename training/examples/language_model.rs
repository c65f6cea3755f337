//! A language model of long short-term memory: the small one of Zaremba, Sutskever and Vinyals
//! (2014, arXiv 1409.2329), with exact products or sampled ones.
//!
//! `cargo run --release -p training --example language_model -- FOLDER EPOCHS RATIO`
//!
//! The folder holds the Penn Treebank (ptb.train.txt and so on); without one, or with `-`, the text
//! is drawn by code. A ratio below 1 samples all products by top-k, but for that of a step with the
//! step before.

use kernels::{Estimator, InstructionSet};
use std::ops::ControlFlow;
use std::path::Path;
use training::data::{generated_text, load_penn_treebank};
use training::sampling::{Mode, SamplingPolicy};
use training::train::{Trainer, TrainingConfig};

/// The source has a rate of 1, halved before every epoch after the fourth, and shortens gradients to
/// 5, of losses that are summed over the 20 words of a window. Of their mean, as here, the norm is so
/// many times smaller, and the rate as many times larger.
const SETTINGS: &str = "
network: {name: lstm, width: 200, layers: 2, steps: 20, bound: 0.1}
batch_size: 20
epochs: 13
optimizer: {name: sgd, learning_rate: 20, momentum: 0, weight_decay: 0}
schedule: {name: step, factor: 0.5, at: [4, 5, 6, 7, 8, 9, 10, 11, 12]}
gradient_norm: 0.25
seed: 1
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let corpus = match arguments.first() {
        Some(folder) if folder != "-" => load_penn_treebank(Path::new(folder))?,
        _ => generated_text(1, 100_000, 5_000, 5_000),
    };
    let mut config: TrainingConfig = serde_yaml::from_str(SETTINGS)?;
    config.epochs = arguments.get(1).map_or(Ok(3), |epochs| epochs.parse())?;
    let ratio: f64 = arguments.get(2).map_or(Ok(1.0), |ratio| ratio.parse())?;
    if ratio < 1.0 {
        config.policies.default =
            Some(SamplingPolicy::new(Estimator::TopK, ratio, 1, Mode::Forward));
    }
    let words = corpus.vocabulary.len();
    println!("{}: {words} words, {} to learn from", corpus.name, corpus.train.len());
    let trainer = Trainer::on_text(&config, &corpus, InstructionSet::detect())?;
    let mut epochs = 0;
    let report = trainer.finish(&mut |progress| {
        if let Some(metrics) = progress.epoch {
            epochs += 1;
            let [train, valid, test] =
                [metrics.train, metrics.held_out, metrics.test].map(|of| of.loss.exp());
            println!(
                "epoch {epochs}: perplexity {train:.2} in training, {valid:.2} held out, {test:.2} in \
                 the test"
            );
        }
        ControlFlow::Continue(())
    })?;
    println!("{:.1} % of the computations", 100.0 * report.computations.share());
    Ok(())
}
