//! Every bound beside what is measured, and the accuracies, at full size: minutes in release.
//!
//! `cargo run --release -p memristor-classifier --example measure-memristor-classifier --
//! DATA [SEEDS] [lifted]`

use memristor_classifier::classifier::Outcome;
use memristor_classifier::crossbar::{Device, Levels, Storage};
use memristor_classifier::experiment::{Data, Settings, run};
use memristor_classifier::rule::Rule;
use memristor_classifier::samples::UnitLength;
use memristor_classifier::statements;
use memristor_classifier::table::{load_iris, load_wine};
use std::error::Error;
use std::path::PathBuf;
use theory::statistics::Sample;
use training::data::load_mnist;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("the folder of the data is missing")?);
    let count: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let seeds: Vec<u64> = (1..=count).collect();
    let length = match arguments.next().as_deref() {
        Some("lifted") => UnitLength::Lifted,
        _ => UnitLength::Direction,
    };
    let settings = Settings { length, ..Settings::default() };
    let (iris, wine) = (load_iris(&folder)?, load_wine(&folder)?);
    let mnist = load_mnist(&folder, settings.images.tuning)?;
    let sets = [
        ("Iris", Data::Table(&iris)),
        ("Wine", Data::Table(&wine)),
        ("MNIST", Data::Images(&mnist)),
    ];
    for (name, data) in sets {
        println!("\n{name}: claims, {count} seeds");
        let suite = statements::check(&settings, data, &seeds)?;
        for (verdicts, kind) in [(&suite.verdicts, "check"), (&suite.controls, "control")] {
            for verdict in verdicts {
                let outcome = match (kind, verdict.passed()) {
                    ("check", true) => "passed",
                    ("check", false) => "FAILED",
                    (_, false) => "rejected",
                    (_, true) => "NOT REJECTED",
                };
                println!(
                    "{kind:8} {:22} {:42} {:12.6} {:12.6}  {outcome}",
                    verdict.claim().id,
                    verdict.check(),
                    verdict.estimate(),
                    verdict.prediction()
                );
            }
        }
    }
    for (name, data) in sets {
        println!("\n{name}: accuracy, its 95 % interval, accuracy by lot, ties, bits a weight");
        for (label, storage, rules) in arms() {
            let mut outcomes: Vec<Vec<Outcome>> = Vec::new();
            for &seed in &seeds {
                outcomes.push(run(&settings, data, storage, &rules, seed)?);
            }
            for (index, rule) in rules.iter().enumerate() {
                let of_rule = || outcomes.iter().map(|outcomes| &outcomes[index]);
                let accuracy = Sample::of(of_rule().map(|o| o.tally.accuracy()));
                let by_lot = Sample::of(of_rule().map(|o| o.tally.accuracy_by_lot())).mean();
                let ties = Sample::of(of_rule().map(|o| o.tally.tie_rate())).mean();
                println!(
                    "{label:24} {:28} {:.4} ± {:.4}  {by_lot:.4} {ties:.4} {:3}",
                    rule.name(),
                    accuracy.mean(),
                    accuracy.half_width(0.05),
                    outcomes[0][index].cost.bits_a_weight
                );
            }
        }
    }
    Ok(())
}

/// What is stored how, and the rules tried with it.
fn arms() -> Vec<(String, Storage, Vec<Rule>)> {
    let gates = vec![Rule::ClassThresholds];
    let sixteen = Levels::SIXTEEN;
    let mut arms = vec![
        ("exact".to_owned(), Storage::Exact, Rule::ALL.to_vec()),
        ("16 levels".to_owned(), Storage::Levels(sixteen), Rule::ALL.to_vec()),
        (
            "16 levels, renormalised".to_owned(),
            Storage::Levels(Levels { renormalised: true, ..sixteen }),
            gates.clone(),
        ),
    ];
    for bits in [1, 2, 3, 5, 8] {
        let levels = Levels::of_bits(bits);
        let rules = vec![Rule::Density, Rule::ClassThresholds];
        arms.push((format!("{} levels", levels.levels), Storage::Levels(levels), rules));
    }
    for (variation, stuck) in [(0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.0, 0.01), (0.0, 0.05)] {
        let device = Device { variation, stuck, ..Device::IDEAL };
        let label = format!("variation {variation}, stuck {stuck}");
        arms.push((label, Storage::Devices { levels: sixteen, device }, gates.clone()));
    }
    arms
}
