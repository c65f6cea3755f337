//! What a change of setting does to a number: the differences of runs that have a seed in common.
//!
//! Runs of one seed begin with the same weights and see the same minibatches, so that their
//! difference varies less than either. Its interval is that of the paired Student's t test, beside
//! which there is the bootstrap's.

use theory::statistics::{Sample, holm};

use crate::exhibit::statistics::Estimate;
use crate::result::significant;

/// The mean difference to a reference over the seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    estimate: Estimate,
    /// Of Student's test that there is none; not a number of one seed.
    p_value: f64,
}

/// What a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The whole interval lies below zero.
    Lower,
    /// The whole interval lies above zero.
    Higher,
    /// The interval holds zero.
    WithinNoise,
    /// There is no interval.
    OneSeed,
    /// Some run gave no number.
    NotANumber,
}

impl Difference {
    /// Of the values of a setting and of its reference, one a seed and in the same order.
    ///
    /// # Panics
    /// If there are not as many of one as of the other: a mistake in an exhibit's code.
    pub fn paired(values: &[f64], reference: &[f64]) -> Self {
        let differences = pairwise(values, reference);
        let p_value = Sample::of(differences.iter().copied()).student(0.0).p_value;
        let p_value = if differences.len() > 1 { p_value } else { f64::NAN };
        Difference { estimate: Estimate::of(&differences), p_value }
    }

    /// The mean difference.
    pub fn mean(self) -> f64 {
        self.estimate.mean
    }

    /// Half the 95 % interval of the mean difference; none of one seed.
    pub fn half_width(self) -> Option<f64> {
        self.estimate.half_width
    }

    /// Which side of zero the interval lies on.
    pub fn reading(self) -> Reading {
        let Estimate { mean, half_width } = self.estimate;
        match half_width {
            _ if !mean.is_finite() => Reading::NotANumber,
            None => Reading::OneSeed,
            Some(half) if !half.is_finite() => Reading::NotANumber,
            Some(half) if mean.abs() <= half => Reading::WithinNoise,
            Some(_) if mean < 0.0 => Reading::Lower,
            Some(_) => Reading::Higher,
        }
    }

    /// For a sentence or a cell: "-6.78 ± 0.9, lower".
    pub fn words(self) -> String {
        let reading = self.reading().words();
        if self.reading() == Reading::NotANumber {
            return reading.to_string();
        }
        format!("{}, {reading}", show(self.estimate))
    }
}

/// The readings of differences that are told together, so that the chance of any false "lower" or
/// "higher" among them is five in a hundred (Holm's procedure); none where there is no difference.
pub fn readings_together(differences: &[Option<Difference>]) -> Vec<Option<Reading>> {
    let p_values: Vec<f64> = differences.iter().flatten().map(|one| one.p_value).collect();
    let mut adjusted = holm(&p_values).into_iter();
    let reading = |difference: &Option<Difference>| {
        let (difference, p_value) = ((*difference)?, adjusted.next()?);
        Some(match difference.reading() {
            Reading::Lower | Reading::Higher if p_value > 0.05 => Reading::WithinNoise,
            reading => reading,
        })
    };
    differences.iter().map(reading).collect()
}

/// The paired bootstrap's 95 % interval of the same mean difference; none of one seed, or where a run
/// gave no number.
///
/// # Panics
/// As [`Difference::paired`].
pub fn bootstrap(values: &[f64], reference: &[f64]) -> Option<(f64, f64)> {
    theory::bootstrap::interval(&pairwise(values, reference), 0.05)
}

fn pairwise(values: &[f64], reference: &[f64]) -> Vec<f64> {
    assert_eq!(values.len(), reference.len(), "a pair a seed");
    values.iter().zip(reference).map(|(x, y)| x - y).collect()
}

impl Reading {
    /// For a cell.
    pub fn words(self) -> &'static str {
        match self {
            Reading::Lower => "lower",
            Reading::Higher => "higher",
            Reading::WithinNoise => "within noise",
            Reading::OneSeed => "one seed",
            Reading::NotANumber => "not a number",
        }
    }
}

/// "97.4 ± 1.2", both to the second digit of the interval; the mean alone where there is none.
pub fn show(estimate: Estimate) -> String {
    let Estimate { mean, half_width } = estimate;
    match half_width {
        Some(half) if half > 0.0 && half.is_finite() && mean.is_finite() => {
            let decimals = (1.0 - libm::floor(libm::log10(half))).max(0.0) as usize;
            format!("{mean:.decimals$} ± {half:.decimals$}")
        }
        Some(half) => format!("{} ± {}", significant(mean, 4), significant(half, 2)),
        None => significant(mean, 4),
    }
}

/// What the marks of a figure are.
pub fn intervals(count: usize) -> String {
    match count {
        1 => "one seed".to_string(),
        _ => format!("means over {count} seeds with 95 % intervals"),
    }
}

/// How many seeds a table is from, and whether it has intervals.
pub fn seeds(count: usize) -> String {
    match count {
        1 => "one seed, so without intervals".to_string(),
        _ => format!("means over {count} seeds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_compared_and_not_means() {
        // Seeds differ by far more than the settings: 90, 95, 99 against one less each.
        let difference = Difference::paired(&[89.0, 94.1, 97.9], &[90.0, 95.0, 99.0]);
        assert!((difference.mean() + 1.0).abs() < 1e-12);
        // t(0.975, 2 degrees of freedom) = 4.30265, deviation 0.1.
        let half = difference.half_width().unwrap();
        assert!((half - 4.30265 * 0.1 / 3.0f64.sqrt()).abs() < 1e-6, "{half}");
        assert_eq!(difference.reading(), Reading::Lower);
        assert_eq!(difference.words(), "-1.00 ± 0.25, lower");
    }

    #[test]
    fn every_reading_has_a_known_case() {
        let reading = |x: &[f64], y: &[f64]| Difference::paired(x, y).reading();
        assert_eq!(reading(&[2.0, 2.1], &[1.0, 1.0]), Reading::Higher);
        assert_eq!(reading(&[1.0, 1.0], &[2.0, 2.1]), Reading::Lower);
        assert_eq!(reading(&[2.0, 0.0], &[1.0, 0.5]), Reading::WithinNoise);
        // A tie in every seed is no win for either.
        assert_eq!(reading(&[1.0, 2.0], &[1.0, 2.0]), Reading::WithinNoise);
        assert_eq!(reading(&[2.0], &[1.0]), Reading::OneSeed);
    }

    #[test]
    fn told_together_differences_have_to_be_surer() {
        // Of two seeds with t = 20 the p-value is 0.032, with t = 200 it is 0.0032.
        let at = |t: f64| Some(Difference::paired(&[t - 1.0, t + 1.0], &[0.0, 0.0]));
        let one_seed = Some(Difference::paired(&[9.0], &[1.0]));
        let alone = readings_together(&[at(20.0)]);
        assert_eq!(alone, [Some(Reading::Higher)]);
        let found = readings_together(&[at(20.0), None, at(-200.0), at(0.5), one_seed]);
        let expected =
            [Reading::WithinNoise, Reading::Lower, Reading::WithinNoise, Reading::OneSeed];
        let [first, others @ ..] = expected.map(Some);
        assert_eq!(found, [&[first, None][..], &others[..]].concat());
        assert_eq!(readings_together(&[]), []);
    }

    #[test]
    fn what_is_not_a_number_wins_nothing() {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for pair in [[wrong, 1.0], [1.0, wrong]] {
                let reading = |x: &[f64], y: &[f64]| Difference::paired(x, y).reading();
                assert_eq!(reading(&pair, &[1.0, 1.0]), Reading::NotANumber);
                assert_eq!(reading(&[1.0, 1.0], &pair), Reading::NotANumber);
            }
            let difference = Difference::paired(&[wrong], &[1.0]);
            assert_eq!(difference.words(), "not a number");
        }
    }

    #[test]
    fn an_interval_that_ends_at_zero_holds_it() {
        let of = |half_width| Difference {
            estimate: Estimate { mean: -0.5, half_width: Some(half_width) },
            p_value: f64::NAN,
        };
        let at_the_end = of(0.5);
        assert_eq!(at_the_end.reading(), Reading::WithinNoise);
        let beyond = of(0.499);
        assert_eq!(beyond.reading(), Reading::Lower);
    }

    #[test]
    fn a_mean_has_the_digits_of_its_interval() {
        let shown = |mean, half_width| show(Estimate { mean, half_width: Some(half_width) });
        assert_eq!(shown(97.4142, 1.234), "97.4 ± 1.2");
        assert_eq!(shown(97.4142, 0.01234), "97.414 ± 0.012");
        assert_eq!(shown(-0.004, 0.3), "-0.00 ± 0.30");
        assert_eq!(shown(1234.5, 56.0), "1234 ± 56");
        assert_eq!(shown(1.5, 0.0), "1.500 ± 0");
        assert_eq!(shown(f64::NAN, 0.1), "NaN ± 0.10");
    }

    #[test]
    fn one_seed_is_said() {
        assert_eq!(seeds(1), "one seed, so without intervals");
        assert_eq!(seeds(3), "means over 3 seeds");
        assert_eq!((intervals(1).as_str(), intervals(2).contains("95 %")), ("one seed", true));
        assert_eq!(Difference::paired(&[2.0], &[1.5]).words(), "0.5000, one seed");
    }
}
