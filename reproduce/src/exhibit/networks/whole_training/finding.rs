//! What was found of a sampled training: what it saves, and what it comes to beside exact ones.

use super::control::{Comparison, beside};
use crate::exhibit::difference::{Difference, Reading, readings_together};
use crate::result::significant;

/// What a sampled training is compared with where as many computations are made.
const SAME_COMPUTATIONS: &str = "exact training of the same computations";

/// A sampled training beside the exact one and beside those that cost as little.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The arm.
    pub arm: String,
    /// Its computations over those of exact training; not a number where either was not run.
    pub computations: f64,
    /// Its time over that of exact training, likewise, of runs that were made side by side.
    pub time: f64,
    /// The same of a whole training by itself on all threads, where some were timed.
    pub whole_time: Option<f64>,
    /// Its accuracy less that of exact training; none where no seed is common.
    pub against_exact: Option<Difference>,
    /// Beside exact training of as many computations.
    pub at_equal_computations: Comparison,
    /// Beside exact training of as much time.
    pub at_equal_time: Comparison,
}

impl Finding {
    /// What is found, in a sentence or two.
    pub fn words(&self) -> String {
        let Some(against_exact) = self.against_exact else {
            return format!("{}: not compared yet.", self.arm);
        };
        format!(
            "{} needs {} and {}{}. Beside all epochs of exact training: {}. At equal computations: {}. \
             At equal time: {}.",
            self.arm,
            needs(self.computations, "computation"),
            needs(self.time, "time"),
            self.whole_time.map(by_itself).unwrap_or_default(),
            beside(against_exact, "it"),
            self.at_equal_computations.beside("the control"),
            self.at_equal_time.beside("the control"),
        )
    }

    /// The lower end of the interval at equal computations; none without one.
    fn at_least(&self) -> Option<f64> {
        let difference = self.at_equal_computations.difference()?;
        let end = difference.mean() - difference.half_width()?;
        (end.is_finite() && self.computations.is_finite()).then_some(end)
    }
}

/// Of a share of the time of exact training.
fn by_itself(share: f64) -> String {
    format!(", as a whole training by itself {}", needs(share, "time"))
}

/// "46 % less computation", of a share of the exact.
fn needs(share: f64, what: &str) -> String {
    let word = if share <= 1.0 { "less" } else { "more" };
    format!("{} % {word} {what}", significant(100.0 * (1.0 - share).abs(), 2))
}

/// Beside exact training of the same computations, all arms told together (see
/// [`readings_together`]); none where that is not known.
pub fn readings(findings: &[Finding]) -> Vec<Option<Reading>> {
    let of = |finding: &Finding| finding.at_equal_computations.difference();
    readings_together(&findings.iter().map(of).collect::<Vec<_>>())
}

/// What all findings say together: how many lie above exact training of the same computations, and
/// what the one comes to whose interval reaches least far down.
pub fn headline(findings: &[Finding]) -> String {
    let compared: Vec<(&Finding, f64)> =
        findings.iter().filter_map(|finding| Some((finding, finding.at_least()?))).collect();
    let Some((best, _)) = compared.iter().max_by(|(_, x), (_, y)| x.total_cmp(y)) else {
        return format!("No sampled training has an interval beside {SAME_COMPUTATIONS} yet.");
    };
    let higher = |reading: &&Option<Reading>| **reading == Some(Reading::Higher);
    let above = readings(findings).iter().filter(higher).count();
    let found = format!(
        "{} needs {} and lies {}.",
        best.arm,
        needs(best.computations, "computation"),
        best.at_equal_computations.beside(SAME_COMPUTATIONS),
    );
    let all = compared.len();
    format!("{found} Above it, by Holm's correction, lie {above} of {all} sampled trainings.")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The difference ± `half_width`: of two seeds, by t(0.975, 1 degree of freedom) = 12.7062.
    pub fn difference(mean: f64, half_width: f64) -> Difference {
        let deviation = half_width / 12.706_204_736_432_1;
        Difference::paired(&[mean - deviation, mean + deviation], &[0.0, 0.0])
    }

    /// An arm with such a share of the computations and of the time, and such differences.
    pub fn finding(
        share: f64,
        time: f64,
        against_exact: Option<Difference>,
        at_equal: Comparison,
    ) -> Finding {
        Finding {
            arm: "top-k at 0.5".to_string(),
            computations: share,
            time,
            whole_time: None,
            against_exact,
            at_equal_computations: at_equal,
            at_equal_time: Comparison::CheaperThanAll,
        }
    }

    #[test]
    fn a_finding_says_what_is_saved_and_beside_what_it_lies_where() {
        let found = Comparison::Found(difference(0.25, 0.125));
        let arm = finding(0.54, 1.05, Some(difference(-1.2, 0.4)), found);
        assert_eq!(
            arm.words(),
            "top-k at 0.5 needs 46 % less computation and 5 % more time. Beside all epochs of exact \
             training: 1.20 ± 0.40 points below it. At equal computations: 0.25 ± 0.12 points \
             above the control. At equal time: cheaper than every control."
        );
        let timed = Finding { whole_time: Some(0.625), ..arm };
        let expected = "5 % more time, as a whole training by itself 38 % less time. Beside";
        assert!(timed.words().contains(expected), "{}", timed.words());
        let none = finding(f64::NAN, f64::NAN, None, Comparison::NotRun);
        assert_eq!(none.words(), "top-k at 0.5: not compared yet.");
    }

    #[test]
    fn the_headline_is_of_the_arm_that_is_surest_to_lie_high() {
        let at = |mean, half_width| {
            let found = Comparison::Found(difference(mean, half_width));
            finding(0.5, 0.75, Some(difference(-1.0, 0.5)), found)
        };
        assert_eq!(
            headline(&[at(-2.0, 0.25), Finding { arm: "best".into(), ..at(-1.0, 0.5) }]),
            "best needs 50 % less computation and lies 1.00 ± 0.50 points below exact training of the \
             same computations. Above it, by Holm's correction, lie 0 of 2 sampled trainings."
        );
        let above = headline(&[at(3.0, 9.0), Finding { arm: "best".into(), ..at(1.0, 0.25) }]);
        assert!(
            above.starts_with("best needs 50 % less computation and lies 1.00 ± 0.25 points above")
        );
        assert!(above.ends_with("correction, lie 1 of 2 sampled trainings."), "{above}");
        let noise = headline(&[at(0.5, 1.0)]);
        assert!(noise.contains("lies within noise of exact training"), "{noise}");
    }

    #[test]
    fn without_an_interval_there_is_no_headline() {
        let one_seed = Comparison::Found(Difference::paired(&[9.0], &[1.0]));
        let wrong = Comparison::Found(Difference::paired(&[f64::NAN, 9.0], &[1.0, 1.0]));
        for none in [one_seed, wrong, Comparison::DearerThanAll] {
            let said = headline(&[finding(0.5, 0.5, None, none)]);
            assert!(said.starts_with("No sampled training has an interval beside"), "{said}");
        }
    }
}
