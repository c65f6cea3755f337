//! What is found, in sentences computed from the numbers.

use coded_activations::arm::{Arm, FEW_BITS};

use super::measured::Measured;
use crate::exhibit::difference::{Difference, Reading, show};
use crate::exhibit::related::differences::{self, Beside};
use crate::exhibit::statistics::Estimate;
use crate::result::significant;

/// The first sentence.
pub fn finding(measured: &Measured) -> String {
    let few = Arm::Backward(FEW_BITS);
    format!(
        "Codes of {FEW_BITS} bits in the place of activations {}; {}.",
        bought(measured.times_less(few), measured.difference(few, Arm::Exact)),
        with_sampling(
            measured.times_less(Arm::SampledCoded),
            measured.difference(Arm::SampledCoded, Arm::Exact)
        ),
    )
}

/// All others.
pub fn findings(measured: &Measured) -> Vec<String> {
    let over_exact = |arm: Arm| (arm.name(), measured.difference(arm, Arm::Exact));
    let first = |arm: Arm| measured.gradient_error(arm, 0).mean;
    let naive = measured.settings.bits.iter().map(|bits| over_exact(Arm::Naive(*bits)));
    let last = measured.layers().len().saturating_sub(1);
    vec![
        depth(
            [first(Arm::Backward(FEW_BITS)), first(Arm::Naive(FEW_BITS))],
            [Arm::Backward(FEW_BITS), Arm::Naive(FEW_BITS)]
                .map(|arm| measured.gradient_error(arm, last).mean),
        ),
        cost("Codes in the forward pass, too", &naive.collect::<Vec<_>>()),
        cost("Mistakes made on purpose", &[Arm::ZeroAsLevel, Arm::Permuted].map(over_exact)),
        released(
            measured.difference(Arm::AsReleased, Arm::Backward(FEW_BITS)),
            measured.difference(Arm::Frozen, Arm::Exact),
        ),
        sampled(
            measured.difference(Arm::SampledCoded, Arm::Sampled),
            [8, FEW_BITS].map(|bits| largest_of_codes(measured, bits)),
            [8, FEW_BITS].map(|bits| largest(measured, Arm::Backward(bits))),
        ),
    ]
}

/// The largest error of a layer's gradient by codes alone where products are sampled.
fn largest_of_codes(measured: &Measured, bits: u32) -> f64 {
    let layers = 0..measured.layers().len();
    layers.map(|layer| measured.of_codes_alone(bits, layer).mean).fold(f64::NAN, f64::max)
}

/// The same of an arm.
fn largest(measured: &Measured, arm: Arm) -> f64 {
    let layers = 0..measured.layers().len();
    layers.map(|layer| measured.gradient_error(arm, layer).mean).fold(f64::NAN, f64::max)
}

/// Every arm beside the exact one, and those with sampled products beside sampling alone.
pub fn beside(measured: &Measured) -> Vec<Beside> {
    let ways = |subject: Arm, arms: Vec<Arm>| {
        let others: Vec<_> = arms.into_iter().map(|arm| measured.way(arm)).collect();
        differences::beside(&measured.data, &measured.way(subject), &others)
    };
    let others = measured.arms.iter().filter(|arm| **arm != Arm::Exact);
    let mut all = ways(Arm::Exact, others.copied().collect());
    all.extend(ways(Arm::Sampled, vec![Arm::SampledCoded, Arm::SampledPermuted]));
    all.extend(ways(Arm::Backward(FEW_BITS), vec![Arm::AsReleased]));
    all
}

/// "0.25 ± 0.42 points".
fn points(difference: Difference) -> String {
    let (mean, half_width) = (difference.mean(), difference.half_width());
    format!("{} points", show(Estimate { mean, half_width }))
}

/// What codes save and cost.
fn bought(times: f64, cost: Difference) -> String {
    let (times, points) = (significant(times, 2), points(cost));
    let words = match cost.reading() {
        Reading::Higher => format!("for {points} more test error"),
        Reading::Lower => format!("and change the test error by {points}"),
        Reading::WithinNoise => format!("at no cost that is told from noise ({points})"),
        Reading::OneSeed => format!("for {points} of test error, with one seed"),
        Reading::NotANumber => "and some run gave no number".to_string(),
    };
    format!("make what is stored between the passes {times} times less {words}")
}

/// The same where products are sampled as well.
fn with_sampling(times: f64, cost: Difference) -> String {
    let (times, points) = (significant(times, 2), points(cost));
    let words = match cost.reading() {
        Reading::NotANumber => return "with sampled products some run gave no number".to_string(),
        Reading::Higher => format!("for {points}"),
        Reading::Lower | Reading::OneSeed => format!("and {points}"),
        Reading::WithinNoise => format!("and {points}, within noise"),
    };
    format!("with sampled products as well it is {times} times less, {words}")
}

/// A difference of test errors behind an arm's name; for a title.
pub fn beside_exact(arm: Arm, difference: Difference) -> String {
    let points = significant(difference.mean().abs(), 2);
    let sign = if difference.mean() < 0.0 { "-" } else { "+" };
    match difference.reading() {
        Reading::NotANumber => format!("{} has no number", arm.name()),
        Reading::WithinNoise => format!("{} within noise", arm.name()),
        _ => format!("{} {sign}{points} points", arm.name()),
    }
}

/// How much farther off naive codes are in the first layer; for a title.
pub fn deeper(ours: f64, naive: f64) -> String {
    let times = naive / ours;
    match times.is_finite() {
        true => format!(
            "first layer, {FEW_BITS} bits: in both passes {} times as far off",
            significant(times, 2)
        ),
        false => "first layer: no number".to_string(),
    }
}

/// Who stores least; for a title.
pub fn smallest(stored: &[(String, f64)]) -> String {
    let known = stored.iter().filter(|(_, times)| times.is_finite());
    match known.max_by(|one, other| one.1.total_cmp(&other.1)) {
        Some((name, times)) => format!("{name}: {} times less stored", significant(*times, 2)),
        None => "nothing was counted".to_string(),
    }
}

/// How much less is stored of the smallest minibatches and of the largest; for a title.
pub fn grows(name: &str, by_size: &[(usize, f64)]) -> String {
    match by_size {
        [] => "nothing was counted".to_string(),
        [(size, times)] => format!("{name}: {} times at {size}", significant(*times, 2)),
        [(few, less), .., (many, more)] => {
            let [less, more] = [less, more].map(|times| significant(*times, 2));
            format!("{name}: {less} times at {few}, {more} at {many}")
        }
    }
}

/// How errors of gradients grow towards the first layer, ours and naively.
fn depth([ours, naive]: [f64; 2], [ours_last, naive_last]: [f64; 2]) -> String {
    let times = naive / ours;
    let [ours, naive, ours_last, naive_last, words] =
        [ours, naive, ours_last, naive_last, times].map(|number| significant(number, 2));
    let found = match times.is_finite() {
        true if times >= 2.0 => "errors of the codes hardly add up where the forward pass is exact",
        true => "an exact forward pass does not halve it",
        false => "some number is missing",
    };
    format!(
        "At the same weights the gradient with {FEW_BITS} bits is off by {ours_last} of its norm in \
         the last layer and by {ours} in the first, with the codes in both passes by {naive_last} and \
         {naive}, {words} times as much in the first: {found}."
    )
}

/// What ways of training cost beside exact activations.
fn cost(what: &str, ways: &[(String, Difference)]) -> String {
    let words = ways.iter().map(|(name, difference)| format!("{name} {}", difference.words()));
    let words = words.collect::<Vec<String>>().join("; ");
    let count = |wanted: Reading| ways.iter().filter(|(_, it)| it.reading() == wanted).count();
    let found = match (count(Reading::Higher), count(Reading::NotANumber)) {
        (_, 1..) => "Some run gave no number",
        (0, _) => "None costs accuracy that is told from noise",
        (higher, _) if higher == ways.len() => "All cost accuracy",
        _ => "Some cost accuracy",
    };
    format!("{what}, points of test error beside exact activations: {words}. {found}.")
}

/// What the released program's two doubtful places do.
fn released(bins: Difference, frozen: Difference) -> String {
    let says = |difference: Difference, harm: &str, none: &str| match difference.reading() {
        Reading::Higher => harm.to_string(),
        Reading::Lower => "which is better".to_string(),
        Reading::WithinNoise => none.to_string(),
        Reading::OneSeed => "of one seed".to_string(),
        Reading::NotANumber => "some run gave no number".to_string(),
    };
    format!(
        "Bins as in the released program change the test error by {}: {}. A first layer that stays as \
         it was drawn changes it by {}: {}.",
        points(bins),
        says(bins, "they do harm", "no harm that is told from noise"),
        points(frozen),
        says(frozen, "it is missed", "it is not missed"),
    )
}

/// Whether codes and sampling bear each other; the largest errors of gradients by codes of eight and
/// of few bits, with sampled products and without.
fn sampled(cost: Difference, within: [f64; 2], without: [f64; 2]) -> String {
    let found = match cost.reading() {
        Reading::Higher => "codes cost accuracy there",
        Reading::Lower => "codes do good there",
        Reading::WithinNoise => "no cost is told from noise",
        Reading::OneSeed => "one seed says no more",
        Reading::NotANumber => "some run gave no number",
    };
    let worth = |[eight, few]: [f64; 2]| few / eight;
    let end = match worth(within) < 0.5 * worth(without) {
        true => {
            ": numbers beyond three deviations, which no bits mend, are more where products are \
             sampled"
        }
        false => "",
    };
    let [of_eight, of_few, eight, few] =
        [within[0], within[1], without[0], without[1]].map(|number| significant(number, 2));
    format!(
        "With sampled products codes of {FEW_BITS} bits change the test error by {}: {found}. They move \
         the gradient of a layer by up to {of_few} of its norm, those of 8 bits by {of_eight}, where \
         without sampling it is {few} and {eight}{end}.",
        points(cost)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Difference {
        Difference::paired(values, &vec![0.0; values.len()])
    }

    fn higher() -> Difference {
        of(&[5.0, 5.1])
    }

    fn lower() -> Difference {
        of(&[-5.0, -5.1])
    }

    fn noise() -> Difference {
        of(&[1.0, -1.0])
    }

    fn unknown() -> Difference {
        of(&[f64::NAN, 1.0])
    }

    #[test]
    fn what_is_saved_has_its_price_or_none() {
        let found = bought(13.2, higher());
        assert_eq!(
            found,
            "make what is stored between the passes 13 times less for 5.05 ± 0.64 points more test \
             error"
        );
        assert!(
            bought(13.2, lower()).ends_with(" and change the test error by -5.05 ± 0.64 points")
        );
        assert!(bought(13.2, noise()).contains(" at no cost that is told from noise "));
        assert!(bought(13.2, of(&[2.0])).ends_with(" for 2 points of test error, with one seed"));
        assert!(bought(13.2, unknown()).ends_with("some run gave no number"));
        assert!(with_sampling(25.4, higher()).ends_with("25 times less, for 5.05 ± 0.64 points"));
        assert!(with_sampling(25.4, lower()).ends_with("less, and -5.05 ± 0.64 points"));
        assert!(with_sampling(25.4, noise()).ends_with(" points, within noise"));
        assert!(with_sampling(25.4, unknown()).ends_with("gave no number"));
    }

    #[test]
    fn titles_say_points_where_they_are_told_from_noise() {
        let title = |difference| beside_exact(Arm::Backward(4), difference);
        assert_eq!(title(higher()), "4 bits +5 points");
        assert_eq!(title(lower()), "4 bits -5 points");
        assert_eq!(title(noise()), "4 bits within noise");
        assert_eq!(title(unknown()), "4 bits has no number");
        assert!(deeper(0.1, 0.4).ends_with(" 4 times as far off"));
        assert_eq!(deeper(0.0, 0.4), "first layer: no number");
        let stored = [("a".to_string(), 1.0), ("b".to_string(), 8.0), ("c".to_string(), f64::NAN)];
        assert_eq!(smallest(&stored), "b: 8 times less stored");
        assert_eq!(smallest(&[]), "nothing was counted");
        assert_eq!(
            grows("a", &[(64, 9.8), (256, 12.0), (512, 20.4)]),
            "a: 9.8 times at 64, 20 at 512"
        );
        assert_eq!(grows("a", &[(64, 9.8)]), "a: 9.8 times at 64");
        assert_eq!(grows("a", &[]), "nothing was counted");
    }

    #[test]
    fn an_exact_forward_pass_halves_the_error_or_does_not() {
        assert!(depth([0.1, 0.4], [0.05, 0.05]).ends_with("where the forward pass is exact."));
        assert!(depth([0.1, 0.15], [0.05, 0.05]).ends_with("does not halve it."));
        assert!(depth([0.1, f64::NAN], [0.05, 0.05]).ends_with("some number is missing."));
    }

    #[test]
    fn ways_cost_accuracy_all_some_or_none() {
        let ends = |ways: &[Difference], words: &str| {
            let ways: Vec<(String, Difference)> =
                ways.iter().map(|way| ("one".to_string(), *way)).collect();
            let found = cost("Ways", &ways);
            assert!(found.ends_with(words), "{found}");
        };
        ends(&[higher(), higher()], " All cost accuracy.");
        ends(&[higher(), noise()], " Some cost accuracy.");
        ends(&[lower(), noise()], " None costs accuracy that is told from noise.");
        ends(&[higher(), unknown()], " Some run gave no number.");
    }

    #[test]
    fn the_released_program_is_worse_or_as_good() {
        let found = released(higher(), noise());
        assert!(found.contains("0.64 points: they do harm. A first layer"), "{found}");
        assert!(found.ends_with(": it is not missed."), "{found}");
        let found = released(noise(), higher());
        assert!(found.contains(": no harm that is told from noise.") && found.ends_with("missed."));
        assert!(released(unknown(), lower()).ends_with("which is better."));
    }

    #[test]
    fn codes_and_sampling_bear_each_other_or_do_not() {
        let contains = |cost, words: &str| {
            let found = sampled(cost, [0.1, 0.12], [0.01, 0.1]);
            assert!(found.contains(words) && found.ends_with("are sampled."), "{found}");
        };
        contains(higher(), ": codes cost accuracy there.");
        contains(lower(), ": codes do good there.");
        contains(noise(), ": no cost is told from noise.");
        contains(of(&[1.0]), ": one seed says no more.");
        contains(unknown(), ": some run gave no number.");
        let found = sampled(noise(), [0.01, 0.1], [0.01, 0.1]);
        assert!(found.ends_with("where without sampling it is 0.10 and 0.010."), "{found}");
    }
}
