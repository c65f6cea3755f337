//! What is found, in sentences computed from the numbers.

use super::cases::{Measured, Part, of_part};
use super::settings::EnsembleKalman;
use crate::exhibit::difference::{Difference, Reading};
use crate::exhibit::related::ranking::{Way, ranking};
use crate::result::significant;

/// A fit that explains at least this share of the variance is one.
pub const FITS: f64 = 0.95;

/// All sentences, function by function.
pub fn findings(settings: &EnsembleKalman, measured: &[Measured]) -> Vec<String> {
    let sentences = settings.targets.iter().flat_map(|&target| {
        let of = |part| of_part(measured, target, part);
        let methods = of(Part::Method);
        let ways: Vec<Way> = methods.iter().map(|it| it.way()).collect();
        let name = target.name();
        let mut sentences = vec![match ways.split_first() {
            Some((subject, others)) => {
                format!("{name}: {}", ranking(subject, others, "a mean error"))
            }
            None => format!("{name}: no method was run."),
        }];
        let full = methods.first();
        for it in of(Part::Prior(None)) {
            let Some(full) = full else { continue };
            match it.case.part {
                Part::Prior(None) => {
                    sentences.push(format!("{name}: {}", trap(it.r_squared(), full.r_squared())));
                }
                Part::Prior(Some(0.0)) => {
                    sentences.push(format!("{name}: {}", frozen(&it.errors(), &full.errors())));
                }
                _ => {}
            }
        }
        let sampled: Vec<(String, f64)> =
            of(Part::Sampled).iter().map(|it| (it.case.name.clone(), it.r_squared())).collect();
        let exact = full.map_or(f64::NAN, |full| full.r_squared());
        sentences.push(format!("{name}: {}", sampling(&sampled, exact)));
        sentences
    });
    sentences.collect()
}

/// What the prior around zero does to the variance explained, beside the centred one.
fn trap(around_zero: f64, centred: f64) -> String {
    let [zero, fit] = [around_zero, centred].map(|r_squared| significant(r_squared, 3));
    let numbers = format!("R² is {zero} with a prior around zero and {fit} with the centred one");
    match (around_zero >= FITS, centred >= FITS) {
        (false, true) => format!("{numbers}: the method needs the centred prior."),
        (true, true) => format!("{numbers}: it works with both."),
        (true, false) => format!("{numbers}: only the prior around zero works."),
        (false, false) => format!("{numbers}: neither fits."),
    }
}

/// What a frozen first layer comes to beside the whole method.
fn frozen(frozen: &[f64], full: &[f64]) -> String {
    let difference = Difference::paired(full, frozen);
    let found = match difference.reading() {
        Reading::Lower => "training the first layer, too, is better than that",
        Reading::Higher => "training the first layer, too, makes it worse",
        Reading::WithinNoise => "training the first layer, too, is no better",
        Reading::OneSeed => {
            "one seed does not say whether training the first layer, too, is better"
        }
        Reading::NotANumber => "some run gave no number",
    };
    format!(
        "with a frozen first layer, which is linear regression on random units, {found} (mean error \
         of the whole less that of the frozen: {}).",
        difference.words()
    )
}

/// Which ways of sampling the forward passes leave a fit, of their variance explained.
fn sampling(sampled: &[(String, f64)], exact: f64) -> String {
    if sampled.is_empty() {
        return "no forward pass was sampled.".to_string();
    }
    let list = |is_wanted: &dyn Fn(f64) -> bool| {
        let wanted = sampled.iter().filter(|(_, r_squared)| is_wanted(*r_squared));
        let names: Vec<String> = wanted
            .map(|(name, r_squared)| format!("{name} (R² {})", significant(*r_squared, 3)))
            .collect();
        names.join(", ")
    };
    let fits = |r_squared: f64| r_squared >= FITS;
    let (kept, lost) = (list(&fits), list(&|r_squared| !fits(r_squared)));
    let exact = significant(exact, 3);
    match (kept.is_empty(), lost.is_empty()) {
        (_, true) => format!("sampled forward passes leave a fit (exact R² {exact}): {kept}."),
        (true, _) => format!("sampled forward passes spoil the fit (exact R² {exact}): {lost}."),
        _ => format!(
            "of the sampled forward passes (exact R² {exact}) these leave a fit: {kept}; these spoil \
             it: {lost}."
        ),
    }
}

/// Which of some methods has the least error; for a title.
pub fn nearest(methods: &[(&str, f64)]) -> String {
    let numbers = methods.iter().filter(|(_, error)| error.is_finite());
    match numbers.min_by(|(_, x), (_, y)| x.total_cmp(y)) {
        Some((name, error)) => format!("{name} is nearest, error {}", significant(*error, 2)),
        None => "no method has an error".to_string(),
    }
}

/// The least ensemble that fits, of sizes with their variance explained; for a title.
pub fn enough(sizes: &[(usize, f64)]) -> String {
    let fitting = sizes.iter().filter(|(_, r_squared)| *r_squared >= FITS);
    match fitting.map(|(members, _)| *members).min() {
        Some(members) => format!("{members} members are enough"),
        None => "no size is enough".to_string(),
    }
}

/// The widest spread of the first layer up to which all fit; for a title.
pub fn works_up_to(spreads: &[(f64, f64)]) -> String {
    let mut sorted = spreads.to_vec();
    sorted.sort_by(|(x, _), (y, _)| x.total_cmp(y));
    let fitting = sorted.iter().take_while(|(_, r_squared)| *r_squared >= FITS);
    match fitting.last() {
        Some((spread, _)) if *spread == 0.0 => "fits with a frozen first layer only".to_string(),
        Some((spread, _)) => format!("fits up to a spread of {spread}"),
        None => "fits with no small spread".to_string(),
    }
}

/// In what share of the steps traces fall or stay; for a title.
pub fn falls(traces: &[&[f64]]) -> String {
    let steps: Vec<bool> =
        traces.iter().flat_map(|t| t.windows(2)).map(|pair| pair[1] <= pair[0]).collect();
    let falling = steps.iter().filter(|falls| **falls).count();
    format!("variance falls in {falling} of {} steps", steps.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trap_has_every_outcome() {
        assert_eq!(
            trap(0.25, 0.999),
            "R² is 0.250 with a prior around zero and 0.999 with the centred one: the method needs \
             the centred prior."
        );
        assert!(trap(0.96, 0.999).ends_with("it works with both."));
        assert!(trap(0.96, 0.5).ends_with("only the prior around zero works."));
        assert!(trap(f64::NAN, 0.5).ends_with("neither fits."));
    }

    #[test]
    fn a_frozen_layer_has_every_outcome() {
        let starts = |full: &[f64], froze: &[f64], words: &str| {
            let found = frozen(froze, full);
            assert!(found.contains(words), "{found}");
        };
        starts(&[1.0, 1.5], &[2.0, 2.5], "is better than that (mean error of the whole less that");
        starts(&[2.0, 2.5], &[1.0, 1.5], "makes it worse");
        starts(&[1.0, 1.5], &[1.5, 1.0], "is no better");
        starts(&[1.0], &[1.5], "one seed does not say");
        starts(&[f64::NAN, 1.0], &[1.0, 1.0], "some run gave no number");
    }

    #[test]
    fn sampled_passes_leave_a_fit_or_spoil_it() {
        let (good, bad) = (("a".to_string(), 0.96), ("b".to_string(), f64::NAN));
        assert_eq!(
            sampling(&[good.clone(), bad.clone()], 0.99),
            "of the sampled forward passes (exact R² 0.990) these leave a fit: a (R² 0.960); these \
             spoil it: b (R² NaN)."
        );
        let kept = sampling(&[good], 0.99);
        assert_eq!(kept, "sampled forward passes leave a fit (exact R² 0.990): a (R² 0.960).");
        assert!(sampling(&[bad], 0.99).starts_with("sampled forward passes spoil the fit"));
        assert_eq!(sampling(&[], 0.99), "no forward pass was sampled.");
    }

    #[test]
    fn titles_say_what_is_enough() {
        let methods = [("lost", f64::NAN), ("a", 0.05), ("b", 0.0204)];
        assert_eq!(nearest(&methods), "b is nearest, error 0.020");
        assert_eq!(nearest(&methods[..1]), "no method has an error");
        assert_eq!(enough(&[(5, 0.1), (50, 0.99), (20, 0.96)]), "20 members are enough");
        assert_eq!(enough(&[(5, f64::NAN)]), "no size is enough");
        assert_eq!(
            works_up_to(&[(0.3, 0.99), (0.0, 0.98), (1.0, 0.5)]),
            "fits up to a spread of 0.3"
        );
        assert_eq!(works_up_to(&[(0.0, 0.98), (1.0, 0.5)]), "fits with a frozen first layer only");
        assert_eq!(works_up_to(&[(0.0, 0.5), (1.0, 0.98)]), "fits with no small spread");
        assert_eq!(falls(&[&[3.0, 2.0, 2.5], &[1.0, 1.0]]), "variance falls in 2 of 3 steps");
    }
}
