//! What is found, in sentences computed from the numbers.

use axtrain::arm::Arm;
use axtrain::experiment::SAMPLED_BY;

use super::measured::{Measured, Test};
use crate::exhibit::difference::{Difference, Reading, show};
use crate::exhibit::related::differences::{self, Beside};
use crate::exhibit::related::ranking::{Way, ranking};
use crate::exhibit::statistics::apart_from_rounding;
use crate::result::significant;

/// The first sentence.
pub fn finding(measured: &Measured) -> String {
    let place = measured.compared_at();
    let accuracies = |arm, test| measured.way(arm, test).values;
    recovered(
        measured.settings.networks.tested.probabilities[place],
        &accuracies(Arm::Baseline, Test::Faultless),
        &accuracies(Arm::Baseline, Test::Chips(place)),
        &accuracies(Arm::Combined, Test::Chips(place)),
    )
}

/// All others.
pub fn findings(measured: &Measured) -> Vec<String> {
    let flipped = Test::Chips(measured.compared_at());
    let ratio = measured.least_ratio();
    let paired = |one: Arm, other: Arm, test: Test| {
        Difference::paired(&measured.way(one, test).values, &measured.way(other, test).values)
    };
    let against =
        |test: Test| move |arm: &Arm| (arm.name().to_string(), paired(*arm, Arm::Baseline, test));
    let sampled = [Arm::TopK, Arm::Bernoulli];
    let mut sentences = vec![
        synergy(
            paired(Arm::Combined, Arm::Passive, flipped),
            paired(Arm::Combined, Arm::Active, flipped),
        ),
        shrinkage(
            paired(Arm::MatchedNorm, Arm::Baseline, flipped),
            paired(Arm::Combined, Arm::MatchedNorm, flipped),
        ),
        table(
            measured.settings.networks.columns,
            paired(Arm::Multiplier, Arm::Baseline, Test::TrainedFor),
            paired(Arm::Shuffled, Arm::Baseline, Test::TrainedFor),
        ),
        tolerance(
            "flipped bits",
            "training with sampled products",
            &sampled.map(|arm| against(flipped)(&arm)),
        ),
        tolerance(
            "the truncated multiplier",
            "training with sampled products",
            &sampled.map(|arm| against(Test::TrainedFor)(&arm)),
        ),
    ];
    let kept = measured.settings.networks.tested.ratios[ratio];
    for (index, estimator) in SAMPLED_BY.iter().enumerate() {
        let inference = format!("inference by {} at {}", estimator.name(), significant(kept, 2));
        let trained = [Arm::Passive, Arm::Active, Arm::Combined];
        let found = trained.map(|arm| against(Test::Sampled(ratio, index))(&arm));
        sentences.push(tolerance(&inference, "training for flipped bits", &found));
    }
    let compared = compared(measured);
    let rankings = compared.iter().map(|(what, subject, others)| {
        format!("{what}: {}", ranking(subject, others, "a mean accuracy in %"))
    });
    sentences.extend(rankings);
    sentences
}

/// Every way beside the one that it is compared with, under the heading of what they are tested with.
fn compared(measured: &Measured) -> Vec<(String, Way, Vec<Way>)> {
    let flipped = Test::Chips(measured.compared_at());
    let ratio = measured.least_ratio();
    let group = |what: &str, subject: Arm, test: Test| {
        let others = Arm::ALL.into_iter().filter(|arm| *arm != subject);
        let others = others.map(|arm| measured.way(arm, test)).collect();
        (format!("{}, {what}", measured.data), measured.way(subject, test), others)
    };
    vec![
        group("flipped bits", Arm::Combined, flipped),
        group("no fault", Arm::Combined, Test::Faultless),
        group("truncated multiplier", Arm::Multiplier, Test::TrainedFor),
        group("Mitchell's multiplier", Arm::Baseline, Test::Mitchell),
        group("inference by top-k", Arm::Baseline, Test::Sampled(ratio, 0)),
        group("inference by Bernoulli", Arm::Baseline, Test::Sampled(ratio, 1)),
    ]
}

/// The same as differences with both intervals.
pub fn beside(measured: &Measured) -> Vec<Beside> {
    let groups = compared(measured);
    groups
        .iter()
        .flat_map(|(what, subject, others)| differences::beside(what, subject, others))
        .collect()
}

/// How much of what flips cost the baseline the combined method gives back; accuracies in percent.
fn recovered(probability: f64, clean: &[f64], faulty: &[f64], combined: &[f64]) -> String {
    let lost = Difference::paired(clean, faulty);
    let gained = Difference::paired(combined, faulty);
    let probability = significant(probability, 2);
    let opening = format!("Bits that are flipped with probability {probability}");
    match (lost.reading(), gained.reading()) {
        (Reading::NotANumber, _) | (_, Reading::NotANumber) => {
            "Some run gave no number.".to_string()
        }
        (Reading::Higher, reading) => {
            let costs = show(apart_from_rounding(&pairwise(clean, faulty)));
            let gains = show(apart_from_rounding(&pairwise(combined, faulty)));
            let share = significant(100.0 * gained.mean() / lost.mean(), 2);
            let end = match reading {
                Reading::Higher => format!("gives {gains} of them back, {share} %"),
                Reading::Lower => format!("loses more ({gains})"),
                _ => format!("gives back {gains}, within noise"),
            };
            format!("{opening} cost {costs} points of accuracy; training for them {end}.")
        }
        _ => format!("{opening} cost no accuracy that is told from noise."),
    }
}

fn pairwise(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(x, y)| x - y).collect()
}

/// Whether both methods together are better than either, by their differences.
fn synergy(over_passive: Difference, over_active: Difference) -> String {
    let found = match (over_passive.reading(), over_active.reading()) {
        (Reading::NotANumber, _) | (_, Reading::NotANumber) => "some run gave no number",
        (Reading::Higher, Reading::Higher) => "they are better together than either alone",
        (Reading::Lower, _) => "the passive method is better alone",
        (_, Reading::Lower) => "the active method is better alone",
        _ => "that they are better together than either alone is not shown",
    };
    format!(
        "Both methods less the passive one alone are {} points at flipped bits, less the active one \
         alone {}: {found}.",
        over_passive.words(),
        over_active.words()
    )
}

/// Whether it is the size of the weights.
fn shrinkage(matched: Difference, rest: Difference) -> String {
    let found = match (matched.reading(), rest.reading()) {
        (Reading::NotANumber, _) | (_, Reading::NotANumber) => "some run gave no number",
        (Reading::Higher, Reading::Higher) => "the size of the weights does some of it",
        (_, Reading::Higher) => "it is not the size of the weights",
        (Reading::Higher, _) => "it is the size of the weights",
        _ => "nothing was gained that the size of the weights could do",
    };
    format!(
        "The baseline with the weight norms of the combined method gains {} points at flipped bits, \
         and the combined method {} over that: {found}.",
        matched.words(),
        rest.words()
    )
}

/// Whether training on a multiplier helps on it, and whether any errors would.
fn table(columns: usize, own: Difference, shuffled: Difference) -> String {
    let found = match (own.reading(), own.mean() > shuffled.mean()) {
        (Reading::NotANumber, _) => "some run gave no number",
        (Reading::Higher, true) => "it takes these errors",
        (Reading::Higher, false) => "any errors do as much",
        (Reading::Lower, _) => "it does harm",
        _ => "that it helps is not shown",
    };
    format!(
        "On a multiplier without its {columns} lowest columns, training on it gains {} points, and \
         training on one with the same errors at other places {}: {found}.",
        own.words(),
        shuffled.words()
    )
}

/// Whether ways of training bear a disturbance that they were not trained for better than the
/// baseline does.
fn tolerance(disturbance: &str, training: &str, ways: &[(String, Difference)]) -> String {
    let words = ways.iter().map(|(name, difference)| format!("{name} {}", difference.words()));
    let words = words.collect::<Vec<String>>().join("; ");
    let count = |wanted: Reading| ways.iter().filter(|(_, it)| it.reading() == wanted).count();
    let found = match (count(Reading::Higher), count(Reading::Lower)) {
        _ if count(Reading::NotANumber) > 0 => "Some run gave no number".to_string(),
        (higher, 0) if higher == ways.len() => format!("It makes them bear {disturbance} better"),
        (0, lower) if lower == ways.len() => format!("It makes them bear {disturbance} worse"),
        (0, 0) => "No difference is told from noise".to_string(),
        (0, _) => "None bears it better".to_string(),
        (_, 0) => "Some bear it better".to_string(),
        _ => "Some bear it better and some worse".to_string(),
    };
    format!("At {disturbance}, {training} beside the baseline, in points: {words}. {found}.")
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
    fn what_is_given_back_is_a_share_of_what_was_lost() {
        let found = recovered(1e-2, &[96.0, 96.2], &[76.0, 76.2], &[91.0, 91.3]);
        assert_eq!(
            found,
            "Bits that are flipped with probability 0.010 cost 20 points of accuracy; training for \
             them gives 15.05 ± 0.64 of them back, 75 %."
        );
        let ends = |combined: &[f64], words: &str| {
            let found = recovered(1e-2, &[96.0, 96.2], &[76.0, 76.2], combined);
            assert!(found.ends_with(words), "{found}");
        };
        ends(&[70.0, 70.3], "loses more (-5.95 ± 0.64).");
        ends(&[76.3, 76.1], "gives back 0.1 ± 2.5, within noise.");
        ends(&[f64::NAN, 76.1], "Some run gave no number.");
        let nothing = recovered(1e-4, &[96.0, 96.2], &[96.1, 96.1], &[96.0, 96.2]);
        assert!(nothing.ends_with("cost no accuracy that is told from noise."), "{nothing}");
    }

    #[test]
    fn synergy_needs_both_and_says_who_does_it_alone() {
        let ends = |passive, active, words: &str| {
            let found = synergy(passive, active);
            assert!(found.ends_with(words), "{found}");
        };
        ends(higher(), higher(), "they are better together than either alone.");
        ends(lower(), higher(), "the passive method is better alone.");
        ends(higher(), lower(), "the active method is better alone.");
        ends(noise(), higher(), "is not shown.");
        ends(unknown(), higher(), "some run gave no number.");
    }

    #[test]
    fn the_size_of_the_weights_does_all_some_or_nothing() {
        let ends = |matched, rest, words: &str| {
            let found = shrinkage(matched, rest);
            assert!(found.ends_with(words), "{found}");
        };
        ends(higher(), higher(), "does some of it.");
        ends(noise(), higher(), "it is not the size of the weights.");
        ends(higher(), noise(), "it is the size of the weights.");
        ends(noise(), noise(), "nothing was gained that the size of the weights could do.");
        ends(unknown(), noise(), "some run gave no number.");
    }

    #[test]
    fn a_multiplier_is_trained_for_or_any_errors_do() {
        let ends = |own, shuffled, words: &str| {
            let found = table(8, own, shuffled);
            assert!(found.ends_with(words), "{found}");
        };
        ends(higher(), noise(), "it takes these errors.");
        ends(higher(), of(&[6.0, 6.1]), "any errors do as much.");
        ends(lower(), noise(), "it does harm.");
        ends(noise(), noise(), "that it helps is not shown.");
        ends(unknown(), noise(), "some run gave no number.");
    }

    #[test]
    fn who_bears_a_disturbance_better_is_said_of_all_or_some() {
        let ends = |ways: &[Difference], words: &str| {
            let ways: Vec<(String, Difference)> =
                ways.iter().map(|way| ("one".to_string(), *way)).collect();
            let found = tolerance("noise", "training", &ways);
            assert!(found.ends_with(words), "{found}");
        };
        ends(&[higher(), higher()], "It makes them bear noise better.");
        ends(&[lower(), lower()], "It makes them bear noise worse.");
        ends(&[noise(), noise()], "No difference is told from noise.");
        ends(&[noise(), lower()], "None bears it better.");
        ends(&[higher(), noise()], "Some bear it better.");
        ends(&[higher(), lower()], "Some bear it better and some worse.");
        ends(&[unknown(), lower()], "Some run gave no number.");
    }
}
