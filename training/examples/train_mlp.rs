//! A perceptron trained on generated digits, exactly and with a share of every product.
//!
//! `cargo run --release -p training --example train_mlp`

use kernels::InstructionSet;
use std::ops::ControlFlow;
use training::data::generated_digits;
use training::sampling::LayerPolicies;
use training::train::{TrainingConfig, train};

const SETTINGS: &str = "
network: {name: mlp, hidden: [200, 200], dropout: 0.1}
batch_size: 50
epochs: 5
optimizer: {name: adam, learning_rate: 0.001}
seed: 1
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exact: TrainingConfig = serde_yaml::from_str(SETTINGS)?;
    let digits = generated_digits(1, 5_000, 500, 2_000);
    for sampling in [
        "exact",
        "{estimator: top-k, ratio: 0.5, minimal_k: 10, mode: forward}",
        "{estimator: bernoulli, ratio: 0.5, minimal_k: 10, mode: forward}",
        "{estimator: bernoulli, ratio: 0.5, minimal_k: 10, mode: backward}",
    ] {
        let policies = match sampling {
            "exact" => LayerPolicies::default(),
            policy => serde_yaml::from_str(&format!("default: {policy}"))?,
        };
        let config = TrainingConfig { policies, ..exact.clone() };
        let mut go_on = |_| ControlFlow::Continue(());
        let report = train(&config, &digits, InstructionSet::detect(), &mut go_on)?;
        let accuracy = report.epochs.last().map_or(0.0, |epoch| epoch.test.accuracy);
        let saved = 1.0 - report.computations.share();
        println!("{sampling}");
        println!(
            "  test accuracy {:.1} %, computations saved {:.0} %",
            100.0 * accuracy,
            100.0 * saved
        );
    }
    Ok(())
}
