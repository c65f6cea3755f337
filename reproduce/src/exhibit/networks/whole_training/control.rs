//! The control: exact training at every cost, as a curve, and what a sampled one is against it.
//!
//! Exact trainings of fewer epochs cost less and lose something, too. Between two of them that are
//! neighbours by cost, the mean score is taken to be linear in cost; outside of all of them nothing
//! is known.

use std::collections::BTreeMap;

use crate::exhibit::difference::{Difference, Reading, show};
use crate::exhibit::statistics::Estimate;

/// What an arm costs on average, and its scores in points, by seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// Computations or time, in any unit.
    pub cost: f64,
    /// One a seed.
    pub scores: BTreeMap<u64, f64>,
}

/// Exact trainings, the cheapest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(Vec<Priced>);

/// A training beside exact training of the same cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    /// Its score less that of the control, in points.
    Found(Difference),
    /// No control is as cheap.
    CheaperThanAll,
    /// No control costs as much.
    DearerThanAll,
    /// It and the controls beside it have no seed in common.
    NoCommonSeed,
    /// It or the control was not run, or a cost is not a number.
    NotRun,
}

impl Curve {
    /// Of exact trainings in any order; those without a run or without a cost are left out.
    pub fn of(controls: impl IntoIterator<Item = Priced>) -> Self {
        let known = |control: &Priced| control.cost.is_finite() && !control.scores.is_empty();
        let mut controls: Vec<Priced> = controls.into_iter().filter(known).collect();
        controls.sort_by(|one, other| one.cost.total_cmp(&other.cost));
        Curve(controls)
    }

    /// The exact trainings, the cheapest first.
    pub fn controls(&self) -> &[Priced] {
        &self.0
    }

    /// An arm's score less that of the curve at the arm's mean cost, paired over the seeds that
    /// it and both controls beside it have. On a control, that one alone is what it is paired with.
    pub fn against(&self, arm: &Priced) -> Comparison {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else {
            return Comparison::NotRun;
        };
        if !arm.cost.is_finite() || arm.scores.is_empty() {
            return Comparison::NotRun;
        }
        if arm.cost < first.cost {
            return Comparison::CheaperThanAll;
        }
        if arm.cost > last.cost {
            return Comparison::DearerThanAll;
        }
        let place = self.0.partition_point(|control| control.cost < arm.cost);
        let above = &self.0[place];
        let below = if above.cost == arm.cost { above } else { &self.0[place - 1] };
        let pairs = arm.scores.iter().filter_map(|(seed, score)| {
            let ends = [below, above].map(|control| control.scores.get(seed).copied());
            let [Some(low), Some(high)] = ends else { return None };
            Some((*score, between((below.cost, low), (above.cost, high), arm.cost)))
        });
        let (own, control): (Vec<f64>, Vec<f64>) = pairs.unzip();
        match own.is_empty() {
            true => Comparison::NoCommonSeed,
            false => Comparison::Found(Difference::paired(&own, &control)),
        }
    }
}

/// The line through two points (cost, score) at a cost between theirs.
fn between((low, from): (f64, f64), (high, to): (f64, f64), cost: f64) -> f64 {
    match low == high {
        true => from,
        false => from + (to - from) * (cost - low) / (high - low),
    }
}

impl Comparison {
    /// The difference, where there is one.
    pub fn difference(self) -> Option<Difference> {
        match self {
            Comparison::Found(difference) => Some(difference),
            _ => None,
        }
    }

    /// For a cell: which side of the control it lies on, or why that is not known.
    pub fn words(self) -> &'static str {
        match self {
            Comparison::Found(difference) => match difference.reading() {
                Reading::Higher => "above",
                Reading::Lower => "below",
                reading => reading.words(),
            },
            Comparison::CheaperThanAll => "cheaper than every control",
            Comparison::DearerThanAll => "costs more than every control",
            Comparison::NoCommonSeed => "no seed in common with the control",
            Comparison::NotRun => "not run",
        }
    }

    /// Where it lies beside the control, in a sentence, or why that is not known.
    pub fn beside(self, control: &str) -> String {
        match self {
            Comparison::Found(difference) => beside(difference, control),
            unknown => unknown.words().to_string(),
        }
    }
}

/// Where something lies, in a sentence: "1.2 ± 0.4 points below exact training".
pub fn beside(difference: Difference, what: &str) -> String {
    let (mean, half_width) = (difference.mean(), difference.half_width());
    let distance = show(Estimate { mean: mean.abs(), half_width });
    let side = if mean < 0.0 { "below" } else { "above" };
    match difference.reading() {
        Reading::Higher | Reading::Lower => format!("{distance} points {side} {what}"),
        Reading::WithinNoise => {
            let signed = show(Estimate { mean, half_width });
            format!("within noise of {what} ({signed} points)")
        }
        Reading::OneSeed => format!("{distance} points {side} {what} with one seed"),
        Reading::NotANumber => format!("nowhere beside {what}: a score is not a number"),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An arm with the seeds 1, 2, 3 and so on.
    pub fn priced(cost: f64, scores: &[f64]) -> Priced {
        Priced { cost, scores: (1..).zip(scores.iter().copied()).collect() }
    }

    /// 80, 82 % at 10 and 90, 94 % at 20.
    fn curve() -> Curve {
        Curve::of([priced(20.0, &[90.0, 94.0]), priced(10.0, &[80.0, 82.0])])
    }

    fn found(arm: &Priced) -> Difference {
        curve().against(arm).difference().unwrap()
    }

    #[test]
    fn between_two_controls_the_curve_is_linear_for_every_seed() {
        // At 12.5 the control has 82.5 and 85.
        let arm = priced(12.5, &[83.4, 86.1]);
        assert_eq!(found(&arm), Difference::paired(&[83.4, 86.1], &[82.5, 85.0]));
        // Student's t of one degree of freedom is wide: 1.0 ± 1.27.
        assert_eq!(curve().against(&arm).words(), "within noise");
        let words = |scores| curve().against(&priced(12.5, scores)).words();
        assert_eq!(words(&[83.5, 86.0]), "above");
        assert_eq!(words(&[81.5, 84.0]), "below");
    }

    #[test]
    fn on_a_control_it_is_compared_with_that_one_alone() {
        for (cost, control) in [(10.0, [80.0, 82.0]), (20.0, [90.0, 94.0])] {
            let arm = priced(cost, &[85.0, 85.0]);
            assert_eq!(found(&arm), Difference::paired(&[85.0, 85.0], &control));
        }
        // So that it does not matter what else is not a number.
        let curve = Curve::of([priced(10.0, &[f64::NAN]), priced(20.0, &[90.0])]);
        assert_eq!(curve.against(&priced(20.0, &[91.0])).words(), "one seed");
        assert_eq!(curve.against(&priced(15.0, &[91.0])).words(), "not a number");
    }

    #[test]
    fn outside_of_all_controls_there_is_no_comparison() {
        let against = |cost| curve().against(&priced(cost, &[99.0, 99.0]));
        assert_eq!(against(9.9), Comparison::CheaperThanAll);
        assert_eq!(against(20.1), Comparison::DearerThanAll);
        assert_eq!(against(f64::NAN), Comparison::NotRun);
        assert_eq!(against(9.9).difference(), None);
        assert_eq!(against(9.9).words(), "cheaper than every control");
        assert_eq!(against(20.1).words(), "costs more than every control");
    }

    #[test]
    fn what_was_not_run_is_compared_with_nothing() {
        assert_eq!(curve().against(&priced(15.0, &[])), Comparison::NotRun);
        assert_eq!(Curve::of([]).against(&priced(15.0, &[9.0])), Comparison::NotRun);
        let none = Curve::of([priced(10.0, &[]), priced(f64::NAN, &[1.0])]);
        assert_eq!(none, Curve::default());
    }

    #[test]
    fn only_seeds_that_all_three_have_are_paired() {
        let mut arm = priced(15.0, &[90.0, 90.0]);
        arm.scores.insert(7, 0.0);
        assert_eq!(found(&arm), Difference::paired(&[90.0, 90.0], &[85.0, 88.0]));
        arm.scores.remove(&2);
        assert_eq!(curve().against(&arm).words(), "one seed");
        assert_eq!(found(&arm).half_width(), None);
        arm.scores.remove(&1);
        assert_eq!(curve().against(&arm).words(), "no seed in common with the control");
    }

    #[test]
    fn what_is_not_a_number_is_never_above() {
        let curve = curve();
        for wrong in [f64::NAN, f64::INFINITY] {
            for scores in [[wrong, 99.0], [99.0, wrong]] {
                let compared = curve.against(&priced(15.0, &scores));
                assert_eq!(compared.words(), "not a number");
                assert_eq!(
                    compared.difference().map(Difference::reading),
                    Some(Reading::NotANumber)
                );
            }
        }
    }

    #[test]
    fn a_sentence_says_the_side_and_how_sure_it_is() {
        let said = |x: &[f64], y: &[f64]| beside(Difference::paired(x, y), "it");
        assert_eq!(said(&[3.0, 3.1], &[1.0, 1.0]), "2.05 ± 0.64 points above it");
        assert_eq!(said(&[1.0, 1.0], &[3.0, 3.1]), "2.05 ± 0.64 points below it");
        assert_eq!(said(&[1.0, 2.0], &[2.0, 1.5]), "within noise of it (-0.2 ± 9.5 points)");
        assert_eq!(said(&[1.0], &[3.0]), "2 points below it with one seed");
        let none = "nowhere beside it: a score is not a number";
        assert_eq!(said(&[f64::NAN], &[3.0]), none);
        assert_eq!(Comparison::CheaperThanAll.beside("it"), "cheaper than every control");
    }
}
