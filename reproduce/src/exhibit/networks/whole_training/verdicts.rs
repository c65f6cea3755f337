//! The claims of the abstract about whole trainings, decided from what was found.
//!
//! An arm keeps its accuracy where the whole 95 % interval of its difference to exact training lies
//! above -0.5 points, and loses it where the whole interval lies below. Otherwise, and with one
//! seed, that is not decided, and no claim is held to stand or to fall by it.

use super::finding::Finding;
use crate::exhibit::difference::{Difference, Reading, show};
use crate::exhibit::statistics::Estimate;
use crate::result::{Rows, Standing, Table, significant};

/// Points of accuracy that are negligible.
const NEGLIGIBLE: f64 = 0.5;
/// The abstract's saving is 66 %: an arm that saves at least this share of computation shows it.
const SAVING: f64 = 0.6;
/// The least saving that is worth the name.
const SOME_SAVING: f64 = 0.2;
/// How many times as fast the abstract says that training is.
const SPEED_UP: f64 = 1.37;
/// The least speed-up that is worth the name.
const SOME_SPEED_UP: f64 = 1.1;

/// What became of a claim about whole trainings.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingVerdict {
    /// What is claimed.
    pub claim: &'static str,
    /// What is found.
    pub standing: Standing,
    /// By which arm or by how many.
    pub found: String,
}

/// What an arm does with its accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accuracy {
    Kept,
    Lost,
    Undecided,
}

impl Finding {
    fn accuracy(&self) -> Accuracy {
        let interval = self.against_exact.and_then(|difference| {
            let (mean, half_width) = (difference.mean(), difference.half_width()?);
            Some((mean - half_width, mean + half_width))
        });
        match interval {
            Some((low, _)) if low > -NEGLIGIBLE => Accuracy::Kept,
            Some((_, high)) if high < -NEGLIGIBLE => Accuracy::Lost,
            _ => Accuracy::Undecided,
        }
    }

    fn is(&self, accuracy: Accuracy) -> bool {
        self.accuracy() == accuracy
    }

    fn saved(&self) -> f64 {
        1.0 - self.computations
    }

    /// Of whole trainings by themselves, where they were timed.
    fn speed_up(&self) -> f64 {
        1.0 / self.whole_time.unwrap_or(self.time)
    }
}

/// The three claims of the abstract and the one that they leave out, of all sampled arms.
pub fn verdicts(findings: &[Finding]) -> [TrainingVerdict; 4] {
    [computation(findings), accuracy(findings), time(findings), worth(findings)]
}

/// The verdicts, a row each.
pub fn table(findings: &[Finding]) -> Table {
    let verdicts = verdicts(findings);
    let standing = |verdict: &TrainingVerdict| {
        let (sign, words) = verdict.standing.sign_and_words();
        format!("{sign} {words}")
    };
    Rows::of(&verdicts)
        .key("claim", |verdict| verdict.claim)
        .value("verdict", "", standing)
        .value("found", "", |verdict| verdict.found.as_str())
        .table("What the abstract claims, decided from these trainings")
}

/// Holds where an arm that saves 60 % or more keeps its accuracy, in part where one does that saves
/// 20 % or more; fails where every arm loses it.
fn computation(findings: &[Finding]) -> TrainingVerdict {
    let keeps = |least: f64| {
        let keeping = findings.iter().filter(|arm| arm.is(Accuracy::Kept));
        keeping.filter(move |arm| arm.saved() >= least)
    };
    let best = keeps(SOME_SAVING).max_by(|one, other| one.saved().total_cmp(&other.saved()));
    TrainingVerdict {
        claim: "up to 66 % less computation",
        standing: match () {
            () if keeps(SAVING).next().is_some() => Standing::Holds,
            () if best.is_some() => Standing::HoldsInPart,
            () if all(findings, |arm| arm.is(Accuracy::Lost)) => Standing::Fails,
            () => Standing::Undecided,
        },
        found: match best {
            Some(arm) => {
                let saved = significant(100.0 * arm.saved(), 3);
                format!("{} saves {saved} %, {}", arm.arm, against_exact(arm))
            }
            None => "no arm that saves 20 % or more is known to keep its accuracy".to_string(),
        },
    }
}

/// Holds where every arm keeps its accuracy, in part where some arm does; fails where every arm
/// loses it.
fn accuracy(findings: &[Finding]) -> TrainingVerdict {
    let count = |accuracy| findings.iter().filter(|arm| arm.is(accuracy)).count();
    let [kept, lost, undecided] = [Accuracy::Kept, Accuracy::Lost, Accuracy::Undecided].map(count);
    TrainingVerdict {
        claim: "negligible or no impact on accuracy",
        standing: match () {
            () if all(findings, |arm| arm.is(Accuracy::Kept)) => Standing::Holds,
            () if kept > 0 => Standing::HoldsInPart,
            () if all(findings, |arm| arm.is(Accuracy::Lost)) => Standing::Fails,
            () => Standing::Undecided,
        },
        found: format!(
            "arms that keep it within 0.5 points: {kept}; that lose it: {lost}; undecided: {undecided}"
        ),
    }
}

/// Holds where an arm that is 1.37 times as fast or more keeps its accuracy, in part where one does
/// that is more than 1.1 times as fast; fails where every arm loses it or is no faster than that.
fn time(findings: &[Finding]) -> TrainingVerdict {
    let keeping = findings.iter().filter(|arm| arm.is(Accuracy::Kept));
    let fast = keeping.filter(|arm| arm.speed_up() > SOME_SPEED_UP);
    let best = fast.max_by(|one, other| one.speed_up().total_cmp(&other.speed_up()));
    let is_out = |arm: &Finding| arm.is(Accuracy::Lost) || arm.speed_up() <= SOME_SPEED_UP;
    TrainingVerdict {
        claim: "up to 1.37x faster training",
        standing: match best {
            Some(arm) if arm.speed_up() >= SPEED_UP => Standing::Holds,
            Some(_) => Standing::HoldsInPart,
            None if all(findings, is_out) => Standing::Fails,
            None => Standing::Undecided,
        },
        found: match best {
            Some(arm) => {
                let times = significant(arm.speed_up(), 3);
                format!("{} is {times}x as fast, {}", arm.arm, against_exact(arm))
            }
            None => "no arm above 1.1x is known to keep its accuracy".to_string(),
        },
    }
}

/// Holds where an arm lies above exact training of the same computations, by its whole interval;
/// fails where every arm lies below or within noise.
fn worth(findings: &[Finding]) -> TrainingVerdict {
    let reads = |arm: &Finding, readings: &[Reading]| {
        arm.at_equal_computations.reading().is_some_and(|reading| readings.contains(&reading))
    };
    let count = |reading| findings.iter().filter(|arm| reads(arm, &[reading])).count();
    let [above, below, noise] = [Reading::Higher, Reading::Lower, Reading::WithinNoise].map(count);
    let none = findings.len() - above - below - noise;
    TrainingVerdict {
        claim: "worth it: above exact training of the same cost (not in the abstract)",
        standing: match () {
            () if above > 0 => Standing::Holds,
            () if all(findings, |arm| reads(arm, &[Reading::Lower, Reading::WithinNoise])) => {
                Standing::Fails
            }
            () => Standing::Undecided,
        },
        found: format!(
            "arms above: {above}; below: {below}; within noise: {noise}; undecided: {none}"
        ),
    }
}

/// Of some arms, whether each is so; of none nothing is.
fn all(findings: &[Finding], is_so: impl Fn(&Finding) -> bool) -> bool {
    !findings.is_empty() && findings.iter().all(is_so)
}

/// "-0.2 ± 0.1 points", of a difference that is known.
fn against_exact(arm: &Finding) -> String {
    let words = |difference: Difference| {
        let (mean, half_width) = (difference.mean(), difference.half_width());
        format!("{} points", show(Estimate { mean, half_width }))
    };
    arm.against_exact.map(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::control::Comparison;
    use super::super::finding::tests::{difference, finding};
    use super::Standing::{Fails, Holds, HoldsInPart, Undecided};
    use super::*;

    /// An arm that needs such shares of computation and time, with its difference to exact.
    fn arm(computations: f64, time: f64, against_exact: Option<Difference>) -> Finding {
        finding(computations, time, against_exact, Comparison::NotRun)
    }

    fn kept() -> Option<Difference> {
        Some(difference(-0.25, 0.125))
    }

    fn lost() -> Option<Difference> {
        Some(difference(-1.0, 0.25))
    }

    fn open() -> Option<Difference> {
        Some(difference(-0.5, 0.25))
    }

    #[test]
    fn an_accuracy_is_kept_or_lost_by_its_whole_interval_alone() {
        let of = |against_exact| arm(0.5, 0.5, against_exact).accuracy();
        assert_eq!(of(kept()), Accuracy::Kept);
        assert_eq!(of(Some(difference(2.0, 1.0))), Accuracy::Kept);
        assert_eq!(of(lost()), Accuracy::Lost);
        let wrong = Difference::paired(&[f64::NAN, 1.0], &[1.0, 1.0]);
        let one_seed = Difference::paired(&[1.0], &[1.0]);
        // An interval that ends at the limit is on neither side of it.
        let at_the_limit = Difference::paired(&[-0.5, -0.5], &[0.0, 0.0]);
        for undecided in [open(), Some(wrong), Some(one_seed), Some(at_the_limit), None] {
            assert_eq!(of(undecided), Accuracy::Undecided);
        }
    }

    #[test]
    fn computation_has_every_outcome() {
        let standing = |arms: &[Finding]| computation(arms).standing;
        assert_eq!(standing(&[arm(0.375, 1.0, kept()), arm(0.2, 1.0, lost())]), Holds);
        assert_eq!(standing(&[arm(0.625, 1.0, kept()), arm(0.2, 1.0, lost())]), HoldsInPart);
        assert_eq!(standing(&[arm(0.5, 1.0, lost()), arm(0.25, 1.0, lost())]), Fails);
        assert_eq!(standing(&[arm(0.5, 1.0, lost()), arm(0.25, 1.0, open())]), Undecided);
        assert_eq!(standing(&[arm(0.875, 1.0, kept())]), Undecided, "it hardly saves anything");
        assert_eq!(standing(&[arm(f64::NAN, f64::NAN, kept())]), Undecided);
        assert_eq!(standing(&[]), Undecided);
        let found = |arms: &[Finding]| computation(arms).found;
        let best = [arm(0.625, 1.0, kept()), arm(0.5, 1.0, kept())];
        assert_eq!(found(&best), "top-k at 0.5 saves 50 %, -0.2500 ± 0.12 points");
        assert!(found(&[arm(0.2, 1.0, lost())]).starts_with("no arm that saves 20 % or more"));
    }

    #[test]
    fn accuracy_has_every_outcome() {
        let of = |differences: &[Option<Difference>]| {
            let arms: Vec<Finding> = differences.iter().map(|d| arm(0.5, 1.0, *d)).collect();
            accuracy(&arms)
        };
        assert_eq!(of(&[kept(), kept()]).standing, Holds);
        assert_eq!(of(&[kept(), lost(), open()]).standing, HoldsInPart);
        assert_eq!(of(&[lost(), lost()]).standing, Fails);
        assert_eq!(of(&[lost(), open()]).standing, Undecided);
        assert_eq!(of(&[]).standing, Undecided);
        let found = of(&[kept(), lost(), open(), None]).found;
        assert_eq!(found, "arms that keep it within 0.5 points: 1; that lose it: 1; undecided: 2");
    }

    #[test]
    fn time_has_every_outcome() {
        let standing = |arms: &[Finding]| time(arms).standing;
        assert_eq!(standing(&[arm(0.5, 0.625, kept()), arm(0.5, 0.5, open())]), Holds);
        assert_eq!(standing(&[arm(0.5, 0.75, kept()), arm(0.5, 0.5, lost())]), HoldsInPart);
        assert_eq!(standing(&[arm(0.5, 0.5, lost()), arm(0.5, 1.25, kept())]), Fails);
        // Whether a slow arm keeps its accuracy does not matter.
        assert_eq!(standing(&[arm(0.5, 0.5, lost()), arm(0.5, 1.25, open())]), Fails);
        assert_eq!(standing(&[arm(0.5, 0.5, open())]), Undecided);
        assert_eq!(standing(&[arm(f64::NAN, f64::NAN, None)]), Undecided);
        assert_eq!(standing(&[]), Undecided);
        let timed = Finding { whole_time: Some(0.5), ..arm(0.5, 1.0, kept()) };
        assert_eq!(standing(&[timed]), Holds, "by itself it is as fast");
        let found = |arms: &[Finding]| time(arms).found;
        let best = [arm(0.5, 0.8, kept()), arm(0.5, 0.5, kept())];
        assert_eq!(found(&best), "top-k at 0.5 is 2x as fast, -0.2500 ± 0.12 points");
        assert_eq!(found(&[]), "no arm above 1.1x is known to keep its accuracy");
    }

    #[test]
    fn worth_has_every_outcome() {
        let of = |comparisons: &[Comparison]| {
            let arms = comparisons.iter().map(|found| finding(0.5, 0.5, kept(), *found));
            worth(&arms.collect::<Vec<_>>())
        };
        let at = |mean, half_width| Comparison::Found(difference(mean, half_width));
        let (above, below, noise) = (at(1.0, 0.5), at(-1.0, 0.5), at(1.0, 2.0));
        assert_eq!(of(&[above, below, Comparison::NotRun]).standing, Holds);
        assert_eq!(of(&[below, noise]).standing, Fails);
        let one_seed = Comparison::Found(Difference::paired(&[9.0], &[1.0]));
        let wrong = Comparison::Found(Difference::paired(&[f64::NAN, 9.0], &[1.0, 1.0]));
        let unknown = [one_seed, wrong, Comparison::CheaperThanAll, Comparison::DearerThanAll];
        for unknown in unknown {
            assert_eq!(of(&[below, unknown]).standing, Undecided);
        }
        assert_eq!(of(&[]).standing, Undecided);
        let found = of(&[above, below, noise, one_seed]).found;
        assert_eq!(found, "arms above: 1; below: 1; within noise: 1; undecided: 1");
    }
}
