//! What is found, in sentences computed from the numbers.

use super::arms::{Measured, Part, by_size};
use crate::exhibit::difference::show;
use crate::exhibit::related::ranking::{Way, ranking};
use crate::result::significant;

fn is_size(measured: &&Measured) -> bool {
    matches!(measured.arm.part, Part::Size(_))
}

/// The arms with their test errors, the subject first.
pub fn ways(measured: &[Measured]) -> Vec<Way> {
    measured.iter().filter(|it| !is_size(it)).map(Measured::way).collect()
}

/// All sentences, the first how many networks are certified.
pub fn findings(measured: &[Measured]) -> Vec<String> {
    let counts: Vec<Certified> =
        measured.iter().filter(|it| !is_size(it)).map(Certified::of).collect();
    let mut sentences = vec![certified(&counts)];
    if let Some(penalty) = measured.iter().find(|it| it.arm.part == Part::Penalty) {
        sentences.push(samples_only(&Certified::of(penalty), penalty.without_unsafe_samples()));
    }
    if let Some((subject, others)) = ways(measured).split_first() {
        sentences.push(ranking(subject, others, "a mean test error"));
    }
    let sizes = by_size(measured).into_iter().map(|it| Size {
        half_width: it.arm.settings.obstacle.half_width,
        certified: Certified::of(it),
        error: show(it.mean(|run| run.after.test_error)),
    });
    sentences.push(price(&sizes.collect::<Vec<_>>()));
    sentences
}

/// How many runs of an arm ended in a certificate.
#[derive(Clone, Debug, PartialEq)]
struct Certified {
    arm: String,
    certified: usize,
    runs: usize,
}

impl Certified {
    fn of(measured: &Measured) -> Self {
        Self {
            arm: measured.arm.name.clone(),
            certified: measured.certified(),
            runs: measured.runs.len(),
        }
    }
}

/// How many networks of each arm are certified.
fn certified(arms: &[Certified]) -> String {
    let words = |it: &Certified| format!("{} {} of {}", it.arm, it.certified, it.runs);
    let list: Vec<String> = arms.iter().map(words).collect();
    format!("Networks that end with a certificate of safety: {}.", list.join("; "))
}

/// What random outputs say of an arm that has no proof in its training.
fn samples_only(arm: &Certified, without_unsafe_samples: usize) -> String {
    let Certified { arm, certified, runs } = arm;
    let found = format!(
        "With a {arm}, {without_unsafe_samples} of {runs} networks have no random output that is \
         unsafe, and {certified} of {runs} are certified"
    );
    match without_unsafe_samples.checked_sub(*certified) {
        Some(0) => format!("{found}: here samples and proof agree."),
        Some(unproven) => {
            format!("{found}: for {unproven} of them nothing is proven, whatever samples say.")
        }
        None => format!("{found}: A CERTIFIED NETWORK IS UNSAFE, the verifier is wrong."),
    }
}

/// An obstacle of some size.
struct Size {
    half_width: f64,
    certified: Certified,
    error: String,
}

/// What larger obstacles cost, in the order of the settings.
fn price(sizes: &[Size]) -> String {
    match sizes {
        [] => "No other size of the obstacle was tried.".to_string(),
        [first, .., last] => format!(
            "From a half-width of {} to one of {} the test error goes from {} to {}; {} and {} of {} \
             networks are certified.",
            first.half_width,
            last.half_width,
            first.error,
            last.error,
            first.certified.certified,
            last.certified.certified,
            last.certified.runs
        ),
        [only] => format!(
            "With a half-width of {} the test error is {}; {} of {} networks are certified.",
            only.half_width, only.error, only.certified.certified, only.certified.runs
        ),
    }
}

/// A sentence for every certified network with an unsafe random output: there may be none.
pub fn unsound(measured: &[Measured]) -> Vec<String> {
    let runs = measured.iter().flat_map(|it| it.runs.iter().map(|run| (&it.arm.name, run)));
    let wrong = runs
        .filter(|(_, run)| is_unsound(run.certificate.is_ok(), run.after.samples.unsafe_outputs));
    wrong
        .map(|(arm, run)| {
            format!(
                "{arm}: a network is certified and {} random inputs lead it into the unsafe set, so \
                 the verifier is wrong",
                run.after.samples.unsafe_outputs
            )
        })
        .collect()
}

fn is_unsound(is_certified: bool, unsafe_outputs: usize) -> bool {
    is_certified && unsafe_outputs > 0
}

/// What a network is called: certified only where a certificate was computed and passed; for a
/// title.
pub fn standing(certified_scale: Option<f64>, unsafe_outputs: usize, inputs: usize) -> String {
    match certified_scale {
        Some(scale) => format!("certified: outputs touch the box at scale {scale:.3} or more"),
        None => format!("not certified: {unsafe_outputs} of {inputs} random outputs unsafe"),
    }
}

/// What the first of some arms ends at, beside the second; for a title.
pub fn ended(arms: &[(&str, f64)]) -> String {
    let words = |(name, end): &(&str, f64)| format!("{name} {}", significant(*end, 3));
    let first: Vec<String> = arms.iter().take(2).map(words).collect();
    match first.is_empty() {
        true => "no arm".to_string(),
        false => format!("at the end: {}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(name: &str, certified: usize) -> Certified {
        Certified { arm: name.to_string(), certified, runs: 20 }
    }

    #[test]
    fn certificates_are_counted_arm_by_arm() {
        assert_eq!(
            certified(&[arm("constrained", 20), arm("unconstrained", 0)]),
            "Networks that end with a certificate of safety: constrained 20 of 20; unconstrained 0 \
             of 20."
        );
    }

    #[test]
    fn samples_without_a_proof_have_every_outcome() {
        let penalty = arm("penalty on samples", 3);
        assert_eq!(
            samples_only(&penalty, 5),
            "With a penalty on samples, 5 of 20 networks have no random output that is unsafe, and 3 \
             of 20 are certified: for 2 of them nothing is proven, whatever samples say."
        );
        assert!(samples_only(&penalty, 3).ends_with("here samples and proof agree."));
        assert!(samples_only(&penalty, 2).contains("A CERTIFIED NETWORK IS UNSAFE"));
    }

    #[test]
    fn the_price_is_said_from_the_first_size_to_the_last() {
        let size = |half_width, error: &str| Size {
            half_width,
            certified: arm("constrained", 19),
            error: error.to_string(),
        };
        assert_eq!(
            price(&[size(0.1, "0.005"), size(0.5, "0.01"), size(1.0, "0.2")]),
            "From a half-width of 0.1 to one of 1 the test error goes from 0.005 to 0.2; 19 and 19 \
             of 20 networks are certified."
        );
        assert_eq!(
            price(&[size(0.1, "0.005")]),
            "With a half-width of 0.1 the test error is 0.005; 19 of 20 networks are certified."
        );
        assert_eq!(price(&[]), "No other size of the obstacle was tried.");
    }

    #[test]
    fn only_a_certified_network_with_an_unsafe_output_proves_the_verifier_wrong() {
        assert!(is_unsound(true, 1));
        assert!(!is_unsound(true, 0) && !is_unsound(false, 5));
    }

    #[test]
    fn a_title_has_the_ends_of_two_arms() {
        let arms = [("constrained", 1.0255), ("unconstrained", 0.777), ("penalty", 1.0)];
        assert_eq!(ended(&arms), "at the end: constrained 1.03, unconstrained 0.777");
        assert_eq!(ended(&[]), "no arm");
    }

    #[test]
    fn a_network_is_called_safe_by_its_certificate_alone() {
        assert_eq!(
            standing(Some(1.0204), 0, 100),
            "certified: outputs touch the box at scale 1.020 or more"
        );
        let unproven = standing(None, 0, 100);
        assert_eq!(unproven, "not certified: 0 of 100 random outputs unsafe");
    }
}
