//! What a column of devices stores of a vector, and what is read back.
//!
//! A memristive crossbar multiplies by Ohm's and Kirchhoff's laws: a voltage v_f on row f drives
//! the current v_f G_fj through the device in column j, and column j collects the sum. A
//! conductance is never zero, so a reference column at the least conductance is subtracted. Every
//! way of storing here has that form: the read-out of column j is
//!
//! ```text
//! scale_j (sum_f v_f w_fj - sum_f v_f r_f)
//! ```
//!
//! with w the exact weights, r = 0 and scale 1; or w the integer levels, r = 0 and the width of a
//! level; or w conductances, r the reference column and the width of a level over that of a step of
//! conductance.

use crate::samples::Samples;
use kernels::quantised::{Quantiser, QuantiserError, Zero};
use kernels::random::{Generator, Stream, standard_normal, uniform};
use kernels::{InstructionSet, MatrixView, MatrixViewMut, product::matmul};
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, number};

/// Least conductance of a device; only ratios matter.
const LEAST: f64 = 1.0;

/// How stored vectors are held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Storage {
    /// As they are, in 64 bits.
    Exact,
    /// Rounded to equally spaced levels from zero to the largest weight.
    Levels(Levels),
    /// As levels that are conductances of devices.
    Devices {
        /// The levels that devices are programmed to.
        levels: Levels,
        /// What the devices make of them.
        device: Device,
    },
}

impl Storage {
    /// Checks what devices are said to be.
    ///
    /// # Errors
    /// When a number is out of range. Levels are judged when there are weights to store.
    pub fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::Devices { device, .. } => device.check().map_err(|error| error.within("device")),
            Self::Exact | Self::Levels(_) => Ok(()),
        }
    }
}

/// Equally spaced levels, zero among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Bits of a cell.
    pub bits: u32,
    /// Levels in use, at most 2^bits.
    pub levels: u32,
    /// Whether rounded vectors are brought to length one again, which a crossbar cannot do by
    /// itself. Devices ignore it.
    #[serde(default)]
    pub renormalised: bool,
}

impl Levels {
    /// The 16 levels of 4 bits of the paper.
    pub const SIXTEEN: Self = Self { bits: 4, levels: 16, renormalised: false };

    /// All levels of so many bits.
    pub const fn of_bits(bits: u32) -> Self {
        Self { bits, levels: 1 << bits, renormalised: false }
    }

    /// The quantiser of weights up to the largest.
    ///
    /// # Errors
    /// When there are more levels than the bits can tell apart, or fewer than two; or when the
    /// largest weight is zero.
    pub fn quantiser(&self, largest: f64) -> Result<Quantiser, QuantiserError> {
        // The step is checked last, so that settings are judged before data.
        let levels = Quantiser::new(self.bits, 1.0, Zero::Level)?.with_levels(self.levels)?;
        let step = largest / f64::from(levels.levels() - 1);
        Quantiser::new(self.bits, step, Zero::Level)?.with_levels(self.levels)
    }
}

/// How devices differ from what they were programmed to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Largest conductance over least.
    pub ratio: f64,
    /// Standard deviation of a conductance over its mean; its law is lognormal.
    pub variation: f64,
    /// The chance that a device is stuck, at its least or its largest conductance alike.
    pub stuck: f64,
}

impl Device {
    /// Devices without fault.
    pub const IDEAL: Self = Self { ratio: 20.0, variation: 0.0, stuck: 0.0 };

    /// Checks the ranges.
    ///
    /// # Errors
    /// When the ratio is not above 1 or a chance or a deviation is out of range.
    pub fn check(&self) -> Result<(), FieldError> {
        use std::ops::Bound::{Excluded, Unbounded};
        number("ratio", self.ratio, (Excluded(1.0), Unbounded))?;
        number("variation", self.variation, 0.0..=10.0)?;
        number("stuck", self.stuck, 0.0..=1.0)
    }

    /// The conductance of a device programmed to one of the levels 0 to `last`.
    fn program(&self, level: u8, last: u32, rng: &mut Generator) -> f64 {
        let span = LEAST * (self.ratio - 1.0);
        let (fate, end, deviate) = (uniform(rng), uniform(rng), standard_normal(rng));
        if fate < self.stuck {
            return if end < 0.5 { LEAST } else { LEAST + span };
        }
        // Of mean one: exp(s X - s^2 / 2) with s^2 = ln(1 + variation^2).
        let square = libm::log1p(self.variation * self.variation);
        let factor = libm::exp(square.sqrt() * deviate - square / 2.0);
        (LEAST + span * f64::from(level) / f64::from(last)) * factor
    }
}

/// Stored vectors, as they are multiplied.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Columns x features: weights, levels or conductances.
    pub weights: Vec<f64>,
    /// The reference column, a number a feature.
    pub reference: Vec<f64>,
    /// What a column's difference from the reference is multiplied by.
    pub scales: Vec<f64>,
    /// Bits of one weight.
    pub bits: u32,
}

impl Stored {
    /// Stores vectors; `stream` decides the fate of each device.
    ///
    /// # Errors
    /// When the levels are not possible, or all weights are zero and have none.
    pub fn new(
        vectors: &Samples,
        storage: Storage,
        stream: Stream,
    ) -> Result<Self, QuantiserError> {
        let features = vectors.features;
        let exact = Self {
            weights: vectors.values.clone(),
            reference: vec![0.0; features],
            scales: vec![1.0; vectors.len()],
            bits: f64::MANTISSA_DIGITS + 11,
        };
        let (levels, device) = match storage {
            Storage::Exact => return Ok(exact),
            Storage::Levels(levels) => (levels, None),
            Storage::Devices { levels, device } => (levels, Some(device)),
        };
        let largest = vectors.values.iter().copied().fold(0.0, f64::max);
        let quantiser = levels.quantiser(largest)?;
        let codes = quantiser.encode(vectors.matrix(), &vec![0; features])?;
        let (step, last) = (quantiser.step(), quantiser.levels() - 1);
        let (scales, bits) = (vec![step; vectors.len()], levels.bits);
        let Some(device) = device else {
            let weights: Vec<f64> = codes.into_iter().map(f64::from).collect();
            let length = |column: &[f64]| column.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scales = if levels.renormalised {
                weights.chunks(features).map(|column| 1.0 / length(column).max(1.0)).collect()
            } else {
                scales
            };
            return Ok(Self { weights, scales, bits, ..exact });
        };
        let devices = stream.child("devices");
        let conductances = codes.chunks(features).zip(0..).flat_map(|(column, index)| {
            let mut rng = devices.at(index);
            let program = |&level| device.program(level, last, &mut rng);
            column.iter().map(program).collect::<Vec<f64>>()
        });
        let weights = conductances.collect();
        let mut rng = stream.child("reference").at(0);
        let reference = (0..features).map(|_| device.program(0, last, &mut rng)).collect();
        let conductance_step = LEAST * (device.ratio - 1.0) / f64::from(last);
        let scales = vec![step / conductance_step; vectors.len()];
        Ok(Self { weights, reference, scales, bits })
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.scales.len()
    }

    /// What every column reads for every query: queries x columns.
    ///
    /// # Panics
    /// When the queries have another number of features.
    pub fn read(&self, queries: MatrixView<f64>) -> Vec<f64> {
        let (features, columns) = (self.reference.len(), self.columns());
        let set = InstructionSet::detect();
        let product = |weights: &[f64], columns: usize| {
            let mut sums = vec![0.0; queries.rows() * columns];
            let weights = MatrixView::row_major(weights, columns, features).transpose();
            let sums_view = MatrixViewMut::row_major(&mut sums, queries.rows(), columns);
            matmul(set, queries, weights, sums_view);
            sums
        };
        let mut sums = product(&self.weights, columns);
        let reference = product(&self.reference, 1);
        for (row, reference) in sums.chunks_mut(columns).zip(reference) {
            row.iter_mut().zip(&self.scales).for_each(|(x, scale)| *x = scale * (*x - reference));
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use theory::statistics::Sample;

    fn vectors() -> Samples {
        let values = vec![0.0, 0.3, 0.954, 0.6, 0.8, 0.0];
        let classes = vec!["a".to_owned()];
        Samples { name: "t".to_owned(), classes, features: 3, values, labels: vec![0, 0] }
    }

    fn store(storage: Storage) -> Stored {
        Stored::new(&vectors(), storage, Stream::new(1, "test")).unwrap()
    }

    #[test]
    fn levels_read_what_rounded_weights_would() {
        let stored = store(Storage::Levels(Levels::SIXTEEN));
        assert_eq!(stored.weights, [0.0, 5.0, 15.0, 9.0, 13.0, 0.0]);
        let read = stored.read(MatrixView::row_major(&[1.0, 2.0, 0.0], 1, 3));
        let step = 0.954 / 15.0;
        assert!((read[0] - 10.0 * step).abs() < 1e-15 && (read[1] - 35.0 * step).abs() < 1e-15);
    }

    #[test]
    fn renormalised_columns_have_length_one() {
        let stored = store(Storage::Levels(Levels { renormalised: true, ..Levels::SIXTEEN }));
        for (column, scale) in stored.weights.chunks(3).zip(&stored.scales) {
            let square: f64 = column.iter().map(|x| x * x * scale * scale).sum();
            assert!((square - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn a_conductance_has_the_mean_and_deviation_it_is_said_to_have() {
        let device = Device { variation: 0.2, ..Device::IDEAL };
        let mut rng = Stream::new(3, "device").at(0);
        let sample = Sample::of((0..40_000).map(|_| device.program(15, 15, &mut rng)));
        assert!((sample.mean() / 20.0 - 1.0).abs() < 5.0 * 0.2 / 200.0, "{}", sample.mean());
        assert!((sample.variance().sqrt() / 20.0 - 0.2).abs() < 0.01, "{}", sample.variance());
    }

    #[test]
    fn stuck_devices_are_at_either_end() {
        let device = Device { stuck: 0.5, ..Device::IDEAL };
        let mut rng = Stream::new(4, "device").at(0);
        let programmed: Vec<f64> = (0..10_000).map(|_| device.program(5, 15, &mut rng)).collect();
        let share = |end: f64| programmed.iter().filter(|&&g| g == end).count() as f64 / 10_000.0;
        assert!((share(1.0) - 0.25).abs() < 0.025 && (share(20.0) - 0.25).abs() < 0.025);
    }

    #[test]
    fn more_levels_than_bits_and_no_weights_are_refused() {
        let error = Levels { levels: 17, ..Levels::SIXTEEN }.quantiser(1.0).unwrap_err();
        let sentence = "17 levels were asked for of codes of 4 bits, which have 2 to 16";
        assert_eq!(error.to_string(), sentence);
        assert!(Levels::SIXTEEN.quantiser(0.0).is_err());
        for device in [
            Device { ratio: 1.0, ..Device::IDEAL },
            Device { variation: -0.1, ..Device::IDEAL },
            Device { stuck: 1.5, ..Device::IDEAL },
            Device { variation: f64::NAN, ..Device::IDEAL },
        ] {
            assert!(device.check().is_err(), "{device:?}");
        }
    }
}
