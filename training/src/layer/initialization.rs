//! How weights start.

use super::image_shape::Window;
use crate::setting::{FieldError, POSITIVE, count, number};
use kernels::random::{Stream, standard_normal, uniform};
use serde::{Deserialize, Serialize};

/// The distribution of the first weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Initialization {
    /// Uniform in +-1/sqrt(fan-in), the biases too (PyTorch's default).
    #[default]
    UniformFanIn,
    /// Uniform in +-gain sqrt(6 / (fan-in + fan-out)) (Glorot and Bengio 2010), biases zero.
    XavierUniform {
        /// The factor for the activation that follows; sqrt(2) for ReLU.
        gain: f64,
    },
    /// Normal with standard deviation sqrt(2 / fan-out) (He et al. 2015), biases zero.
    HeNormalFanOut,
    /// Normal with standard deviation sqrt(2 / fan-in) (He et al. 2015), biases zero.
    HeNormalFanIn,
    /// Of a convolution with C input and O output channels the first min(C, O) outputs are the
    /// inputs themselves (Zagoruyko and Komodakis 2017): 1 at the centre of the kernel from a
    /// channel to its own output, 0 elsewhere. All others are [`Self::UniformFanIn`].
    Dirac,
    /// The filters of a [`PatchCovariance`](crate::whitening::PatchCovariance), which need images
    /// and are zero without; biases zero. They are not learnt.
    Whitening {
        /// Training images that the filters are made from.
        images: usize,
        /// What is added to the eigenvalues.
        epsilon: f64,
    },
}

impl Initialization {
    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::XavierUniform { gain } => number("gain", *gain, POSITIVE),
            Self::Whitening { images, epsilon } => {
                count("images", *images)?;
                number("epsilon", *epsilon, POSITIVE)
            }
            Self::UniformFanIn | Self::HeNormalFanOut | Self::HeNormalFanIn | Self::Dirac => Ok(()),
        }
    }

    /// Whether the weights are learnt from there on; biases are.
    pub fn is_learnt(self) -> bool {
        !matches!(self, Self::Whitening { .. })
    }

    /// The weights and biases of a layer, from streams `weight` and `bias`.
    ///
    /// The fans are the numbers that one output is made of, and that one input goes into.
    pub(super) fn draw(
        self,
        (weights, biases): (usize, usize),
        (fan_in, fan_out): (usize, usize),
        stream: Stream,
    ) -> (Vec<f32>, Vec<f32>) {
        let uniform_in =
            |name: &str, bound, count| uniform_within(bound, count, stream.child(name));
        match self {
            Self::UniformFanIn | Self::Dirac => {
                let bound = 1.0 / (fan_in as f64).sqrt();
                (uniform_in("weight", bound, weights), uniform_in("bias", bound, biases))
            }
            Self::XavierUniform { gain } => {
                let bound = gain * (6.0 / (fan_in + fan_out) as f64).sqrt();
                (uniform_in("weight", bound, weights), vec![0.0; biases])
            }
            Self::HeNormalFanOut | Self::HeNormalFanIn => {
                let fan = if self == Self::HeNormalFanOut { fan_out } else { fan_in };
                let deviation = (2.0 / fan as f64).sqrt();
                let mut generator = stream.child("weight").at(0);
                let draw = |_| (deviation * standard_normal(&mut generator)) as f32;
                ((0..weights).map(draw).collect(), vec![0.0; biases])
            }
            Self::Whitening { .. } => (vec![0.0; weights], vec![0.0; biases]),
        }
    }
}

/// So many numbers, uniform in plus or minus a bound.
pub(super) fn uniform_within(bound: f64, count: usize, stream: Stream) -> Vec<f32> {
    let mut generator = stream.at(0);
    (0..count).map(|_| ((2.0 * uniform(&mut generator) - 1.0) * bound) as f32).collect()
}

/// Makes the first min(C, O) of O kernels of C x height x width the identity.
pub(super) fn place_identities(kernels: &mut [f32], inputs: usize, window: Window) {
    let centre = window.height / 2 * window.width + window.width / 2;
    let kernels = kernels.chunks_exact_mut(inputs * window.taps()).take(inputs);
    for (channel, kernel) in kernels.enumerate() {
        kernel.fill(0.0);
        kernel[channel * window.taps() + centre] = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_variance_of_their_distribution() {
        let (fans, count) = ((50, 200), 40_000);
        for (initialization, variance) in [
            (Initialization::UniformFanIn, 1.0 / (3.0 * 50.0)),
            (Initialization::Dirac, 1.0 / (3.0 * 50.0)),
            (Initialization::XavierUniform { gain: 2f64.sqrt() }, 2.0 * 2.0 / 250.0),
            (Initialization::HeNormalFanOut, 2.0 / 200.0),
            (Initialization::HeNormalFanIn, 2.0 / 50.0),
        ] {
            let stream = Stream::new(1, "initialization");
            let (weights, biases) = initialization.draw((count, 3), fans, stream);
            let squares: f64 = weights.iter().map(|&weight| f64::from(weight).powi(2)).sum();
            let found = squares / count as f64;
            // The second moment of the estimate is at most that of normal weights, 2 variance^2.
            let error = variance * (2.0 / count as f64).sqrt();
            assert!((found - variance).abs() < 5.0 * error, "{initialization:?}: {found}");
            let zero =
                !matches!(initialization, Initialization::UniformFanIn | Initialization::Dirac);
            assert!(biases.iter().all(|&bias| (bias == 0.0) == zero), "{initialization:?}");
        }
    }
}
