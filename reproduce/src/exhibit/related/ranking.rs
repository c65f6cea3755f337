//! Where one way of doing it stands among others: by differences paired over the seeds.

use crate::exhibit::difference::{Difference, Reading, show};
use crate::exhibit::statistics::apart_from_rounding;

/// A way of doing it, with a number a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What it is called.
    pub name: String,
    /// The number, seed by seed.
    pub values: Vec<f64>,
}

/// "ES-MDA comes to an error of 0.02 ± 0.01. Higher: descent (0.05 ± 0.01). ...": the others in the
/// order in which they are given.
pub fn ranking(subject: &Way, others: &[Way], quantity: &str) -> String {
    let mut text = format!("{} comes to {quantity} of {}.", subject.name, mean(subject));
    let groups = [
        (Reading::Lower, "Higher"),
        (Reading::Higher, "Lower"),
        (Reading::WithinNoise, "Not told apart"),
        (Reading::OneSeed, "Not compared, with one seed"),
        (Reading::NotANumber, "Without a number"),
    ];
    for (reading, words) in groups {
        let of_group = others
            .iter()
            .filter(|way| Difference::paired(&subject.values, &way.values).reading() == reading);
        let names: Vec<String> =
            of_group.map(|way| format!("{} ({})", way.name, mean(way))).collect();
        if !names.is_empty() {
            text.push_str(&format!(" {words}: {}.", names.join(", ")));
        }
    }
    text
}

fn mean(way: &Way) -> String {
    show(apart_from_rounding(&way.values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(name: &str, values: &[f64]) -> Way {
        Way { name: name.to_string(), values: values.to_vec() }
    }

    #[test]
    fn others_stand_where_their_paired_difference_puts_them() {
        let subject = way("ours", &[1.0, 1.5]);
        let others = [
            way("worse", &[2.0, 2.5]),
            way("better", &[0.5, 1.0]),
            way("as good", &[1.0, 1.5]),
            way("lost", &[f64::NAN, 1.0]),
            way("also worse", &[3.0, 3.5]),
        ];
        assert_eq!(
            ranking(&subject, &others, "an error"),
            "ours comes to an error of 1.2 ± 3.2. Higher: worse (2.2 ± 3.2), also worse (3.2 \
             ± 3.2). Lower: better (0.8 ± 3.2). Not told apart: as good (1.2 ± 3.2). Without a \
             number: lost (NaN ± NaN)."
        );
    }

    #[test]
    fn one_seed_compares_nothing_and_nothing_is_compared_with_none() {
        let subject = way("ours", &[1.0]);
        assert_eq!(
            ranking(&subject, &[way("other", &[2.0])], "an error"),
            "ours comes to an error of 1. Not compared, with one seed: other (2)."
        );
        assert_eq!(ranking(&subject, &[], "an error"), "ours comes to an error of 1.");
    }
}
