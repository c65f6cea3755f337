//! What exhibits find, in a sentence each that is computed from their numbers: the heading on the
//! page and the line in the terminal.

use super::difference::{Difference, Reading, show};
use super::statistics::Estimate;
use crate::result::significant;

/// What a change of setting does to the test accuracy: "loses 0.10 ± 0.30 points, within noise".
pub fn points(difference: Difference) -> String {
    let size = Estimate { mean: difference.mean().abs(), half_width: difference.half_width() };
    let verb = if difference.mean() < 0.0 { "loses" } else { "gains" };
    match difference.reading() {
        Reading::NotANumber => "comes to no number".to_string(),
        Reading::WithinNoise => format!("{verb} {} points, within noise", show(size)),
        Reading::OneSeed => format!("{verb} {} points, with one seed", show(size)),
        Reading::Lower | Reading::Higher => format!("{verb} {} points", show(size)),
    }
}

/// What sampled trainings come to beside exact ones, by their names: "top-k at 0.5 loses 0.1 ± 0.3
/// points, within noise; at 0.1 it loses ...".
pub fn against_exact(settings: &[(String, Difference)]) -> String {
    let settings =
        settings.iter().map(|(name, difference)| format!("{name} {}", points(*difference)));
    let sentence = settings.collect::<Vec<String>>().join("; ");
    match sentence.is_empty() {
        true => "No sampled training is there to compare with exact ones.".to_string(),
        false => format!("Beside exact products {sentence}."),
    }
}

/// The error of an estimator on one kind of operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Error<'a> {
    /// The kind of operands.
    pub operands: &'a str,
    /// The estimator.
    pub estimator: &'a str,
    /// Root mean square error, over the norms.
    pub error: f64,
    /// Half its 95 % interval; none where nothing is random.
    pub half_width: Option<f64>,
}

/// Which estimator errs least on each kind of operands, where `kept` says how much is kept.
pub fn least_errors(errors: &[Error], kept: &str) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for error in errors {
        if !kinds.contains(&error.operands) {
            kinds.push(error.operands);
        }
    }
    if errors.iter().any(|error| error.error.is_nan()) {
        return format!("With {kept} some error is no number.");
    }
    let least = kinds.iter().filter_map(|kind| {
        let here = errors.iter().filter(|error| error.operands == *kind);
        let least = here.min_by(|one, other| one.error.total_cmp(&other.error))?;
        let error = Estimate { mean: least.error, half_width: least.half_width };
        Some(format!("{} for {kind} entries ({})", least.estimator, show(error)))
    });
    let least: Vec<String> = least.collect();
    match least.is_empty() {
        true => "No error was measured.".to_string(),
        false => format!("With {kept} the least error has {}.", least.join(", ")),
    }
}

/// What the gradient of a layer is off by, of a way of sampling in each of its modes, with bias, the
/// most it may be, and root mean square error over the gradient's norm.
pub fn biases(sampling: &str, modes: &[(&str, f64, Option<f64>, f64)]) -> String {
    let modes = modes.iter().map(|(mode, bias, most, error)| {
        let most =
            most.map_or_else(String::new, |most| format!("at most {}, ", significant(most, 2)));
        match (*bias, *error) {
            (bias, error) if bias.is_nan() || error.is_nan() => format!("no number {mode}"),
            (0.0, error) => format!("no bias {mode} ({most}error {})", significant(error, 2)),
            (bias, error) => {
                let [bias, error] = [bias, error].map(|share| significant(share, 2));
                format!("a bias of {bias} {mode} ({most}error {error})")
            }
        }
    });
    let modes: Vec<String> = modes.collect();
    match modes.is_empty() {
        true => format!("No gradient sampled by {sampling} was measured."),
        false => format!(
            "Of the gradient's norm, the first layer sampled by {sampling} has {}.",
            modes.join(", ")
        ),
    }
}

/// "90 to 98 %" of some numbers, to so many digits; the one number where all are the same to these.
pub fn range(values: impl IntoIterator<Item = f64>, digits: usize, unit: &str) -> String {
    let values: Vec<f64> = values.into_iter().collect();
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return "no number".to_string();
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let [least, most] = [least, most].map(|value| significant(value, digits));
    if least == most { format!("{least}{unit}") } else { format!("{least} to {most}{unit}") }
}

/// How much of how many is so: "all 5", "none of 5", "3 of 5".
pub fn share_of(count: usize, all: usize) -> String {
    match count {
        _ if count == all => format!("all {all}"),
        0 => format!("none of {all}"),
        _ => format!("{count} of {all}"),
    }
}

/// The ratio that findings are of: the one nearest to a half; not a number where there is none.
pub fn nearest_to_half(ratios: impl Iterator<Item = f64>) -> f64 {
    let distance = |ratio: &f64| (ratio - 0.5).abs();
    ratios.min_by(|x, y| distance(x).total_cmp(&distance(y))).unwrap_or(f64::NAN)
}

/// The median time of settings over that of exact ones, by their names, with the quartiles.
pub fn times(what: &str, settings: &[(String, crate::timing::Spread)]) -> String {
    let settings = settings.iter().map(|(name, spread)| {
        let percent = |share: f64| significant(100.0 * share, 3);
        let (low, median, high) = (spread.low, spread.median, spread.high);
        format!("{} % ({} to {}) for {name}", percent(median), percent(low), percent(high))
    });
    let settings: Vec<String> = settings.collect();
    match settings.is_empty() {
        true => format!("No time of {what} was measured."),
        false => format!("Of the exact time {what} takes {}.", settings.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Spread;

    fn difference(mean: f64, half_width: f64) -> Difference {
        // Of two seeds, by t(0.975, 1 degree of freedom) = 12.7062.
        let deviation = half_width / 12.706_204_736_432_1;
        Difference::paired(&[mean - deviation, mean + deviation], &[0.0, 0.0])
    }

    #[test]
    fn points_say_every_reading() {
        assert_eq!(points(difference(-1.0, 0.25)), "loses 1.00 ± 0.25 points");
        assert_eq!(points(difference(1.0, 0.25)), "gains 1.00 ± 0.25 points");
        assert_eq!(points(difference(-0.1, 0.3)), "loses 0.10 ± 0.30 points, within noise");
        assert_eq!(
            points(Difference::paired(&[1.0], &[1.5])),
            "loses 0.5000 points, with one seed"
        );
        let wrong = Difference::paired(&[f64::NAN, 1.0], &[1.0, 1.0]);
        assert_eq!(points(wrong), "comes to no number");
    }

    #[test]
    fn trainings_are_named_and_without_one_that_is_said() {
        let found = [("top-k at 0.5".to_string(), difference(-1.0, 0.25))];
        let expected = "Beside exact products top-k at 0.5 loses 1.00 ± 0.25 points.";
        assert_eq!(against_exact(&found), expected);
        assert!(against_exact(&[]).starts_with("No sampled training"));
    }

    #[test]
    fn the_least_error_is_of_each_kind_of_operands() {
        let error = |operands, estimator, error| Error {
            operands,
            estimator,
            error,
            half_width: Some(0.01),
        };
        let errors = [
            error("zero-mean", "top-k", 0.25),
            error("zero-mean", "bernoulli", 0.5),
            error("unit-mean", "top-k", 0.75),
            Error { half_width: None, ..error("unit-mean", "systematic", 0.5) },
        ];
        assert_eq!(
            least_errors(&errors, "a quarter of the pairs"),
            "With a quarter of the pairs the least error has top-k for zero-mean entries \
             (0.250 ± 0.010), systematic for unit-mean entries (0.5000)."
        );
        assert_eq!(least_errors(&[], "half"), "No error was measured.");
        let wrong = [errors[0], error("zero-mean", "bernoulli", f64::NAN)];
        assert_eq!(least_errors(&wrong, "half"), "With half some error is no number.");
    }

    #[test]
    fn biases_say_where_none_is_left() {
        let modes = [
            ("forward", 0.125, None, 0.5),
            ("backward", 0.0, Some(0.0625), 0.75),
            ("black-box", f64::NAN, None, 1.0),
        ];
        assert_eq!(
            biases("bernoulli at 0.5", &modes),
            "Of the gradient's norm, the first layer sampled by bernoulli at 0.5 has a bias of 0.12 \
             forward (error 0.50), no bias backward (at most 0.062, error 0.75), no number black-box."
        );
        assert!(biases("top-k at 0.5", &[]).starts_with("No gradient sampled by top-k"));
    }

    #[test]
    fn ranges_and_shares_say_where_all_are_alike() {
        assert_eq!(range([91.04, 98.0, 95.0], 3, " %"), "91 to 98 %");
        assert_eq!(range([0.5, 0.5], 3, ""), "0.500");
        assert_eq!(range([0.5, f64::NAN], 3, ""), "no number");
        assert_eq!(range([], 3, ""), "no number");
        let shares = [share_of(5, 5), share_of(0, 5), share_of(3, 5)];
        assert_eq!(shares, ["all 5", "none of 5", "3 of 5"]);
    }

    #[test]
    fn findings_are_of_the_ratio_nearest_to_a_half() {
        assert_eq!(nearest_to_half([0.1, 0.4, 0.7, 1.0].into_iter()), 0.4);
        assert!(nearest_to_half(std::iter::empty()).is_nan());
    }

    #[test]
    fn times_have_their_quartiles() {
        let spread = Spread { low: 0.5, median: 0.55, high: 0.7 };
        let sentence = times("a step at ratio 0.5", &[("the MLP".to_string(), spread)]);
        assert_eq!(
            sentence,
            "Of the exact time a step at ratio 0.5 takes 55 % (50 to 70) for the MLP."
        );
        assert_eq!(times("a step", &[]), "No time of a step was measured.");
    }
}
