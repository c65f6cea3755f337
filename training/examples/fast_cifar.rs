//! Trains the fastest known network for 93 % on CIFAR-10 with the recipe that it comes from
//! (Jordan 2024, arXiv 2404.00498), and prints a line an epoch:
//!
//! ```console
//! cargo run --release --example fast_cifar -- DATA [TRAINING_IMAGES [EPOCHS]]
//! ```
//!
//! DATA is the folder that has cifar-10-batches-bin. With fewer training images or epochs than the
//! 50,000 and 11 of the recipe a run is shorter, and its accuracy lower.

use kernels::InstructionSet;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;
use training::data::{Normalisation, load_cifar10};
use training::train::{Progress, TrainingConfig, train};

/// The rate is for the mean loss of a minibatch of 1,024 images, and the rate of shifts 64 times
/// that; slowness is 0.95^5.
const RECIPE: &str = "
network: {name: fast-cifar, widths: [64, 128, 128]}
batch_size: 1024
epochs: 11
optimizer: {name: sgd, learning_rate: 1.5, momentum: 0.85, nesterov: true, weight_decay: 0.00133}
schedule:
  name: piecewise-linear
  knots: [{at: 0, factor: 0.2}, {at: 0.23, factor: 1}, {at: 1, factor: 0.07}]
parameter_groups:
  - {parameters: '*.shift', learning_rate: 64, weight_decay: 0.015625}
  - {parameters: whitening.bias, epochs: 3}
lookahead: {every: 5, slowness: 0.7737809375}
label_smoothing: 0.2
augmentation: {padding: 2, border: reflected, flip: true, alternating: true}
test_time_views: mirrored-and-shifted
seed: 1
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: fast_cifar DATA [TRAINING_IMAGES [EPOCHS]]";
    let folder = arguments.next().ok_or(usage)?;
    let mut config: TrainingConfig = serde_yaml::from_str(RECIPE)?;
    let images = arguments.next().map(|text| text.parse()).transpose().map_err(|_| usage)?;
    if let Some(epochs) = arguments.next() {
        config.epochs = epochs.parse().map_err(|_| usage)?;
    }

    // The recipe holds nothing out; a hundred of the training images stand in for it.
    let mut splits = load_cifar10(Path::new(&folder), 100)?;
    for part in [&mut splits.train, &mut splits.held_out, &mut splits.test] {
        part.normalisation = Normalisation::cifar10_pixels();
    }
    if let Some(images) = images {
        splits.train = splits.train.part(0, images);
    }

    let start = Instant::now();
    let report = train(&config, &splits, InstructionSet::detect(), &mut |progress: Progress| {
        if let Some(epoch) = progress.epoch {
            println!(
                "step {:4} of {}: training loss {:.3}, accuracy {:.2} %; test accuracy {:.2} %; \
                 {:.0} s",
                progress.steps,
                progress.total,
                epoch.train.loss,
                100.0 * epoch.train.accuracy,
                100.0 * epoch.test.accuracy,
                start.elapsed().as_secs_f64(),
            );
        }
        ControlFlow::Continue(())
    })?;
    println!("{:.3e} multiply-adds", report.computations.performed as f64);
    Ok(())
}
