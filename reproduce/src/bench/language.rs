//! Training steps of language models: sampled beside exact, and exact beside PyTorch.

use std::path::Path;

use kernels::random::{Stream, below};
use training::data::Minibatch;
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{LstmModel, NetworkConfig, TransformerModel};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, SamplingPolicy};

use super::contest::{Comparison, Contest};
use super::python::{Python, SPINNING};
use super::setting::Setting;
use super::steps::Steps;
use crate::timing::{in_turns, rested, timed};

/// What the interpreter runs; its head describes the lines that are exchanged.
const SCRIPT: &str = include_str!("pytorch_language.py");
/// Different words, as in the Penn Treebank.
const WORDS: usize = 10_000;
/// Least speed over PyTorch's.
const SPEED_GOAL: f64 = 1.0;

/// A language model in training.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    /// The network.
    pub network: NetworkConfig,
    /// Sequences of a minibatch.
    pub sequences: usize,
    optimizer: OptimizerConfig,
    gradient_norm: f32,
}

/// The small model of Zaremba, Sutskever and Vinyals, and a small transformer.
pub fn models() -> [LanguageModel; 2] {
    let lstm = LstmModel { width: 200, layers: 2, steps: 20, dropout: 0.0, bound: 0.1 };
    let transformer = TransformerModel { width: 128, heads: 4, blocks: 2, steps: 64 };
    let descent = OptimizerConfig::Sgd {
        learning_rate: 20.0,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    [
        LanguageModel {
            network: NetworkConfig::Lstm(lstm),
            sequences: 20,
            optimizer: descent,
            gradient_norm: 0.25,
        },
        LanguageModel {
            network: NetworkConfig::Transformer(transformer),
            sequences: 16,
            optimizer: OptimizerConfig::Adam { learning_rate: 1e-3 },
            gradient_norm: 1.0,
        },
    ]
}

impl LanguageModel {
    /// Its optimiser's name.
    pub fn optimizer(&self) -> &'static str {
        match self.optimizer {
            OptimizerConfig::Sgd { .. } => "SGD",
            _ => "Adam",
        }
    }

    /// It in training on random words, its products sampled by a policy.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn steps(
        &self,
        setting: &Setting,
        policy: Option<SamplingPolicy>,
    ) -> anyhow::Result<Steps> {
        let stream = Stream::new(setting.seed, "language model steps");
        let policies = LayerPolicies { default: policy, ..LayerPolicies::default() };
        let weights = stream.child("weights");
        let network = self.network.build_for_text(WORDS, self.sequences, &policies, weights)?;
        let learner = Learner::new(network, self.optimizer, setting.set, stream)
            .with_gradient_norm(Some(self.gradient_norm));
        let words = stream.child("words");
        let minibatches = (0..Steps::MINIBATCHES).map(|place| self.minibatch(words, place as u64));
        Ok(Steps::of(learner, minibatches.collect()))
    }

    fn minibatch(&self, stream: Stream, place: u64) -> Minibatch {
        let steps = self.network.text_steps().unwrap_or(1);
        let rng = &mut stream.at(place);
        let words: Vec<u16> =
            (0..2 * self.sequences * steps).map(|_| below(rng, WORDS) as u16).collect();
        let (input, labels) = words.split_at(self.sequences * steps);
        let input = input.iter().copied().map(f32::from).collect();
        Minibatch {
            input: Matrix::from_rows(self.sequences, steps, input),
            labels: labels.to_vec(),
            continues: true,
        }
    }
}

/// Measures every model's exact step beside PyTorch's, on every number of threads.
///
/// # Errors
/// When a network cannot be built or the interpreter fails.
pub fn beside_pytorch(setting: &Setting, interpreter: &Path) -> anyhow::Result<Contest> {
    let mut python = Python::start(interpreter, SCRIPT, &[WORDS.to_string()], &[])?;
    let mut contest = Contest {
        caption: "Exact training steps of language models beside PyTorch".to_string(),
        keys: &["network", "threads"],
        ratio: "speed over PyTorch",
        others: [("ours", "ms"), ("PyTorch", "ms")]
            .map(|(name, unit)| (name.to_string(), unit))
            .to_vec(),
        rows: Vec::new(),
    };
    for (place, model) in models().iter().enumerate() {
        for pool in setting.pools {
            let row = pool.install(|| compare(setting, &mut python, place, model))?;
            contest.rows.push(row);
            setting.progress.advance(1);
        }
    }
    Ok(contest)
}

fn compare(
    setting: &Setting,
    python: &mut Python,
    place: usize,
    model: &LanguageModel,
) -> anyhow::Result<Comparison> {
    let threads = rayon::current_num_threads();
    let mut failure = None;
    let mut steps = model.steps(setting, None)?;
    let theirs = python.work(format!("{place} {threads}"), &mut failure, |_| ());
    let mut contestants = [timed(move || steps.step()), rested(theirs, SPINNING)];
    let times = in_turns(&mut contestants, setting.effort.patience);
    drop(contestants);
    failure.map_or(Ok(()), Err)?;
    let [ours, theirs] = [0, 1].map(|contestant| (1e3 * times.seconds(contestant).median).into());
    Ok(Comparison {
        keys: vec![model.network.title().into(), threads.into()],
        // Speed is the inverse of time.
        ratio: Some(times.ratio(1, 0)),
        goal: Some(SPEED_GOAL),
        others: vec![ours, theirs],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minibatches_have_words_of_the_vocabulary_and_a_label_each() {
        for model in models() {
            let minibatch = model.minibatch(Stream::new(1, "words"), 3);
            let steps = model.network.text_steps().unwrap();
            let words = minibatch.input.data();
            assert_eq!(
                (words.len(), minibatch.labels.len()),
                (model.sequences * steps, words.len())
            );
            assert!(words.iter().all(|word| (0.0..WORDS as f32).contains(word)));
            assert_ne!(minibatch, model.minibatch(Stream::new(1, "words"), 4));
        }
    }
}
