//! What is found, in sentences computed from the numbers.

use memristor_classifier::rule::Rule;

use super::arms::{Measured, SWEPT, by_device, by_levels, exact};
use super::data::DataSet;
use crate::exhibit::difference::{Difference, Reading, show};
use crate::exhibit::related::ranking::{Way, ranking};
use crate::exhibit::statistics::apart_from_rounding;
use crate::result::significant;

/// Points of accuracy that levels may cost.
const A_POINT: f64 = 1.0;

/// All sentences, data set by data set.
pub fn findings(sets: &[DataSet], measured: &[Measured]) -> Vec<String> {
    let mut sentences = Vec::new();
    for name in sets.iter().map(|set| set.name.as_str()) {
        let Some((subject, others)) = compared(measured, name) else { continue };
        let ranked = ranking(&subject, &others, "a mean accuracy in %");
        sentences.push(format!("{name}: {ranked}"));
        if let Some(exact) = exact(measured, name, Rule::ClassThresholds) {
            let gates = by_levels(measured, name, Rule::ClassThresholds);
            let of = |it: &&Measured| (it.levels().unwrap_or(0), it.accuracy().mean);
            let levels: Vec<(u32, f64)> = gates.iter().map(of).collect();
            let found = enough(&levels, exact.accuracy().mean);
            sentences.push(format!("{name}: {found} for gates within a point of exact weights."));
        }
        if let Some(gate) = exact(measured, name, Rule::HalfHeight) {
            let found = half_height(gate.accuracy().mean, gate.tie_rate());
            sentences.push(format!("{name}: {found}"));
        }
        let devices = by_device(measured, name, Rule::ClassThresholds);
        if let Some((ideal, others)) = devices.split_first() {
            let others = others.iter().map(|it| {
                let difference = Difference::paired(&it.accuracies(), &ideal.accuracies());
                (it.arm.name.clone(), difference)
            });
            sentences.push(format!("{name}: {}", faults(&others.collect::<Vec<_>>())));
        }
        let changes = SWEPT.map(|rule| change_by_variation(&by_device(measured, name, rule)));
        if let [Some((_, exponentials)), Some((variation, gates))] = changes {
            let found = robustness(variation, &gates, &exponentials);
            sentences.push(format!("{name}: {found}"));
        }
    }
    sentences
}

/// Gates with 16 levels, and the rules with exact weights that stand beside them; none where there are
/// no such gates.
pub fn compared(measured: &[Measured], data: &str) -> Option<(Way, Vec<Way>)> {
    let gates = by_levels(measured, data, Rule::ClassThresholds);
    let subject = gates.iter().find(|it| it.levels() == Some(16))?;
    let others = [Rule::Density, Rule::ClassThresholds, Rule::NearestNeighbour];
    let others = others.iter().filter_map(|rule| Some(exact(measured, data, *rule)?.way()));
    Some((subject.way(), others.collect()))
}

/// The least number of levels from which on accuracies are within a point of that of exact weights;
/// for a title, too.
pub fn enough(levels: &[(u32, f64)], exact: f64) -> String {
    let mut sorted = levels.to_vec();
    sorted.sort_by_key(|(levels, _)| *levels);
    let near = |(_, accuracy): &&(u32, f64)| *accuracy >= exact - A_POINT;
    match sorted.iter().rev().take_while(near).last() {
        Some((levels, _)) => format!("{levels} levels are enough"),
        None => "no number of levels is enough".to_string(),
    }
}

/// The largest variation of devices that are not stuck, in percent, and what it changes of the
/// accuracy beside the first devices, seed by seed.
fn change_by_variation(devices: &[&Measured]) -> Option<(f64, Vec<f64>)> {
    let (ideal, others) = devices.split_first()?;
    let variation = |it: &Measured| it.device().map_or(f64::NAN, |device| device.variation);
    let varied = others.iter().filter(|it| it.device().is_some_and(|device| device.stuck == 0.0));
    let worst = varied.max_by(|one, other| variation(one).total_cmp(&variation(other)))?;
    let pairs = worst.accuracies().into_iter().zip(ideal.accuracies());
    Some((100.0 * variation(worst), pairs.map(|(varied, ideal)| varied - ideal).collect()))
}

/// Whether gates bear devices that vary better than exponentials, by the changes of both.
fn robustness(variation: f64, gates: &[f64], exponentials: &[f64]) -> String {
    let found = match Difference::paired(gates, exponentials).reading() {
        Reading::Higher => "gates bear it better",
        Reading::Lower => "exponentials bear it better",
        Reading::WithinNoise => "neither bears it better",
        Reading::OneSeed => "one seed does not say which bears it better",
        Reading::NotANumber => "some run gave no number",
    };
    let [gates, exponentials] = [gates, exponentials].map(|of| show(apart_from_rounding(of)));
    format!(
        "devices that vary by {} % change the accuracy of gates by {gates} points and that of \
         exponentials by {exponentials}: {found}.",
        significant(variation, 3)
    )
}

/// What so much variation, in percent, changes in points of accuracy; for a title.
pub fn change(points: f64, variation: f64) -> String {
    let word = if points < 0.0 { "lose" } else { "gain" };
    let (points, variation) = (significant(points.abs(), 2), significant(variation, 3));
    format!("{word} {points} points at {variation} %")
}

/// What gates do where the exponentials are at half their height.
fn half_height(accuracy: f64, ties: f64) -> String {
    let (accuracy, share) = (significant(accuracy, 3), significant(ties, 3));
    let reason = match ties > 50.0 {
        true => {
            "most decisions are ties, for the best bandwidth is one at which hardly a gate opens"
        }
        false => "most decisions are no ties",
    };
    format!(
        "a gate at half the height of the exponential is right for {accuracy} % with {share} % ties: \
         {reason}."
    )
}

/// What faulty devices cost beside ideal ones.
fn faults(devices: &[(String, Difference)]) -> String {
    let mut harmful = Vec::new();
    let mut harmless = Vec::new();
    let mut open = Vec::new();
    for (name, difference) in devices {
        let words = format!("{name} ({})", difference.words());
        match difference.reading() {
            Reading::Lower => harmful.push(words),
            Reading::WithinNoise | Reading::Higher => harmless.push(words),
            Reading::OneSeed | Reading::NotANumber => open.push(words),
        }
    }
    let list = |what: &str, names: &[String]| match names.is_empty() {
        true => String::new(),
        false => format!(" {what}: {}.", names.join("; ")),
    };
    if devices.is_empty() {
        return "no faulty device was tried.".to_string();
    }
    let lists =
        [list("Worse", &harmful), list("Not worse", &harmless), list("Not compared", &open)];
    format!("gates with devices beside ideal devices, points of accuracy.{}", lists.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_enough_from_some_number_on_or_never() {
        let levels = [(16, 95.5), (2, 60.0), (4, 96.0), (8, 94.0), (256, 96.0)];
        assert_eq!(enough(&levels, 96.0), "16 levels are enough");
        assert_eq!(enough(&[(2, 95.0)], 96.0), "2 levels are enough");
        assert_eq!(enough(&[(256, 94.0)], 96.0), "no number of levels is enough");
        assert_eq!(enough(&[(256, f64::NAN)], 96.0), "no number of levels is enough");
    }

    #[test]
    fn gates_bear_variation_better_or_worse_or_it_is_not_known() {
        assert_eq!(
            robustness(20.0, &[-3.0, -3.0], &[-14.0, -15.0]),
            "devices that vary by 20 % change the accuracy of gates by -3 points and that of \
             exponentials by -14.5 ± 6.4: gates bear it better."
        );
        let ends = |gates: &[f64], words: &str| {
            let found = robustness(20.0, gates, &vec![-2.0; gates.len()]);
            assert!(found.ends_with(words), "{found}");
        };
        ends(&[-9.0, -9.5], "exponentials bear it better.");
        ends(&[-2.0, -2.0], "neither bears it better.");
        ends(&[-9.0], "one seed does not say which bears it better.");
        ends(&[f64::NAN, 1.0], "some run gave no number.");
    }

    #[test]
    fn devices_that_vary_lose_or_gain() {
        assert_eq!(change(-9.5, 20.0), "lose 9.5 points at 20 %");
        assert_eq!(change(0.221, 5.0), "gain 0.22 points at 5 %");
    }

    #[test]
    fn a_gate_at_half_height_is_said_to_tie_where_it_does() {
        assert_eq!(
            half_height(5.0, 95.0),
            "a gate at half the height of the exponential is right for 5 % with 95 % ties: most \
             decisions are ties, for the best bandwidth is one at which hardly a gate opens."
        );
        assert!(half_height(80.0, 10.0).ends_with("most decisions are no ties."));
    }

    #[test]
    fn faulty_devices_are_worse_or_not_or_not_compared() {
        let of = |values: &[f64]| Difference::paired(values, &vec![90.0; values.len()]);
        let devices = [
            ("a".to_string(), of(&[80.0, 80.5])),
            ("b".to_string(), of(&[90.0, 90.0])),
            ("c".to_string(), of(&[80.0])),
        ];
        assert_eq!(
            faults(&devices),
            "gates with devices beside ideal devices, points of accuracy. Worse: a (-9.8 ± 3.2, \
             lower). Not worse: b (0 ± 0, within noise). Not compared: c (-10, one seed)."
        );
        assert_eq!(faults(&[]), "no faulty device was tried.");
    }
}
