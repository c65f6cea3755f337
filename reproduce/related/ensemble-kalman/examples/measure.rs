//! Every bound beside what is measured, and the sweeps, at full size: minutes in release.
//!
//! `cargo run --release -p ensemble-kalman --example measure-ensemble-kalman -- [SEEDS]`

use ensemble_kalman::ensemble::Prior;
use ensemble_kalman::experiment::{ExperimentError, Method, Outcome, Settings, run};
use ensemble_kalman::statements;
use kernels::Estimator;
use rayon::prelude::*;
use regression::{Sampling, Target};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let seeds: Vec<u64> = (1..=count).collect();
    let settings = Settings::default();
    let targets = [Target::Sine, Target::MexicanHat];
    for target in targets {
        println!("\n{target:?}: claims, {count} seeds");
        let suite = statements::check(&settings, target, &seeds)?;
        for (verdicts, kind) in [(&suite.verdicts, "check"), (&suite.controls, "control")] {
            for verdict in verdicts {
                let outcome = match (kind, verdict.passed()) {
                    ("check", true) => "passed",
                    ("check", false) => "FAILED",
                    (_, false) => "rejected",
                    (_, true) => "NOT REJECTED",
                };
                println!(
                    "{kind:8} {:16} {:58} {:12.6} {:10.6}  {outcome}",
                    verdict.claim().id,
                    verdict.check(),
                    verdict.estimate(),
                    verdict.prediction()
                );
            }
        }
    }
    for target in targets {
        println!("\n{target:?}: median RMSE and R², and RMSE of the mean parameters");
        for (label, settings, method) in arms(&settings) {
            let outcomes: Vec<Outcome> = seeds
                .par_iter()
                .map(|&seed| run(&settings, target, method, seed))
                .collect::<Result<_, ExperimentError>>()?;
            let middle = |number: &dyn Fn(&Outcome) -> f64| {
                let mut numbers: Vec<f64> = outcomes.iter().map(number).collect();
                numbers.sort_unstable_by(f64::total_cmp);
                (numbers[(numbers.len() - 1) / 2] + numbers[numbers.len() / 2]) / 2.0
            };
            let of_mean = |outcome: &Outcome| {
                let spread = outcome.spread.as_ref();
                spread.map_or(f64::NAN, |s| s.fit_of_mean_parameters.root_mean_squared_error)
            };
            println!(
                "{:18} {label:34} {:.4} {:8.4} {:.4}  {:6} passes",
                method.name(),
                middle(&|outcome| outcome.fit.root_mean_squared_error),
                middle(&|outcome| outcome.fit.r_squared),
                middle(&of_mean),
                outcomes[0].forward_passes
            );
        }
    }
    Ok(())
}

/// Settings and methods to compare.
fn arms(settings: &Settings) -> Vec<(String, Settings, Method)> {
    let smoother = |iterations| Method::Smoother { iterations };
    let mut arms = Vec::new();
    for iterations in [1, 2, 4, 10, 20] {
        arms.push((format!("{iterations} iterations"), settings.clone(), smoother(iterations)));
    }
    for passes in [1, 4] {
        let method = Method::Filter { passes, batch: 1 };
        arms.push((format!("{passes} passes, one at a time"), settings.clone(), method));
    }
    let method = Method::Filter { passes: 1, batch: 10 };
    arms.push(("1 pass, ten at a time".to_owned(), settings.clone(), method));
    let method = Method::GradientDescent { steps: 2_000, rate: 0.05 };
    arms.push(("rate 0.05".to_owned(), settings.clone(), method));
    for rate in [0.003, 0.01, 0.03] {
        let method = Method::Adam { steps: 1_000, rate };
        arms.push((format!("rate {rate}"), settings.clone(), method));
    }
    for members in [5, 10, 20, 50, 200] {
        let settings = Settings { members, ..settings.clone() };
        arms.push((format!("{members} members, 10 iterations"), settings, smoother(10)));
    }
    for spread in [0.0, 0.1, 1.0, 3.0] {
        let prior = settings.prior.with_first_spread(spread);
        let settings = Settings { prior, ..settings.clone() };
        for iterations in [4, 10] {
            let label = format!("first spread {spread}, {iterations} iterations");
            arms.push((label, settings.clone(), smoother(iterations)));
        }
    }
    let around_zero = Settings { prior: Prior::ZERO_CENTRED, ..settings.clone() };
    arms.push(("prior around zero".to_owned(), around_zero.clone(), smoother(10)));
    let method = Method::Filter { passes: 1, batch: 1 };
    arms.push(("prior around zero".to_owned(), around_zero, method));
    for estimator in [Estimator::TopK, Estimator::Bernoulli] {
        for ratio in [0.75, 0.5] {
            let sampling = Some(Sampling { estimator, ratio });
            let label = format!("{} of {ratio} of the units", estimator.name());
            arms.push((label, Settings { sampling, ..settings.clone() }, smoother(10)));
        }
    }
    arms
}
