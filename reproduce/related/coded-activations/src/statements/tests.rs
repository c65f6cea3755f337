//! Comparisons on results that are made up.

use super::*;
use crate::arm::NEEDED_BITS;
use crate::outcome::Outcome;

/// Of an arm: its test error, the relative error of its first gradient, and its stored bytes.
type Made = (f64, f64, usize);

fn made(arm: Arm) -> Made {
    match arm {
        Arm::Exact | Arm::Frozen => (5.0, f64::NAN, 8_100),
        Arm::Backward(8) => (5.2, 0.01, 1_030),
        Arm::Backward(_) => (5.5, 0.1, 530),
        Arm::Naive(_) => (9.0, 0.4, 530),
        Arm::ZeroAsLevel => (7.0, 0.3, 530),
        Arm::Permuted => (40.0, 1.2, 530),
        Arm::AsReleased => (5.5, 0.1, 530),
        Arm::Sampled => (6.0, 0.8, 4_300),
        Arm::SampledCoded => (6.5, 0.8, 300),
        Arm::SampledPermuted => (50.0, 1.3, 300),
    }
}

/// The claims that do not hold, each once, and how many mistakes were not found out.
fn judged(made: impl Fn(Arm) -> Made) -> (Vec<String>, usize) {
    let arms = Arm::all(&NEEDED_BITS);
    let outcome = |arm: Arm, seed: u64| {
        let error = made(arm).0 + 0.01 * seed as f64;
        Outcome { arm, errors: vec![90.0, error] }
    };
    let run = |seed| Run { seed, outcomes: arms.iter().map(|arm| outcome(*arm, seed)).collect() };
    let runs: Vec<Run> = (1..=3).map(run).collect();
    let naive = CodeSettings { bits: 8, form: CodeForm::Naive };
    let comparison = Comparison {
        layers: vec!["first".to_owned(), "last".to_owned()],
        errors: arms.iter().map(|arm| (*arm, vec![made(*arm).1, 0.0])).collect(),
        of_codes_alone: vec![(4, vec![0.1, 0.0])],
        differing: vec![(backward(4), 0), (naive, 17)],
        outputs: 20,
    };
    let stored = |arm: Arm| (arm, Ledger { stored: made(arm).2, peak: 10_000 });
    let ledgers: Vec<(Arm, Ledger)> = arms.iter().map(|arm| stored(*arm)).collect();
    let evidence =
        Evidence { runs: &runs, comparisons: &[comparison], ledgers: &ledgers, one_tensor: 4_000 };
    let state = vec![
        ("norm.scale".to_owned(), vec![1.0, -0.5, 2.0]),
        ("norm.shift".to_owned(), vec![0.1, 0.2, -0.4]),
    ];
    let suite = check(&evidence, &[state], InstructionSet::detect(), Stream::new(1, "made up"));
    let failed = suite.verdicts.iter().filter(|verdict| !verdict.passed());
    let mut failed: Vec<String> = failed.map(|verdict| verdict.claim().id.to_string()).collect();
    failed.dedup();
    (failed, suite.controls.iter().filter(|control| !control.rejected()).count())
}

#[test]
fn what_is_within_its_bounds_holds_and_every_mistake_is_found_out() {
    assert_eq!(judged(made), (Vec::new(), 0));
}

#[test]
fn a_bound_that_is_missed_is_a_failed_claim() {
    let failed =
        |wrong: Arm, instead: Made| judged(|arm| if arm == wrong { instead } else { made(arm) }).0;
    assert_eq!(failed(Arm::Backward(8), (5.31, 0.01, 1_030)), ["coded.accuracy"]);
    assert_eq!(failed(Arm::Backward(4), (6.01, 0.1, 530)), ["coded.accuracy"]);
    assert_eq!(failed(Arm::Backward(8), (5.2, 0.01, 1_180)), ["coded.memory"]);
    assert_eq!(failed(Arm::Backward(4), (5.5, 0.21, 530)), ["coded.depth"]);
    assert_eq!(failed(Arm::SampledCoded, (7.01, 0.8, 300)), ["coded.together"]);
    assert_eq!(failed(Arm::SampledCoded, (6.5, 0.8, 400)), ["coded.together"]);
    let nothing = (f64::NAN, f64::NAN, 530);
    assert_eq!(failed(Arm::Backward(4), nothing), ["coded.accuracy", "coded.depth"]);
}

#[test]
fn a_mistake_that_does_no_harm_is_not_found_out() {
    let harmless = |arm| if arm == Arm::ZeroAsLevel { (5.5, 0.1, 530) } else { made(arm) };
    assert_eq!(judged(harmless), (Vec::new(), 2));
}
