//! Every threshold beside what is measured, at full size: `cargo run --release -p zonotope-training
//! --example measure -- [SEEDS]`, 20 seeds if none are named.

use kernels::Estimator;
use regression::{Network, Sampling};
use std::error::Error;
use std::time::Instant;
use theory::extremes::{largest, least};
use theory::statistics::Sample;
use theory::verdict::Verdict;
use zonotope_training::cells::{patterns, patterns_by_brute_force};
use zonotope_training::checks::{self, Enumeration};
use zonotope_training::collision::Depths;
use zonotope_training::layers::Layers;
use zonotope_training::run::Run;
use zonotope_training::{Arm, Obstacle, Settings, run};

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = match std::env::args().nth(1) {
        Some(seeds) => seeds.parse()?,
        None => 20,
    };
    let settings = Settings::published();
    let runs = |settings: &Settings, arm: Arm| -> Result<Vec<Run>, Box<dyn Error>> {
        Ok((0..seeds).map(|seed| run(settings, arm, seed)).collect::<Result<_, _>>()?)
    };

    println!(
        "| arm | certified | least scale before, after | test error before, after | unsafe of 10^6 before, after | s a seed |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let timed = |name: &str, settings: &Settings, arm| {
        let start = Instant::now();
        let runs = runs(settings, arm)?;
        row(name, &runs, start.elapsed().as_secs_f64() / seeds as f64);
        Ok::<_, Box<dyn Error>>(runs)
    };
    let plain = timed("unconstrained", &settings, Arm::Unconstrained)?;
    let constrained = timed("constrained", &settings, Arm::Constrained)?;
    timed("sampled penalty", &settings, Arm::SampledPenalty)?;
    let bernoulli = Sampling { estimator: Estimator::Bernoulli, ratio: 0.3 };
    let sampled = Settings { sampling: Some(bernoulli), ..settings.clone() };
    let sampled = timed("constrained, Bernoulli 0.3", &sampled, Arm::Constrained)?;
    let far = Obstacle { centre: [50.0, 50.0], half_width: 0.5 };
    let far = Settings { obstacle: far, falsifier_inputs: 10_000, ..settings.clone() };
    let far_plain = timed("unconstrained, obstacle far", &far, Arm::Unconstrained)?;
    let far_constrained = timed("constrained, obstacle far", &far, Arm::Constrained)?;

    let networks = |runs: &[Run]| -> Vec<Network> {
        runs.iter()
            .flat_map(|run| [run.before.network.clone(), run.after.network.clone()])
            .collect()
    };
    let analysed = networks(&constrained);
    let before: Vec<Network> = plain.iter().map(|run| run.before.network.clone()).collect();
    let obstacle = settings.obstacle;
    println!("\n| check | measured | at most | cases | |\n| --- | --- | --- | --- | --- |");
    let both: Vec<Run> = constrained.iter().chain(&sampled).cloned().collect();
    let passes = [
        checks::certified(&constrained),
        checks::certified(&sampled),
        checks::sound(&both),
        checks::known_patterns(&both),
        checks::same_cells(&analysed, Enumeration::Pruned)?,
        checks::dropped_cells_are_noticed(&before, &obstacle, settings.falsifier_inputs, 0)?,
        checks::duality_gap(&analysed, &obstacle)?,
        checks::second_solver(&analysed, &obstacle)?,
        checks::second_verifier(&analysed, &obstacle)?,
        checks::gradient(&before, &obstacle, Depths::Moving)?,
        checks::same_weights(&far_plain, &far_constrained),
    ];
    for verdict in &passes {
        judged(verdict, if verdict.passed() { "passed" } else { "FAILED" });
    }
    let controls = [
        checks::certified(&plain),
        checks::sound_if_all_were_certified(&plain),
        checks::same_cells(&before, Enumeration::AsReleased)?,
        checks::gradient(&before, &obstacle, Depths::Fixed)?,
        checks::same_weights(&plain, &constrained),
    ];
    for verdict in &controls {
        judged(
            verdict,
            if verdict.rejected() { "control rejected" } else { "CONTROL NOT REJECTED" },
        );
    }

    println!(
        "\n| hidden units | cells | pruned, ms | brute force, ms |\n| --- | --- | --- | --- |"
    );
    for hidden in 4..=14 {
        let quick =
            Settings { hidden, falsifier_inputs: 1, constrained_steps: 0, ..settings.clone() };
        let layers = Layers::of(&run(&quick, Arm::Unconstrained, 0)?.before.network)?;
        let start = Instant::now();
        let cells = patterns(&layers.sums)?.len();
        let pruned = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let brute = patterns_by_brute_force(&layers.sums)?.len();
        let brute_force = start.elapsed().as_secs_f64() * 1e3;
        assert_eq!(cells, brute, "both find the same cells");
        println!("| {hidden} | {cells} | {pruned:.1} | {brute_force:.1} |");
    }
    Ok(())
}

/// Means over the seeds with the least and the largest, before and after.
fn row(name: &str, runs: &[Run], seconds: f64) {
    let each = |number: fn(&Run) -> f64| {
        let mean = Sample::of(runs.iter().map(number)).mean();
        let (low, high) = (least(runs.iter().map(number)), largest(runs.iter().map(number)));
        format!("{} ({} to {})", short(mean), short(low), short(high))
    };
    let certified = runs.iter().filter(|run| run.certificate.is_ok()).count();
    println!(
        "| {name} | {certified} of {} | {}, {} | {}, {} | {}, {} | {seconds:.2} |",
        runs.len(),
        each(|run| run.before.least_scale),
        each(|run| run.after.least_scale),
        each(|run| run.before.test_error),
        each(|run| run.after.test_error),
        each(|run| run.before.samples.unsafe_outputs as f64),
        each(|run| run.after.samples.unsafe_outputs as f64),
    );
}

/// Four decimal places, none for large numbers.
fn short(number: f64) -> String {
    if number.abs() >= 100.0 { format!("{number:.0}") } else { format!("{number:.4}") }
}

fn judged(verdict: &Verdict, judgement: &str) {
    let (check, measured, threshold) = (verdict.check(), verdict.estimate(), verdict.prediction());
    println!(
        "| {check} | {measured:.3e} | {threshold:.0e} | {} | {judgement} |",
        verdict.sample_size()
    );
}
