//! Tests with a known null distribution, and the one budget of false alarms for all of them.

use crate::extremes::largest;
use crate::special::{fisher_upper, student_quantile, student_two_sided, student_upper};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// The chance that a suite rejects any claim although all hold.
pub const FAMILY_WISE_LEVEL: f64 = 1e-6;

/// The chance that a confidence interval of a verdict misses the true value.
pub const INTERVAL_LEVEL: f64 = 1e-6;

/// A test with a known null distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// That the mean of vectors is zero.
    Hotelling,
    /// That the mean of numbers is a given one.
    Student,
    /// That the mean of numbers is at most a given one: uniform p-values only where it is equal.
    StudentUpper,
}

impl Test {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hotelling => "Hotelling's T²",
            Self::Student => "Student's t",
            Self::StudentUpper => "Student's t, upper",
        }
    }
}

/// What a test gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestResult {
    /// Which test.
    pub test: Test,
    /// Its statistic.
    pub statistic: f64,
    /// The chance of a statistic at least as extreme if the hypothesis holds.
    pub p_value: f64,
}

/// Sums for the mean and variance of a sample (Welford's recursion).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Sample {
    /// A sample of these numbers.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sample = Self::default();
        numbers.into_iter().for_each(|x| sample.push(x));
        sample
    }

    /// Adds a number.
    pub fn push(&mut self, x: f64) {
        self.count += 1;
        let before = x - self.mean;
        self.mean += before / self.count as f64;
        self.squares = before.mul_add(x - self.mean, self.squares);
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance, over count - 1.
    pub fn variance(&self) -> f64 {
        self.squares / (self.count as f64 - 1.0)
    }

    /// The standard error of the mean. For a mean this is also the jackknife's.
    pub fn standard_error(&self) -> f64 {
        (self.variance() / self.count as f64).sqrt()
    }

    /// Half of a confidence interval of the mean that misses it with this chance, by Student's t;
    /// not a number for fewer than two numbers.
    pub fn half_width(&self, level: f64) -> f64 {
        student_quantile(level, self.count as f64 - 1.0) * self.standard_error()
    }

    /// Where the true mean lies, at [`INTERVAL_LEVEL`].
    pub fn interval(&self) -> (f64, f64) {
        let radius = self.half_width(INTERVAL_LEVEL);
        (self.mean - radius, self.mean + radius)
    }

    /// Student's test that the mean is a hypothetical one.
    ///
    /// A sample without spread has the statistic 0 or infinity.
    pub fn student(&self, mean: f64) -> TestResult {
        let statistic = self.deviation(mean);
        let p_value = student_two_sided(statistic, self.count as f64 - 1.0);
        TestResult { test: Test::Student, statistic, p_value }
    }

    /// Student's test that the mean is at most a bound.
    pub fn student_upper(&self, bound: f64) -> TestResult {
        let statistic = self.deviation(bound);
        let p_value = student_upper(statistic, self.count as f64 - 1.0);
        TestResult { test: Test::StudentUpper, statistic, p_value }
    }

    /// The distance from a hypothetical mean in standard errors.
    fn deviation(&self, mean: f64) -> f64 {
        let difference = self.mean - mean;
        if difference == 0.0 { 0.0 } else { difference / self.standard_error() }
    }
}

/// Hotelling's statistic of vectors against mean zero, and its p-value (Fisher's F with d and
/// n - d degrees of freedom).
///
/// When the covariance is singular: infinite with p-value 0, or 0 with p-value 1 for a mean of zero.
///
/// # Panics
/// When there are no more vectors than components.
pub fn hotelling(vectors: &[DVector<f64>]) -> TestResult {
    let result = |statistic, p_value| TestResult { test: Test::Hotelling, statistic, p_value };
    let (n, d) = (vectors.len(), vectors[0].len());
    assert!(n > d, "Hotelling's statistic needs more vectors ({n}) than components ({d})");
    let mean = vectors.iter().fold(DVector::zeros(d), |sum, x| sum + x) / n as f64;
    let covariance = vectors.iter().fold(DMatrix::zeros(d, d), |sum, x| {
        let centred = x - &mean;
        sum + &centred * centred.transpose()
    }) / (n as f64 - 1.0);
    let Some(factor) = covariance.cholesky() else {
        return if mean.norm() == 0.0 { result(0.0, 1.0) } else { result(f64::INFINITY, 0.0) };
    };
    let statistic = n as f64 * mean.dot(&factor.solve(&mean));
    let (n, d) = (n as f64, d as f64);
    result(statistic, fisher_upper((n - d) / (d * (n - 1.0)) * statistic, d, n - d))
}

/// The p-values after Holm's step-down procedure, in the order given: rejecting where they are at
/// most a level keeps the chance of any false rejection at most that level.
///
/// The j-th smallest of M becomes the largest of (M - i + 1) p_(i) over i up to j, at most one.
/// What is not a number stays what it is, and counts among the M.
///
/// ```
/// let adjusted = theory::statistics::holm(&[0.25, 0.0625, 0.5]);
/// assert_eq!(adjusted, [0.5, 0.1875, 0.5]);
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|&i| !p_values[i].is_nan()).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]));
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let mut so_far = 0.0f64;
    for (rank, &index) in order.iter().enumerate() {
        let tests = (p_values.len() - rank) as f64;
        so_far = largest([so_far, (tests * p_values[index]).min(1.0)]);
        adjusted[index] = so_far;
    }
    adjusted
}

/// The Kolmogorov-Smirnov distance of numbers from the uniform distribution on [0, 1], and its
/// p-value (Kolmogorov's series with the finite-sample correction of Stephens 1970).
pub fn kolmogorov_smirnov(numbers: &[f64]) -> (f64, f64) {
    let sorted = ascending(numbers);
    let n = sorted.len() as f64;
    let distance = largest(sorted.iter().enumerate().flat_map(|(rank, x)| {
        let rank = rank as f64;
        [x - rank / n, (rank + 1.0) / n - x]
    }));
    let root = n.sqrt();
    let x = (root + 0.12 + 0.11 / root) * distance;
    let series = (1..=100).map(|j| {
        let term = libm::exp(-2.0 * f64::from(j * j) * x * x);
        if j % 2 == 1 { term } else { -term }
    });
    // The alternating series is useless near zero, where the p-value is one to 1e-9.
    let p_value = if x < 0.2 { 1.0 } else { (2.0 * series.sum::<f64>()).clamp(0.0, 1.0) };
    (distance, p_value)
}

/// The Anderson-Darling statistic of numbers against the uniform distribution on (0, 1), and its
/// p-value by the approximation of Marsaglia and Marsaglia 2004 to the limit law (absolute error
/// below 2e-5).
pub fn anderson_darling(numbers: &[f64]) -> (f64, f64) {
    let sorted: Vec<f64> = ascending(numbers)
        .into_iter()
        .map(|x| x.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0))
        .collect();
    let n = sorted.len();
    let sum: f64 = (0..n)
        .map(|rank| {
            let logs = libm::log(sorted[rank]) + libm::log1p(-sorted[n - 1 - rank]);
            (2 * rank + 1) as f64 * logs
        })
        .sum();
    let z = -(n as f64) - sum / n as f64;
    (z, 1.0 - anderson_darling_limit(z))
}

/// P(A^2 < z) of the limit law.
fn anderson_darling_limit(z: f64) -> f64 {
    let polynomial = |coefficients: &[f64]| {
        coefficients.iter().rev().fold(0.0f64, |value, coefficient| value.mul_add(z, *coefficient))
    };
    if z <= 0.0 {
        0.0
    } else if z < 2.0 {
        let factor = polynomial(&[
            2.000_12,
            0.247_105,
            -0.064_982_1,
            0.034_796_2,
            -0.011_672_0,
            0.001_686_91,
        ]);
        libm::exp(-1.233_714_1 / z) / z.sqrt() * factor
    } else {
        let exponent =
            polynomial(&[1.0776, -2.306_95, 0.434_24, -0.082_433, 0.008_056, -0.000_314_6]);
        libm::exp(-libm::exp(exponent))
    }
}

fn ascending(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::{Stream, standard_normal, uniform};
    use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

    #[test]
    fn intervals_of_few_numbers_miss_as_seldom_as_they_say() {
        // Twenty normal deviates: the normal quantile 4.89 would miss a hundred times as often.
        let sample = Sample::of((0..20).map(f64::from));
        let radius = sample.half_width(INTERVAL_LEVEL) / sample.standard_error();
        let missed = 2.0 * StudentsT::new(0.0, 1.0, 19.0).unwrap().sf(radius);
        assert!((missed / INTERVAL_LEVEL - 1.0).abs() < 1e-8, "{radius} {missed}");
        let normal = Normal::standard().inverse_cdf(1.0 - INTERVAL_LEVEL / 2.0);
        assert!(2.0 * StudentsT::new(0.0, 1.0, 19.0).unwrap().sf(normal) > 90.0 * INTERVAL_LEVEL);
    }

    #[test]
    fn holm_adjusts_step_by_step() {
        let at_level = |p: &[f64]| holm(p).iter().map(|&p| p <= 0.05).collect::<Vec<_>>();
        assert_eq!(at_level(&[0.01, 0.02, 0.04]), [true, true, true]);
        assert_eq!(at_level(&[0.02, 0.02, 0.9]), [false, false, false]);
        for unknown in [f64::NAN, -f64::NAN] {
            let adjusted = holm(&[unknown, 0.01]);
            assert!(adjusted[0].is_nan() && adjusted[1] == 0.02, "{adjusted:?}");
        }
    }

    #[test]
    fn goodness_of_fit_of_what_is_not_a_number_is_none() {
        for numbers in [&[0.5, f64::NAN, 0.1][..], &[f64::NAN], &[]] {
            assert!(kolmogorov_smirnov(numbers).1.is_nan(), "{numbers:?}");
            assert!(anderson_darling(numbers).1.is_nan(), "{numbers:?}");
        }
    }

    #[test]
    fn uniform_numbers_pass_and_others_do_not() {
        let mut rng = Stream::new(1, "goodness of fit").at(0);
        let flat: Vec<f64> = (0..400).map(|_| uniform(&mut rng)).collect();
        let bent: Vec<f64> = flat.iter().map(|u| u * u).collect();
        for test in [kolmogorov_smirnov, anderson_darling] {
            assert!(test(&flat).1 > 0.01);
            assert!(test(&bent).1 < 1e-3);
        }
    }

    #[test]
    fn goodness_of_fit_has_its_tabled_critical_values() {
        // Limits at 5 %: 1.358 / sqrt(n) and 2.492 (Stephens 1974).
        let at = |distance: f64| {
            let n = 10_000usize;
            let shifted: Vec<f64> =
                (0..n).map(|i| ((i as f64 + 0.5) / n as f64 + distance).min(1.0)).collect();
            kolmogorov_smirnov(&shifted)
        };
        let (distance, p) = at(0.013_53);
        assert!((distance - 0.013_58).abs() < 1e-5 && (p - 0.05).abs() < 1e-3, "{distance} {p}");
        assert!((anderson_darling_limit(2.492) - 0.95).abs() < 1e-4);
        assert!((anderson_darling_limit(1.933) - 0.9).abs() < 1e-4);
    }

    #[test]
    fn hotelling_is_student_squared_in_one_dimension() {
        let mut rng = Stream::new(2, "hotelling").at(0);
        let numbers: Vec<f64> = (0..50).map(|_| 0.1 + standard_normal(&mut rng)).collect();
        let vectors: Vec<_> = numbers.iter().map(|&x| DVector::from_element(1, x)).collect();
        let (student, hotelling) = (Sample::of(numbers).student(0.0), hotelling(&vectors));
        let square = hotelling.statistic;
        assert!((student.statistic * student.statistic - square).abs() < 1e-12 * square);
        assert!((student.p_value - hotelling.p_value).abs() < 1e-12);
    }
}
