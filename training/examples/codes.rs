//! Networks that keep codes of their activations for the backward pass (Chakrabarti and Moseley,
//! arXiv 1901.07988): accuracy, bytes stored between the passes, and times of a step.
//!
//! ```console
//! cargo run --release -p training --example codes -- [DATA [EPOCHS]]
//! ```
//!
//! DATA is the folder that has mnist; without one, digits are drawn by code.

use kernels::InstructionSet;
use kernels::random::{Stream, standard_normal};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};
use training::data::{Minibatch, generated_digits, load_mnist};
use training::layer::{CodeForm, CodeSettings, ImageShape};
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{Description, batch_norm_mlp, pre_activation_resnet};
use training::sampling::LayerPolicies;
use training::train::{Progress, Trainer, TrainingConfig};

const SETTINGS: &str = "
network: {name: batch-norm-mlp, hidden: [128, 128, 128, 128, 128, 128, 128]}
batch_size: 64
epochs: 5
optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0}
schedule: {name: step, factor: 0.1, at: [3, 4]}
seed: 1
";

/// Rounds of timed steps, in which all contestants take turns.
const ROUNDS: usize = 41;

fn arms() -> Vec<(String, Option<CodeSettings>)> {
    let mut arms = vec![("exact".to_owned(), None)];
    for (name, form) in [("backward", CodeForm::Backward), ("naive", CodeForm::Naive)] {
        let coded = |bits| (format!("{name}, {bits} bits"), Some(CodeSettings { bits, form }));
        arms.extend([8, 4, 2].map(coded));
    }
    for (name, form) in [("zero as level", CodeForm::ZeroAsLevel), ("permuted", CodeForm::Permuted)]
    {
        arms.push((format!("{name}, 4 bits"), Some(CodeSettings { bits: 4, form })));
    }
    arms
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let splits = match arguments.next() {
        Some(folder) => load_mnist(&Path::new(&folder).join("mnist"), 5_000)?,
        None => generated_digits(1, 10_000, 1_000, 2_000),
    };
    let mut settings: TrainingConfig = serde_yaml::from_str(SETTINGS)?;
    if let Some(epochs) = arguments.next() {
        settings.epochs = epochs.parse()?;
    }
    let set = InstructionSet::detect();
    println!("{:<24} {:>16} {:>14} {:>12}", "arm", "test accuracy", "stored bytes", "peak bytes");
    for (name, codes) in arms() {
        let config = TrainingConfig { codes, ..settings.clone() };
        let mut trainer = Trainer::new(&config, &splits, set)?;
        let mut accuracy = 0.0;
        while !trainer.is_finished() {
            trainer.epoch(&mut |progress: Progress| {
                if let Some(epoch) = progress.epoch {
                    accuracy = epoch.test.accuracy;
                }
                ControlFlow::Continue(())
            })?;
        }
        let memory = trainer.network().memory();
        let (stored, peak) = (memory.stored_bytes(), memory.peak_bytes());
        println!("{name:<24} {:>14.2} % {stored:>14} {peak:>12}", 100.0 * accuracy);
    }

    let (flat, small) = (ImageShape::new(784, 1, 1), ImageShape::new(3, 32, 32));
    time_steps("perceptron", &batch_norm_mlp(784, &[128; 7], 10), flat, 64)?;
    let residual = pre_activation_resnet(11, small, 10)?;
    time_steps("residual network of 11 layers", &residual, small, 64)
}

/// Times of a step on random images: the middle one of many.
fn time_steps(
    name: &str,
    description: &Description,
    image: ImageShape,
    batch: usize,
) -> Result<(), Box<dyn Error>> {
    let mut rng = Stream::new(1, "images").at(0);
    let data = (0..batch * image.len()).map(|_| standard_normal(&mut rng) as f32).collect();
    let labels = (0..batch).map(|i| (i % 10) as u16).collect();
    let minibatch =
        Minibatch { input: Matrix::from_rows(batch, image.len(), data), labels, continues: false };
    let settings: TrainingConfig = serde_yaml::from_str(SETTINGS)?;
    let mut contestants = Vec::new();
    for (arm, codes) in arms().into_iter().take(4) {
        let description = description.clone();
        let description = match codes {
            None => description,
            Some(codes) => description.with_codes(codes)?,
        };
        let stream = Stream::new(1, "times");
        let network = description.build(&LayerPolicies::default(), stream.child("weights"))?;
        let set = InstructionSet::detect();
        let learner = Learner::new(network, settings.optimizer, set, stream.child("run"));
        contestants.push((arm, learner, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (_, learner, times) in &mut contestants {
            let start = Instant::now();
            learner.step(&minibatch)?;
            times.push(start.elapsed());
        }
    }
    println!("\n{name}, minibatches of {batch}");
    println!("{:<24} {:>14} {:>14} {:>12}", "arm", "step", "times exact", "stored bytes");
    let median = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort();
        times[ROUNDS / 2].as_secs_f64()
    };
    let exact = median(&contestants[0].2);
    for (arm, learner, times) in &mut contestants {
        let (time, stored) = (median(times), learner.network().memory().stored_bytes());
        println!("{arm:<24} {:>11.3} ms {:>14.3} {stored:>12}", 1e3 * time, time / exact);
    }
    Ok(())
}
