//! Examples to learn from: inputs and the values wanted there.

use crate::target::Target;
use kernels::MatrixView;
use kernels::random::{standard_normal, uniform};
use rand::Rng;

/// Why numbers are no data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DataError {
    /// There is no example, or one has no input or no output.
    #[error("data of {inputs} inputs and {outputs} outputs an example have at least one of each")]
    Empty {
        /// Inputs of an example.
        inputs: usize,
        /// Outputs of an example.
        outputs: usize,
    },
    /// The numbers of inputs and targets are not those of the same whole number of examples.
    #[error(
        "{inputs} numbers of {width} an input and {targets} of {depth} a target are not the same \
         whole number of examples, at least one"
    )]
    LengthMismatch {
        /// Numbers of all inputs.
        inputs: usize,
        /// Inputs of an example.
        width: usize,
        /// Numbers of all targets.
        targets: usize,
        /// Outputs of an example.
        depth: usize,
    },
    /// A number is NaN or infinite.
    #[error("{part}[{example}, {component}] is {value}; examples are finite numbers")]
    NonFinite {
        /// "inputs" or "targets".
        part: &'static str,
        /// Which example.
        example: usize,
        /// Which of its numbers.
        component: usize,
        /// Its value.
        value: f64,
    },
}

/// N examples: inputs (N x d) and targets (N x c), both row-major, every number finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    inputs: Vec<f64>,
    targets: Vec<f64>,
    examples: usize,
}

impl Data {
    /// Data from their numbers, with `width` inputs and `depth` outputs an example.
    ///
    /// # Errors
    /// When the numbers are not those of the same whole number of examples, at least one, or one
    /// of them is NaN or infinite.
    pub fn new(
        inputs: Vec<f64>,
        width: usize,
        targets: Vec<f64>,
        depth: usize,
    ) -> Result<Self, DataError> {
        if width == 0 || depth == 0 {
            return Err(DataError::Empty { inputs: width, outputs: depth });
        }
        let examples = inputs.len() / width;
        if examples == 0
            || inputs.len() != examples * width
            || Some(targets.len()) != examples.checked_mul(depth)
        {
            let (inputs, targets) = (inputs.len(), targets.len());
            return Err(DataError::LengthMismatch { inputs, width, targets, depth });
        }
        for (part, numbers, columns) in [("inputs", &inputs, width), ("targets", &targets, depth)] {
            let view = MatrixView::row_major(numbers, examples, columns);
            if let Some((example, component, value)) = view.first_non_finite() {
                return Err(DataError::NonFinite { part, example, component, value });
            }
        }
        Ok(Self { inputs, targets, examples })
    }

    /// Examples of a function at uniform points of [-1, 1]^d, its values with independent normal
    /// errors of the standard deviation `noise`.
    ///
    /// The points do not depend on the noise.
    ///
    /// # Panics
    /// When no examples are asked for, or the noise is not a finite number.
    pub fn uniform(target: Target, examples: usize, noise: f64, rng: &mut impl Rng) -> Self {
        assert!(examples > 0 && noise.is_finite(), "{examples} examples with noise {noise}");
        let width = target.inputs();
        let inputs: Vec<f64> = (0..examples * width).map(|_| 2.0 * uniform(rng) - 1.0).collect();
        let mut targets: Vec<f64> =
            inputs.chunks_exact(width).flat_map(|x| target.value(x)).collect();
        if noise != 0.0 {
            targets.iter_mut().for_each(|value| *value += noise * standard_normal(rng));
        }
        Self { inputs, targets, examples }
    }

    /// The number of examples N.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// The inputs (N x d).
    pub fn inputs(&self) -> MatrixView<'_, f64> {
        MatrixView::row_major(&self.inputs, self.examples, self.inputs.len() / self.examples)
    }

    /// The targets (N x c).
    pub fn targets(&self) -> MatrixView<'_, f64> {
        MatrixView::row_major(&self.targets, self.examples, self.targets.len() / self.examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Stream;

    #[test]
    fn what_is_no_data_is_refused_with_its_numbers() {
        let error = Data::new(vec![1.0; 3], 2, vec![0.0], 1).unwrap_err().to_string();
        assert!(error.starts_with("3 numbers of 2 an input and 1 of 1 a target"), "{error}");
        assert!(Data::new(vec![], 1, vec![], 1).is_err());
        assert!(Data::new(vec![1.0], 1, vec![0.0], 0).is_err());
        let error = Data::new(vec![1.0; 2], 1, vec![0.0, f64::NAN], 1).unwrap_err().to_string();
        assert_eq!(error, "targets[1, 0] is NaN; examples are finite numbers");
    }

    #[test]
    fn noise_moves_the_targets_by_its_standard_deviation_and_no_input() {
        let sample =
            |noise| Data::uniform(Target::Sine, 10_000, noise, &mut Stream::new(1, "d").at(0));
        let (clean, noisy) = (sample(0.0), sample(0.1));
        assert_eq!(clean.inputs, noisy.inputs);
        assert!(clean.inputs.iter().all(|x| x.abs() <= 1.0));
        let errors = clean.targets.iter().zip(&noisy.targets).map(|(a, b)| (a - b) * (a - b));
        let variance = errors.sum::<f64>() / clean.examples() as f64;
        // Five standard errors of a variance, sqrt(2 / n) of itself each.
        assert!((variance / 0.01 - 1.0).abs() < 5.0 * (2.0 / 10_000f64).sqrt(), "{variance}");
    }
}
