//! Rows of the headline, as exhibits make them from their own runs.

use crate::exhibit::difference::{Difference, show};
use crate::exhibit::statistics::Estimate;
use crate::images::Images;
use crate::result::{Found, HeadlineRow, significant};
use crate::timing::Spread;

/// The ratios that the headline shows, where they were measured.
const RATIOS: [f64; 3] = [0.5, 0.25, 0.1];

/// Whether the headline shows this ratio.
pub fn is_shown(ratio: f64) -> bool {
    RATIOS.contains(&ratio)
}

/// A row of trainings: what they did of the exact computations and would have sent of the
/// gradient, in percent, and their accuracies and those of exact products, in percent, one a seed.
pub fn accuracy_row(
    network: &str,
    images: &Images,
    sampling: String,
    [computations, communication]: [f64; 2],
    [sampled, exact]: [&[f64]; 2],
) -> HeadlineRow {
    HeadlineRow {
        network: network.to_string(),
        data: data(images),
        sampling,
        computation_saved: 100.0 - computations,
        communication_saved: 100.0 - communication,
        found: Found::Accuracy {
            sampled: format!("{} %", show(Estimate::of(sampled))),
            exact: format!("{} %", show(Estimate::of(exact))),
            difference: Difference::paired(sampled, exact).words(),
            seeds: sampled.len(),
        },
    }
}

/// A row of training steps: what they did and would have sent, in percent, and their time over
/// that of the exact step.
pub fn time_row(
    network: &str,
    data: &str,
    sampling: String,
    [computations, communication]: [f64; 2],
    of_exact: Spread,
) -> HeadlineRow {
    let times = |share: f64| significant(1.0 / share, 3);
    let Spread { low, median, high } = of_exact;
    HeadlineRow {
        network: network.to_string(),
        data: data.to_string(),
        sampling,
        computation_saved: 100.0 - computations,
        communication_saved: 100.0 - communication,
        found: Found::SpeedUp(format!("{}x ({} to {})", times(median), times(high), times(low))),
    }
}

/// The images, and how many there would have been where only a part of the set is used.
fn data(images: &Images) -> String {
    let splits = &images.splits;
    let (training, test) = (splits.train.len() + splits.held_out.len(), splits.test.len());
    match images.whole {
        Some(whole) if training < whole[0] || test < whole[1] => {
            let set = images.description.split(" (").next().unwrap_or_default();
            format!("{set}, {training} of {} and {test} of {} images", whole[0], whole[1])
        }
        _ => images.description.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::ImageSet;
    use training::data::generated_digits;

    fn images(set: ImageSet, sizes: (usize, usize, usize)) -> Images {
        Images {
            splits: generated_digits(1, sizes.0, sizes.1, sizes.2),
            slug: set.slugs()[0].to_string(),
            whole: set.published(),
            description: format!("a set ({} training images)", sizes.0),
            checksum: String::new(),
        }
    }

    #[test]
    fn a_row_says_where_its_data_were_cut() {
        let cut = images(ImageSet::Mnist, (20, 5, 10));
        assert_eq!(data(&cut), "a set, 25 of 60000 and 10 of 10000 images");
        let drawn = images(ImageSet::GeneratedDigits, (20, 5, 10));
        assert_eq!(data(&drawn), "a set (20 training images)");
    }

    #[test]
    fn a_row_pairs_its_own_numbers() {
        let images = images(ImageSet::GeneratedDigits, (20, 5, 10));
        let found = |sampled: &[f64], exact: &[f64]| {
            let row = accuracy_row(
                "MLP",
                &images,
                "top-k at 0.5".into(),
                [50.0, 100.0],
                [sampled, exact],
            );
            assert_eq!((row.computation_saved, row.communication_saved), (50.0, 0.0));
            row.found
        };
        let accuracy = |sampled: &str, exact: &str, difference: &str, seeds| Found::Accuracy {
            sampled: sampled.into(),
            exact: exact.into(),
            difference: difference.into(),
            seeds,
        };
        let one = accuracy("90 %", "92 %", "-2, one seed", 1);
        assert_eq!(found(&[90.0], &[92.0]), one);
        let two = accuracy("92 ± 25 %", "94 ± 25 %", "-2 ± 0, lower", 2);
        assert_eq!(found(&[90.0, 94.0], &[92.0, 96.0]), two);
        let none = accuracy("NaN ± NaN %", "94 ± 25 %", "not a number", 2);
        assert_eq!(found(&[90.0, f64::NAN], &[92.0, 96.0]), none);
    }

    #[test]
    fn a_speed_up_has_its_quartiles_in_order() {
        let of_exact = Spread { low: 0.4, median: 0.5, high: 0.8 };
        let row = time_row("MLP", "noise", "top-k at 0.5".into(), [50.0, 100.0], of_exact);
        assert_eq!(row.found, Found::SpeedUp("2x (1.25 to 2.50)".into()));
    }
}
