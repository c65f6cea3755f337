//! A language model of long short-term memory: the small one of Zaremba, Sutskever and Vinyals
//! (2014, arXiv 1409.2329), with exact products or sampled ones.
//!
//! `cargo run --release -p training --example language_model -- FOLDER EPOCHS RATIO`
//!
//! The folder holds the Penn Treebank (ptb.train.txt and so on); without one, or with `-`, the text
//! is drawn by code. A ratio below 1 samples all products by top-k, but for that of a step with the
//! step before.

use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use std::path::Path;
use std::time::Instant;
use training::data::{
    Epoch, EvaluationSet, Minibatch, Source, TextSource, generated_text, load_penn_treebank,
};
use training::layer::{Embedding, Layer, Linear, Lstm, LstmShape};
use training::learner::Learner;
use training::network::Network;
use training::optimizer::OptimizerConfig;
use training::sampling::{Mode, SamplingPolicy};

const WIDTH: usize = 200;
const STEPS: usize = 20;
const SEQUENCES: usize = 20;
/// Weights are uniform in plus or minus this at first.
const BOUND: f64 = 0.1;
/// The source has a rate of 1 and shortens gradients to 5, of losses that are summed over the steps
/// of a window; of their mean both are so many times smaller, and the rate as many times larger.
const LEARNING_RATE: f32 = STEPS as f32;
const GRADIENT_NORM: f32 = 5.0 / STEPS as f32;
/// Epochs at the full rate, which is halved before every later one.
const FULL_RATE: u64 = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let corpus = match arguments.first() {
        Some(folder) if folder != "-" => load_penn_treebank(Path::new(folder))?,
        _ => generated_text(1, 100_000, 5_000, 5_000),
    };
    let epochs: u64 = arguments.get(1).map_or(Ok(3), |epochs| epochs.parse())?;
    let ratio: f64 = arguments.get(2).map_or(Ok(1.0), |ratio| ratio.parse())?;
    let top_k = SamplingPolicy::new(Estimator::TopK, ratio, 1, Mode::Forward);
    let policy = (ratio < 1.0).then_some(top_k);
    let (stream, words) = (Stream::new(1, "language model"), corpus.vocabulary.len());
    let shape = LstmShape { inputs: WIDTH, units: WIDTH, steps: STEPS, sequences: SEQUENCES };
    let weights = |name: &str| stream.child(name);
    let layers: Vec<Box<dyn Layer>> = vec![
        Box::new(Embedding::new("embedding", words, WIDTH, BOUND, weights("embedding"))),
        Box::new(Lstm::new("lstm1", shape, BOUND, policy, weights("lstm1"))),
        Box::new(Lstm::new("lstm2", shape, BOUND, policy, weights("lstm2"))),
        Box::new(Linear::new("words", WIDTH, words, policy, weights("words"))),
    ];
    let descent = OptimizerConfig::Sgd {
        learning_rate: LEARNING_RATE,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    let set = InstructionSet::detect();
    let mut learner = Learner::new(Network::new(layers), descent, set, stream)
        .with_gradient_norm(Some(GRADIENT_NORM));
    let mut source = TextSource::new(&corpus, SEQUENCES, STEPS)?;
    println!("{}: {words} words, {} to learn from", corpus.name, corpus.train.len());
    for epoch in 0..epochs {
        let started = Instant::now();
        let halvings = epoch.saturating_sub(FULL_RATE - 1) as i32;
        learner.set_rate_factor(0.5f32.powi(halvings));
        let (mut minibatch, mut loss) = (Minibatch::default(), 0.0);
        let mut windows = source.epoch(&Epoch::new(stream, epoch, SEQUENCES))?;
        let mut count = 0;
        while windows.next_into(&mut minibatch)? {
            loss += learner.step(&minibatch)?.mean();
            count += 1;
        }
        drop(windows);
        let seconds = started.elapsed().as_secs_f64();
        let share = learner.network().take_computations().share();
        let judged = |learner: &mut Learner, source: &mut TextSource<'_>, set| {
            let mut windows = source.evaluation(set)?;
            learner.evaluate(&mut *windows).map(|metrics| metrics.loss.exp())
        };
        let valid = judged(&mut learner, &mut source, EvaluationSet::HeldOut)?;
        let test = judged(&mut learner, &mut source, EvaluationSet::Test)?;
        println!(
            "epoch {}: perplexity {:.2} in training, {valid:.2} held out, {test:.2} in the test; \
             {:.1} % of the computations, {seconds:.1} s",
            epoch + 1,
            f64::exp(loss / f64::from(count)),
            100.0 * share,
        );
    }
    Ok(())
}
