//! Labelled vectors, and their way to unit length.

use kernels::MatrixView;
use serde::{Deserialize, Serialize};

/// Labelled vectors, a sample a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// What people call the set; figures and tables say it.
    pub name: String,
    /// The classes by name; labels are indices of these.
    pub classes: Vec<String>,
    /// Numbers in a sample.
    pub features: usize,
    /// Samples x features.
    pub values: Vec<f64>,
    /// One a sample.
    pub labels: Vec<usize>,
}

impl Samples {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The features of one sample.
    ///
    /// # Panics
    /// When there is no such sample.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.features..(index + 1) * self.features]
    }

    /// The samples with these indices, in this order.
    ///
    /// # Panics
    /// When there is no such sample.
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            name: self.name.clone(),
            classes: self.classes.clone(),
            features: self.features,
            values: indices.iter().flat_map(|&index| self.row(index)).copied().collect(),
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
        }
    }

    /// The samples of each class, class after class, in their order.
    pub fn of_classes(&self) -> Vec<Vec<usize>> {
        let mut indices = vec![Vec::new(); self.classes.len()];
        for (index, &label) in self.labels.iter().enumerate() {
            indices[label].push(index);
        }
        indices
    }

    /// The values as a matrix of samples x features.
    pub fn matrix(&self) -> MatrixView<'_, f64> {
        MatrixView::row_major(&self.values, self.len(), self.features)
    }
}

/// How a vector of features in [0, 1] is brought to length one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitLength {
    /// By its length, which is lost. A vector of zeros stays one.
    #[default]
    Direction,
    /// By the largest length that there can be, and one feature more that makes up for the rest: the
    /// length becomes an angle (the z-axis normalisation of the field).
    Lifted,
}

/// The way from features to the vectors that are compared: every feature from its range to [0, 1],
/// then every vector to length one.
///
/// What lies outside the range is clipped, as the voltage of a row of devices would be.
///
/// ```
/// use memristor_classifier::samples::{Samples, UnitLength, UnitVectors};
/// let samples = Samples {
///     name: "two".into(),
///     classes: vec!["one".into()],
///     features: 2,
///     values: vec![0.0, 10.0, 4.0, 30.0],
///     labels: vec![0, 0],
/// };
/// let vectors = UnitVectors::over(&samples, UnitLength::Direction).of(&samples);
/// assert_eq!(vectors.row(0), [0.0, 0.0]);
/// assert!((vectors.row(1)[0] - 0.5f64.sqrt()).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UnitVectors {
    /// Least and largest value of each feature.
    ranges: Vec<(f64, f64)>,
    length: UnitLength,
}

impl UnitVectors {
    /// Takes the range of each feature from these samples.
    pub fn over(samples: &Samples, length: UnitLength) -> Self {
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); samples.features];
        for index in 0..samples.len() {
            for (range, &value) in ranges.iter_mut().zip(samples.row(index)) {
                *range = (range.0.min(value), range.1.max(value));
            }
        }
        Self { ranges, length }
    }

    /// Every feature from the same range, as the pixels of an image have.
    pub fn within(least: f64, largest: f64, features: usize, length: UnitLength) -> Self {
        Self { ranges: vec![(least, largest); features], length }
    }

    /// The vectors of these samples. A feature that never varied is zero.
    pub fn of(&self, samples: &Samples) -> Samples {
        let vectors = (0..samples.len()).flat_map(|index| self.vector(samples.row(index)));
        let values: Vec<f64> = vectors.collect();
        let features = match self.length {
            UnitLength::Direction => samples.features,
            UnitLength::Lifted => samples.features + 1,
        };
        Samples { values, features, ..samples.clone() }
    }

    fn vector(&self, features: &[f64]) -> Vec<f64> {
        let into_range = |(&value, &(least, largest)): (&f64, &(f64, f64))| {
            if largest > least {
                ((value - least) / (largest - least)).clamp(0.0, 1.0)
            } else {
                0.0
            }
        };
        let mut vector: Vec<f64> = features.iter().zip(&self.ranges).map(into_range).collect();
        let square = vector.iter().map(|x| x * x).sum::<f64>();
        let length = match self.length {
            UnitLength::Direction => square.sqrt(),
            UnitLength::Lifted => (vector.len() as f64).sqrt(),
        };
        if length > 0.0 {
            vector.iter_mut().for_each(|x| *x /= length);
        }
        if self.length == UnitLength::Lifted {
            vector.push((1.0 - square / (length * length)).max(0.0).sqrt());
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let labels = vec![1, 0, 1];
        Samples { name: "t".to_owned(), classes, features: 2, values: values.to_vec(), labels }
    }

    #[test]
    fn vectors_have_length_one_also_beyond_the_range_looked_at() {
        let training = samples(&[1.0, 5.0, 2.0, 7.0, 3.0, 5.0]);
        let vectors = UnitVectors::over(&training, UnitLength::Direction)
            .of(&samples(&[9.0, 9.0, 2.0, 0.0, 0.0, 0.0]));
        assert!(vectors.row(0).iter().all(|x| (x - 0.5f64.sqrt()).abs() < 1e-15));
        assert_eq!(vectors.row(1), [1.0, 0.0]);
        assert_eq!(vectors.row(2), [0.0, 0.0]);
    }

    #[test]
    fn a_feature_that_never_varies_is_zero() {
        let training = samples(&[1.0, 5.0, 2.0, 5.0, 3.0, 5.0]);
        let vectors = UnitVectors::over(&training, UnitLength::Direction).of(&training);
        assert_eq!(vectors.values, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn lifted_vectors_have_length_one_and_can_be_brought_back() {
        let training = samples(&[0.0, 0.0, 1.0, 0.5, 0.25, 1.0]);
        let vectors = UnitVectors::over(&training, UnitLength::Lifted).of(&training);
        let dot = |i: usize, j: usize| -> f64 {
            vectors.row(i).iter().zip(vectors.row(j)).map(|(x, y)| x * y).sum()
        };
        for index in 0..3 {
            assert!((dot(index, index) - 1.0).abs() < 1e-15);
        }
        assert_eq!(vectors.features, 3);
        for (lifted, original) in vectors.row(1).iter().zip([1.0, 0.5]) {
            assert!((lifted * 2f64.sqrt() - original).abs() < 1e-15);
        }
    }

    #[test]
    fn samples_are_found_by_class() {
        assert_eq!(samples(&[0.0; 6]).of_classes(), [vec![1], vec![0, 2]]);
    }
}
