//! The rules by which sampled trainings decide the claims of the abstract.
//!
//! A training keeps its accuracy where the whole 95 % interval of its difference to exact training
//! lies above -0.5 points, and loses it where the whole interval lies below. Otherwise, and with one
//! seed, that is not decided, and no claim is held to stand or to fall by it.

use std::path::Path;

use crate::exhibit::difference::{Difference, show};
use crate::exhibit::statistics::Estimate;
use crate::images::ImageConfig;
use crate::result::{Evidence, PaperClaim, Standing, significant};

/// Points of accuracy that are negligible.
const NEGLIGIBLE: f64 = 0.5;
/// The abstract's saving is 66 %: a training that saves at least this share shows it.
const SAVING: f64 = 0.6;
/// The least saving that is worth the name.
const SOME_SAVING: f64 = 0.2;

/// What a training does with its accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accuracy {
    /// It keeps it.
    Kept,
    /// It loses it.
    Lost,
    /// Not known.
    Undecided,
}

impl Accuracy {
    /// Of the accuracy less that of exact training.
    pub fn of(against_exact: Option<Difference>) -> Self {
        let interval = against_exact.and_then(|difference| {
            let (mean, half_width) = (difference.mean(), difference.half_width()?);
            Some((mean - half_width, mean + half_width))
        });
        match interval {
            Some((low, _)) if low > -NEGLIGIBLE => Accuracy::Kept,
            Some((_, high)) if high < -NEGLIGIBLE => Accuracy::Lost,
            _ => Accuracy::Undecided,
        }
    }
}

/// A sampled training, as far as a saving is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Saving {
    /// How it is sampled.
    pub name: String,
    /// The share that it saves of what exact training needs.
    pub saved: f64,
    /// Its accuracy less that of exact training; none where no seed is common.
    pub against_exact: Option<Difference>,
}

impl Saving {
    fn is(&self, accuracy: Accuracy) -> bool {
        Accuracy::of(self.against_exact) == accuracy
    }

    /// "top-k at 0.5 saves 50 %, -0.20 ± 0.10 points".
    fn words(&self) -> String {
        let saved = significant(100.0 * self.saved, 3);
        format!("{} saves {saved} %, {}", self.name, against_exact(self.against_exact))
    }
}

/// Whether much is saved at no cost, with the training that it is seen by: holds where one that saves
/// 60 % or more keeps its accuracy, in part where one does that saves 20 % or more; fails where they
/// lose it, by [`lose`].
pub fn saving(trainings: &[Saving]) -> (Standing, String) {
    let keeps = |least: f64| {
        let keeping = trainings.iter().filter(|training| training.is(Accuracy::Kept));
        keeping.filter(move |training| training.saved >= least)
    };
    let best = keeps(SOME_SAVING).max_by(|one, other| one.saved.total_cmp(&other.saved));
    let standing = match () {
        () if keeps(SAVING).next().is_some() => Standing::Holds,
        () if best.is_some() => Standing::HoldsInPart,
        () if lose(trainings.iter().map(|training| training.against_exact)) => Standing::Fails,
        () => Standing::Undecided,
    };
    let found = match best {
        Some(training) => training.words(),
        None => "no sampling that saves 20 % or more is known to keep its accuracy".to_string(),
    };
    (standing, found)
}

/// The verdict of [`saving`], with the training that saves most where none keeps its accuracy.
pub fn judged(trainings: &[Saving]) -> (Standing, String) {
    let (standing, found) = saving(trainings);
    let most = trainings.iter().max_by(|one, other| one.saved.total_cmp(&other.saved));
    match (standing, most) {
        (Standing::Fails | Standing::Undecided, Some(most)) => (standing, most.words()),
        _ => (standing, found),
    }
}

/// What trainings save of the communication and what it costs, in a sentence: of the one that saves
/// most and of the one that saves least.
pub fn sent(trainings: &[Saving]) -> String {
    let order = |one: &&Saving, other: &&Saving| one.saved.total_cmp(&other.saved);
    let (Some(least), Some(most)) =
        (trainings.iter().min_by(order), trainings.iter().max_by(order))
    else {
        return "No training by several workers that send slices was made.".to_string();
    };
    let others = if least == most { String::new() } else { format!("; {}", least.words()) };
    format!("Of the gradient {}{others}.", most.words())
}

/// Whether trainings lose their accuracy, by their differences to exact training: every one does, or
/// every one whose interval is known, of two at the least. What was not run, or with one seed, takes
/// nothing away from what was found.
pub fn lose(against_exact: impl IntoIterator<Item = Option<Difference>>) -> bool {
    let differences: Vec<Option<Difference>> = against_exact.into_iter().collect();
    let has_interval = |difference: &Difference| difference.half_width().is_some();
    let known: Vec<Difference> =
        differences.iter().flatten().copied().filter(has_interval).collect();
    let is_enough = known.len() == differences.len() || known.len() > 1;
    is_enough && all(&known, |difference| Accuracy::of(Some(*difference)) == Accuracy::Lost)
}

/// Of some things, whether each is so; of none nothing is.
pub fn all<T>(things: &[T], is_so: impl Fn(&T) -> bool) -> bool {
    !things.is_empty() && things.iter().all(is_so)
}

/// "-0.20 ± 0.10 points", of a difference that is known.
pub fn against_exact(difference: Option<Difference>) -> String {
    let words = |difference: Difference| {
        let (mean, half_width) = (difference.mean(), difference.half_width());
        format!("{} points", show(Estimate { mean, half_width }))
    };
    difference.map(words).unwrap_or_default()
}

/// What is said of results on data that do not test the paper's claims; none where they do.
pub fn reservation(images: &ImageConfig) -> Option<&'static str> {
    match (images.is_cut(), images.set.published()) {
        (true, _) => Some("reduced data: does not test the paper's claim"),
        (false, None) => Some("other data than the paper's: does not test its claim"),
        (false, Some(_)) => None,
    }
}

/// What something was found with, in words: "MLP on MNIST, 60000 and 10000 images, 3 seeds".
pub fn evidence_setting(network: &str, images: &ImageConfig, seeds: usize) -> String {
    let seeds = if seeds == 1 { "one seed".to_string() } else { format!("{seeds} seeds") };
    // Which set it is has been found out: the directory is not asked.
    format!("{network} on {}, {seeds}", images.words(Path::new("")))
}

/// Evidence of an exhibit that trains on these images: with a reservation it decides nothing.
pub fn evidence(
    claim: PaperClaim,
    (standing, number): (Standing, String),
    setting: &str,
    images: &ImageConfig,
    caveat: &str,
) -> Evidence {
    let reservation = reservation(images);
    Evidence {
        claim,
        standing: if reservation.is_some() { Standing::Undecided } else { standing },
        number,
        setting: setting.to_string(),
        caveat: reservation.unwrap_or(caveat).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Fails, Holds, HoldsInPart, Undecided};
    use super::*;
    use crate::images::{ImageSet, Moments};

    /// The difference ± `half_width`: of two seeds, by t(0.975, 1 degree of freedom) = 12.7062.
    fn difference(mean: f64, half_width: f64) -> Option<Difference> {
        let deviation = half_width / 12.706_204_736_432_1;
        Some(Difference::paired(&[mean - deviation, mean + deviation], &[0.0, 0.0]))
    }

    fn training(saved: f64, against_exact: Option<Difference>) -> Saving {
        Saving { name: "top-k at 0.5".into(), saved, against_exact }
    }

    #[test]
    fn an_accuracy_is_kept_or_lost_by_its_whole_interval_alone() {
        assert_eq!(Accuracy::of(difference(-0.25, 0.125)), Accuracy::Kept);
        assert_eq!(Accuracy::of(difference(2.0, 1.0)), Accuracy::Kept);
        assert_eq!(Accuracy::of(difference(-1.0, 0.25)), Accuracy::Lost);
        let wrong = Some(Difference::paired(&[f64::NAN, 1.0], &[1.0, 1.0]));
        let one_seed = Some(Difference::paired(&[1.0], &[1.0]));
        // An interval that ends at the limit is on neither side of it.
        let at_the_limit = Some(Difference::paired(&[-0.5, -0.5], &[0.0, 0.0]));
        for undecided in [difference(-0.5, 0.25), wrong, one_seed, at_the_limit, None] {
            assert_eq!(Accuracy::of(undecided), Accuracy::Undecided);
        }
    }

    #[test]
    fn a_saving_has_every_outcome() {
        let (kept, lost, open) =
            (difference(-0.25, 0.125), difference(-1.0, 0.25), difference(-0.5, 0.25));
        let standing = |trainings: &[Saving]| saving(trainings).0;
        assert_eq!(standing(&[training(0.625, kept), training(0.8, lost)]), Holds);
        assert_eq!(standing(&[training(0.375, kept), training(0.8, lost)]), HoldsInPart);
        assert_eq!(standing(&[training(0.5, lost), training(0.75, lost)]), Fails);
        assert_eq!(standing(&[training(0.5, lost), training(0.75, open)]), Undecided);
        // What was not run, or with one seed, does not undo what two others lose.
        let one_seed = Some(Difference::paired(&[-9.0], &[1.0]));
        for unknown in [None, one_seed] {
            assert_eq!(standing(&[training(0.5, lost), training(0.75, unknown)]), Undecided);
            let three = [training(0.5, lost), training(0.75, lost), training(0.8, unknown)];
            assert_eq!(standing(&three), Fails);
        }
        assert_eq!(standing(&[training(0.125, kept)]), Undecided, "it hardly saves anything");
        assert_eq!(standing(&[training(f64::NAN, kept)]), Undecided);
        assert_eq!(standing(&[]), Undecided);
        let best = [training(0.375, kept), training(0.5, kept)];
        assert_eq!(saving(&best).1, "top-k at 0.5 saves 50 %, -0.25 ± 0.12 points");
        assert!(
            saving(&[training(0.8, lost)]).1.starts_with("no sampling that saves 20 % or more")
        );
    }

    #[test]
    fn where_none_keeps_its_accuracy_the_largest_saving_is_shown() {
        let (kept, lost) = (difference(-0.25, 0.125), difference(-1.0, 0.25));
        let failing = [training(0.5, lost), training(0.75, lost)];
        let expected = "top-k at 0.5 saves 75 %, -1.00 ± 0.25 points";
        assert_eq!(judged(&failing), (Fails, expected.to_string()));
        assert_eq!(judged(&[training(0.75, lost), training(0.5, kept)]).0, HoldsInPart);
        assert!(judged(&[]).1.starts_with("no sampling that saves"));
        assert_eq!(
            sent(&failing),
            "Of the gradient top-k at 0.5 saves 75 %, -1.00 ± 0.25 points; top-k at 0.5 saves 50 %, \
             -1.00 ± 0.25 points."
        );
        assert_eq!(sent(&failing[..1]).matches("saves").count(), 1);
        assert!(sent(&[]).starts_with("No training by several workers"));
    }

    #[test]
    fn data_that_are_not_the_papers_decide_nothing() {
        let images = |set, train| ImageConfig {
            set,
            path: None,
            size: None,
            labels: None,
            train,
            held_out: 100,
            test: 10_000,
            normalisation: Moments::Usual,
            seen: None,
        };
        let found = |images: &ImageConfig| {
            let decided = (Holds, "1 %".to_string());
            evidence(PaperClaim::Accuracy, decided, "a network", images, "a caveat")
        };
        let whole = found(&images(ImageSet::Cifar10, 49_900));
        assert_eq!((whole.standing, whole.caveat.as_str()), (Holds, "a caveat"));
        let cut = found(&images(ImageSet::Cifar10, 1_000));
        assert_eq!(cut.standing, Undecided);
        assert_eq!(cut.caveat, "reduced data: does not test the paper's claim");
        let drawn = found(&images(ImageSet::GeneratedDigits, 60_000));
        assert_eq!(drawn.standing, Undecided);
        assert_eq!((drawn.number.as_str(), drawn.setting.as_str()), ("1 %", "a network"));
        let cut = images(ImageSet::Cifar10, 1_000);
        assert_eq!(
            evidence_setting("WRN", &cut, 3),
            "WRN on CIFAR-10, 1100 of 50000 and 10000 of 10000 images, 3 seeds"
        );
        assert!(evidence_setting("WRN", &cut, 1).ends_with("images, one seed"));
    }
}
