//! The list of the exhibits and of their built-in settings.

use crate::exhibit::settings::Scale;
use crate::exhibit::{BuiltIn, Exhibit, networks, products, related, statements, times};
use training::names::unknown;

/// Every exhibit, in the order of runs and of the page.
pub static EXHIBITS: [Exhibit; 28] = [
    statements::claims::EXHIBIT,
    statements::calibration::EXHIBIT,
    products::matmul_error::EXHIBIT,
    products::bernoulli_budget::EXHIBIT,
    products::conv_error::EXHIBIT,
    statements::ridge::EXHIBIT,
    statements::sgd_convergence::EXHIBIT,
    networks::accuracy::MLP,
    networks::mlp_modes::EXHIBIT,
    networks::accuracy::CNN,
    networks::accuracy::WRN,
    networks::whole_training::EXHIBIT,
    networks::gradient_error::EXHIBIT,
    networks::compute_communication::EXHIBIT,
    networks::multi_node::EXHIBIT,
    related::zonotopes::EXHIBIT,
    related::ensemble_kalman::EXHIBIT,
    related::memristor::EXHIBIT,
    related::axtrain::EXHIBIT,
    related::coded::EXHIBIT,
    times::layer_timing::EXHIBIT,
    times::training_step::EXHIBIT,
    times::resnet_step::EXHIBIT,
    times::roofline::EXHIBIT,
    times::nodes::EXHIBIT,
    related::zonotope_times::EXHIBIT,
    related::ensemble_kalman::times::EXHIBIT,
    related::coded::times::EXHIBIT,
];

/// All built-in settings with their exhibits, in order.
pub fn built_in() -> impl Iterator<Item = (&'static Exhibit, &'static BuiltIn)> {
    EXHIBITS.iter().flat_map(|exhibit| exhibit.settings.iter().map(move |own| (exhibit, own)))
}

/// Those of them that can be run at this scale.
pub fn built_in_at(scale: Scale) -> impl Iterator<Item = (&'static Exhibit, &'static BuiltIn)> {
    built_in().filter(move |(_, own)| own.is_at(scale))
}

/// The built-in settings of this name, with their exhibit.
///
/// # Errors
/// Says which names there are that are like it.
pub fn built_in_named(name: &str) -> Result<(&'static Exhibit, &'static BuiltIn), String> {
    let names: Vec<&str> = built_in().map(|(_, own)| own.name).collect();
    built_in().find(|(_, own)| own.name == name).ok_or_else(|| unknown("exhibit", name, &names))
}

/// The exhibit of this name.
///
/// # Errors
/// Says which names there are that are like it.
pub fn exhibit_named(name: &str) -> Result<&'static Exhibit, String> {
    let names: Vec<&str> = EXHIBITS.iter().map(|exhibit| exhibit.name).collect();
    let exhibit = EXHIBITS.iter().find(|exhibit| exhibit.name == name);
    exhibit.ok_or_else(|| unknown("exhibit", name, &names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_settings_say_which_exhibit_they_are_of() {
        let names: BTreeSet<&str> = built_in().map(|(_, own)| own.name).collect();
        assert_eq!(names.len(), built_in().count());
        for exhibit in &EXHIBITS {
            let of_this_name = built_in_named(exhibit.name).map(|(of, _)| of.name);
            assert!(of_this_name.is_err() || of_this_name == Ok(exhibit.name));
            for (place, own) in exhibit.settings.iter().enumerate() {
                assert_eq!(own.apart.is_empty(), place == 0, "{}", own.name);
                let heading = format!("\nexhibit: {}\n", exhibit.name);
                assert!(format!("\n{}", own.yaml).contains(&heading), "{}", own.name);
            }
        }
    }

    #[test]
    fn every_statement_of_the_theory_is_shown_by_one_exhibit() {
        let all = EXHIBITS.iter().flat_map(|exhibit| exhibit.statements).copied();
        // Those of related systems have names in the place of numbers.
        let mut shown: Vec<&str> = all.filter(|number| number.starts_with('T')).collect();
        shown.sort();
        // Lines begin with the name of a claim, as "T1.bernoulli".
        let committed = include_str!("../reference/claims.generated-digits.quick.snap");
        let (_, committed) = committed.split_once(" · quick\n").unwrap();
        let numbers = committed.lines().filter(|line| line.contains(" = "));
        let tested = numbers.filter_map(|line| line.split('.').next());
        let tested: BTreeSet<&str> = tested.collect();
        assert_eq!(shown, tested.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_exhibit_has_its_note() {
        for exhibit in &EXHIBITS {
            let is_there = crate::site::NOTES.iter().any(|note| note.slug == exhibit.note);
            assert!(is_there, "{}: there is no note {:?}", exhibit.name, exhibit.note);
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_nearest_settings() {
        let error = built_in_named("mlp-accuracy-convergd").err();
        assert!(error.is_some_and(|error| error.contains("mlp-accuracy-converged")));
    }
}
