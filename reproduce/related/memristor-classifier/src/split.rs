//! Who is stored, who is asked, and who decides on the thresholds.

use crate::error::ClassifierError;
use crate::samples::{Samples, UnitLength, UnitVectors};
use kernels::random::{Stream, shuffle};
use serde::{Deserialize, Serialize};
use training::data::{Dataset, Splits};
use training::setting::{FieldError, LARGEST_COUNT, count, count_within};

/// Samples that are stored, a column of devices each, and samples to be told the class of.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Unit vectors with their classes, class after class.
    pub stored: Samples,
    /// Unit vectors; their classes are what is asked.
    pub queries: Samples,
}

impl Pair {
    /// The pair of some samples, brought to unit length.
    ///
    /// # Errors
    /// When a class has no sample that is stored.
    pub fn new(
        stored: &Samples,
        queries: &Samples,
        vectors: &UnitVectors,
    ) -> Result<Self, ClassifierError> {
        let of_classes = stored.of_classes();
        if let Some(class) = of_classes.iter().position(Vec::is_empty) {
            let (name, class) = (stored.name.clone(), stored.classes[class].clone());
            return Err(ClassifierError::NothingStored { name, class });
        }
        let stored = vectors.of(&stored.select(&of_classes.concat()));
        Ok(Self { stored, queries: vectors.of(queries) })
    }
}

impl Pair {
    /// The same with the labels of the stored vectors shuffled: nothing can be learnt from it.
    #[must_use]
    pub fn with_shuffled_labels(&self, stream: Stream) -> Self {
        let mut stored = self.stored.clone();
        shuffle(&mut stream.at(0), &mut stored.labels);
        let stored = stored.select(&stored.of_classes().concat());
        Self { stored, queries: self.queries.clone() }
    }
}

/// What one accuracy is measured on.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// What bandwidth and thresholds are chosen on, together; nothing of the test is in it.
    pub tuning: Vec<Pair>,
    /// What is reported.
    pub test: Pair,
}

impl Split {
    /// The same with the labels of all stored vectors shuffled.
    #[must_use]
    pub fn with_shuffled_labels(&self, stream: Stream) -> Self {
        let shuffled = |(index, pair): (usize, &Pair)| {
            pair.with_shuffled_labels(stream.child("tuning").child(&index.to_string()))
        };
        Self {
            tuning: self.tuning.iter().enumerate().map(shuffled).collect(),
            test: self.test.with_shuffled_labels(stream.child("test")),
        }
    }
}

/// Stratified cross-validation, with another one inside for the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folds {
    /// Parts of the samples, each of which is tested on once.
    pub folds: usize,
    /// Parts of what is left, each of which is tuned on once.
    pub tuning_folds: usize,
}

impl Folds {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When there are fewer than two folds.
    pub fn check(&self) -> Result<(), FieldError> {
        count_within("folds", self.folds, 2..=LARGEST_COUNT)?;
        count_within("tuning_folds", self.tuning_folds, 2..=LARGEST_COUNT)
    }

    /// The splits of one repetition: a fold each.
    ///
    /// # Errors
    /// When the settings are out of range or a class has too few samples to be in every part.
    pub fn splits(
        &self,
        samples: &Samples,
        length: UnitLength,
        seed: u64,
    ) -> Result<Vec<Split>, ClassifierError> {
        self.check()?;
        let stream = Stream::new(seed, "folds");
        let parts = stratified(samples, self.folds, stream.child("test"))?;
        (0..self.folds)
            .map(|fold| {
                let (rest, asked) = apart(samples, &parts, fold);
                let stream = stream.child("tuning").child(&fold.to_string());
                let inner = stratified(&rest, self.tuning_folds, stream)?;
                let tuning = (0..self.tuning_folds).map(|fold| {
                    let (stored, asked) = apart(&rest, &inner, fold);
                    Pair::new(&stored, &asked, &UnitVectors::over(&stored, length))
                });
                let tuning = tuning.collect::<Result<_, _>>()?;
                Ok(Split {
                    tuning,
                    test: Pair::new(&rest, &asked, &UnitVectors::over(&rest, length))?,
                })
            })
            .collect()
    }
}

/// The part with every class in its share: members of each class are shuffled and dealt out.
fn stratified(
    samples: &Samples,
    parts: usize,
    stream: Stream,
) -> Result<Vec<Vec<usize>>, ClassifierError> {
    let of_classes = samples.of_classes();
    if let Some(class) = of_classes.iter().position(|members| members.len() < parts) {
        return Err(ClassifierError::TooFew {
            name: samples.name.clone(),
            class: samples.classes[class].clone(),
            samples: of_classes[class].len(),
            parts,
        });
    }
    let mut dealt = vec![Vec::new(); parts];
    let mut next = 0;
    for (mut members, class) in of_classes.into_iter().zip(0..) {
        shuffle(&mut stream.at(class), &mut members);
        for member in members {
            dealt[next % parts].push(member);
            next += 1;
        }
    }
    Ok(dealt)
}

/// The samples outside and inside one part.
fn apart(samples: &Samples, parts: &[Vec<usize>], chosen: usize) -> (Samples, Samples) {
    let mut outside: Vec<usize> = parts
        .iter()
        .enumerate()
        .filter(|(part, _)| *part != chosen)
        .flat_map(|(_, p)| p)
        .copied()
        .collect();
    outside.sort_unstable();
    (samples.select(&outside), samples.select(&parts[chosen]))
}

/// Images of a set with a test part of its own: as many a class are stored, others are tuned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Training images stored of each class.
    pub stored_a_class: usize,
    /// Training images that thresholds are chosen on, the first of those held out.
    pub tuning: usize,
    /// Test images, the first ones.
    pub test: usize,
}

impl Images {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a number is zero.
    pub fn check(&self) -> Result<(), FieldError> {
        count("stored_a_class", self.stored_a_class)?;
        count("tuning", self.tuning)?;
        count("test", self.test)
    }

    /// One choice of the stored images.
    ///
    /// # Errors
    /// When the settings are out of range or there are too few images.
    pub fn split(
        &self,
        data: &Splits,
        length: UnitLength,
        seed: u64,
    ) -> Result<Split, ClassifierError> {
        self.check()?;
        let stream = Stream::new(seed, "stored images");
        let mut chosen = Vec::new();
        for class in 0..data.train.classes {
            let members =
                (0..data.train.len()).filter(|&i| usize::from(data.train.labels[i]) == class);
            let mut members: Vec<usize> = members.collect();
            if members.len() < self.stored_a_class {
                return Err(ClassifierError::TooFew {
                    name: data.train.name.clone(),
                    class: class.to_string(),
                    samples: members.len(),
                    parts: self.stored_a_class,
                });
            }
            shuffle(&mut stream.at(class as u64), &mut members);
            chosen.extend_from_slice(&members[..self.stored_a_class]);
        }
        let stored = images(&data.train, &chosen);
        let first = |set: &Dataset, count: usize| {
            images(set, &(0..count.min(set.len())).collect::<Vec<_>>())
        };
        let vectors = UnitVectors::within(0.0, 255.0, data.train.features(), length);
        let tuning = Pair::new(&stored, &first(&data.held_out, self.tuning), &vectors)?;
        let test = Pair::new(&stored, &first(&data.test, self.test), &vectors)?;
        Ok(Split { tuning: vec![tuning], test })
    }
}

/// Images as samples of 0 to 255.
fn images(set: &Dataset, indices: &[usize]) -> Samples {
    Samples {
        name: set.name.clone(),
        classes: (0..set.classes).map(|class| class.to_string()).collect(),
        features: set.features(),
        values: indices.iter().flat_map(|&i| set.image(i)).map(|&pixel| f64::from(pixel)).collect(),
        labels: indices.iter().map(|&i| usize::from(set.labels[i])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(per_class: [usize; 3]) -> Samples {
        let labels: Vec<usize> =
            (0..3).flat_map(|class| std::iter::repeat_n(class, per_class[class])).collect();
        Samples {
            name: "made".to_owned(),
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            features: 1,
            values: (0..labels.len()).map(|i| i as f64).collect(),
            labels,
        }
    }

    #[test]
    fn every_sample_is_tested_once_and_classes_have_their_share() {
        let samples = samples([20, 30, 50]);
        let parts = stratified(&samples, 10, Stream::new(1, "test")).unwrap();
        let mut all = parts.concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        for part in parts {
            let of_classes = samples.select(&part).of_classes();
            assert_eq!(of_classes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3, 5]);
        }
    }

    #[test]
    fn nothing_of_the_test_is_tuned_on() {
        let folds = Folds { folds: 5, tuning_folds: 4 };
        let splits = folds.splits(&samples([10, 10, 10]), UnitLength::Direction, 1).unwrap();
        assert_eq!(splits.len(), 5);
        for Split { tuning, test } in splits {
            assert_eq!((test.stored.len(), test.queries.len()), (24, 6));
            for pair in &tuning {
                assert_eq!((pair.stored.len(), pair.queries.len()), (18, 6));
            }
        }
    }

    #[test]
    fn classes_with_too_few_samples_and_folds_of_one_are_refused() {
        let folds = Folds { folds: 5, tuning_folds: 4 };
        let error =
            folds.splits(&samples([10, 4, 10]), UnitLength::Direction, 1).unwrap_err().to_string();
        assert_eq!(error, "made: class b has 4 samples, fewer than the 5 that are asked for");
        let error = Folds { folds: 1, ..folds }.check().unwrap_err().to_string();
        assert!(error.starts_with("folds is 1, expected"), "{error}");
        let stored = samples([3, 0, 3]);
        let error = Pair::new(&stored, &stored, &UnitVectors::over(&stored, UnitLength::Direction))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "made: class b has no sample to be stored");
    }

    #[test]
    fn images_are_chosen_class_by_class() {
        let data = training::data::generated_digits(1, 200, 20, 30);
        let settings = Images { stored_a_class: 3, tuning: 20, test: 30 };
        let split = settings.split(&data, UnitLength::Direction, 1).unwrap();
        assert_eq!(split.test.stored.labels, (0..10).flat_map(|c| [c; 3]).collect::<Vec<_>>());
        assert_eq!((split.tuning[0].queries.len(), split.test.queries.len()), (20, 30));
        let other = settings.split(&data, UnitLength::Direction, 2).unwrap();
        assert_ne!(other.test.stored, split.test.stored);
        assert_eq!(other.test.queries.labels, split.test.queries.labels);
        let many = Images { stored_a_class: 10_000, ..settings };
        assert!(
            many.split(&data, UnitLength::Direction, 1)
                .unwrap_err()
                .to_string()
                .contains("fewer than the 10000")
        );
    }
}
