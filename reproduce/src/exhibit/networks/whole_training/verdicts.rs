//! The claims of the abstract about whole trainings, decided from what was found by the rules of
//! [`judgement`].

use super::finding::{Finding, readings};
use crate::exhibit::difference::Reading;
use crate::exhibit::networks::judgement::{
    self, Accuracy, Saving, against_exact, all, lose, saving,
};
use crate::images::ImageConfig;
use crate::result::{Evidence, PaperClaim, Rows, Standing, Table, significant};

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

impl Finding {
    fn is(&self, accuracy: Accuracy) -> bool {
        Accuracy::of(self.against_exact) == accuracy
    }

    /// Of whole trainings by themselves; not a number where they were not timed so. Runs side by
    /// side take each other's time.
    fn speed_up(&self) -> f64 {
        self.whole_time.map_or(f64::NAN, f64::recip)
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

/// By the rule of [`saving`].
fn computation(findings: &[Finding]) -> TrainingVerdict {
    let arms = findings.iter().map(|arm| Saving {
        name: arm.arm.clone(),
        saved: 1.0 - arm.computations,
        against_exact: arm.against_exact,
    });
    let (standing, found) = saving(&arms.collect::<Vec<Saving>>());
    TrainingVerdict { claim: "up to 66 % less computation", standing, found }
}

/// Holds where every arm keeps its accuracy, in part where some arm does; fails where they lose it, by
/// [`lose`].
fn accuracy(findings: &[Finding]) -> TrainingVerdict {
    let count = |accuracy| findings.iter().filter(|arm| arm.is(accuracy)).count();
    let [kept, lost, undecided] = [Accuracy::Kept, Accuracy::Lost, Accuracy::Undecided].map(count);
    TrainingVerdict {
        claim: "negligible or no impact on accuracy",
        standing: match () {
            () if all(findings, |arm| arm.is(Accuracy::Kept)) => Standing::Holds,
            () if kept > 0 => Standing::HoldsInPart,
            () if lose(findings.iter().map(|arm| arm.against_exact)) => Standing::Fails,
            () => Standing::Undecided,
        },
        found: format!(
            "arms that keep it within 0.5 points: {kept}; that lose it: {lost}; undecided: {undecided}"
        ),
    }
}

/// Holds where an arm that is 1.37 times as fast or more keeps its accuracy, in part where one does
/// that is more than 1.1 times as fast; fails where every arm loses it or is no faster than that, or
/// where they lose it by [`lose`].
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
            None if lose(findings.iter().map(|arm| arm.against_exact)) => Standing::Fails,
            None => Standing::Undecided,
        },
        found: match best {
            Some(arm) => {
                let times = significant(arm.speed_up(), 3);
                format!("{} is {times}x as fast, {}", arm.arm, against_exact(arm.against_exact))
            }
            None if findings.iter().all(|arm| arm.whole_time.is_none()) => {
                "no training was timed for itself yet".to_string()
            }
            None => "no arm above 1.1x is known to keep its accuracy".to_string(),
        },
    }
}

/// Holds where an arm lies above exact training of the same computations, all arms told together;
/// fails where every arm lies below or within noise.
fn worth(findings: &[Finding]) -> TrainingVerdict {
    let readings = readings(findings);
    let count = |wanted| readings.iter().filter(|reading| **reading == Some(wanted)).count();
    let [above, below, noise] = [Reading::Higher, Reading::Lower, Reading::WithinNoise].map(count);
    let none = findings.len() - above - below - noise;
    TrainingVerdict {
        claim: "worth it: above exact training of the same cost (not in the abstract)",
        standing: match () {
            () if above > 0 => Standing::Holds,
            () if none == 0 && !findings.is_empty() => Standing::Fails,
            () => Standing::Undecided,
        },
        found: format!(
            "arms above: {above}; below: {below}; within noise: {noise}; undecided: {none} (after Holm's \
             correction for {} comparisons)",
            above + below + noise
        ),
    }
}

/// What these trainings say of the claims of the paper, of a setting and its images; nothing where
/// none is finished.
pub fn evidence(findings: &[Finding], setting: &str, images: &ImageConfig) -> Vec<Evidence> {
    if findings.iter().all(|arm| arm.against_exact.is_none()) {
        return Vec::new();
    }
    let of = |claim, verdict: TrainingVerdict, caveat| {
        judgement::evidence(claim, (verdict.standing, verdict.found), setting, images, caveat)
    };
    let worth = worth(findings);
    let equal_cost = match worth.standing {
        Standing::Holds => "some sampling also lies above exact training of the same cost",
        Standing::Fails => "no sampling lies above exact training of the same cost",
        _ => "whether it lies above exact training of the same cost is not decided",
    };
    vec![
        of(PaperClaim::Computation, computation(findings), equal_cost),
        of(PaperClaim::Accuracy, accuracy(findings), "one network and one recipe"),
        of(PaperClaim::Time, time(findings), "times on this machine's processor, in this program"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::control::Comparison;
    use super::super::finding::tests::{difference, finding};
    use super::Standing::{Fails, Holds, HoldsInPart, Undecided};
    use super::*;
    use crate::exhibit::difference::Difference;

    /// An arm that needs such shares of computation and time, with its difference to exact.
    fn arm(computations: f64, time: f64, against_exact: Option<Difference>) -> Finding {
        let found = finding(computations, time, against_exact, Comparison::NotRun);
        Finding { whole_time: Some(time), ..found }
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
    fn computation_is_judged_by_what_is_saved_and_kept() {
        let of = |computations, against| computation(&[arm(computations, 1.0, against)]);
        assert_eq!(of(0.375, kept()).standing, Holds);
        assert_eq!(of(0.625, kept()).standing, HoldsInPart);
        assert_eq!(of(0.375, lost()).standing, Fails);
        assert_eq!(of(0.375, open()).standing, Undecided);
        assert_eq!(of(0.5, kept()).found, "top-k at 0.5 saves 50 %, -0.25 ± 0.12 points");
    }

    #[test]
    fn evidence_is_of_three_claims_and_of_finished_trainings_alone() {
        let images = |train| {
            let text = format!("{{set: cifar-10, train: {train}, held_out: 100, test: 10000}}");
            serde_yaml::from_str::<ImageConfig>(&text).unwrap()
        };
        let found = [arm(0.375, 0.5, kept())];
        let standings = |train| {
            let all = evidence(&found, "a network", &images(train));
            all.iter().map(|evidence| (evidence.claim, evidence.standing)).collect::<Vec<_>>()
        };
        let claims = [PaperClaim::Computation, PaperClaim::Accuracy, PaperClaim::Time];
        assert_eq!(standings(49_900), claims.map(|claim| (claim, Holds)));
        assert_eq!(standings(100), claims.map(|claim| (claim, Undecided)));
        assert_eq!(evidence(&[arm(0.375, 0.5, None)], "", &images(49_900)), []);
        assert_eq!(evidence(&[], "", &images(49_900)), []);
    }

    #[test]
    fn what_lies_beside_exact_training_of_the_same_cost_is_the_caveat_of_computation() {
        let images = "{set: cifar-10, train: 49900, held_out: 100, test: 10000}";
        let images: ImageConfig = serde_yaml::from_str(images).unwrap();
        let caveat = |at_equal| {
            let found = [finding(0.375, 0.5, kept(), at_equal)];
            evidence(&found, "", &images)[0].caveat.clone()
        };
        let at = |mean| Comparison::Found(difference(mean, 0.5));
        assert!(caveat(at(1.0)).starts_with("some sampling also lies above"));
        assert!(caveat(at(-1.0)).starts_with("no sampling lies above"));
        assert!(caveat(Comparison::NotRun).ends_with("is not decided"));
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
        assert_eq!(of(&[lost(), lost(), None]).standing, Fails);
        assert_eq!(of(&[lost(), None]).standing, Undecided);
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
        let untimed = Finding { whole_time: None, ..arm(0.5, 0.5, lost()) };
        assert_eq!(standing(&[untimed.clone(), untimed, arm(0.5, 0.5, None)]), Fails);
        assert_eq!(standing(&[arm(f64::NAN, f64::NAN, None)]), Undecided);
        assert_eq!(standing(&[]), Undecided);
        let beside_others = Finding { whole_time: None, ..arm(0.5, 0.5, kept()) };
        assert_eq!(standing(&[beside_others]), Undecided, "it was not timed for itself");
        let found = |arms: &[Finding]| time(arms).found;
        let best = [arm(0.5, 0.8, kept()), arm(0.5, 0.5, kept())];
        assert_eq!(found(&best), "top-k at 0.5 is 2x as fast, -0.25 ± 0.12 points");
        let slow = [arm(0.5, 1.25, kept())];
        assert_eq!(found(&slow), "no arm above 1.1x is known to keep its accuracy");
        assert_eq!(found(&[]), "no training was timed for itself yet");
    }

    #[test]
    fn worth_has_every_outcome() {
        let of = |comparisons: &[Comparison]| {
            let arms = comparisons.iter().map(|found| finding(0.5, 0.5, kept(), *found));
            worth(&arms.collect::<Vec<_>>())
        };
        let at = |mean, half_width| Comparison::Found(difference(mean, half_width));
        let (above, below, noise) = (at(1.0, 0.125), at(-1.0, 0.125), at(1.0, 2.0));
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
        assert_eq!(
            found,
            "arms above: 1; below: 1; within noise: 1; undecided: 1 (after Holm's correction for 3 \
             comparisons)"
        );
    }
}
