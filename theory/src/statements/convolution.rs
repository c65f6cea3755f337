//! T1 and T2 for convolutions: sums over channels or images, sampled like sums over pairs.

use crate::claim::{CheckError, Claim, Settings};
use crate::controls::Mistake;
use crate::extremes::largest;
use crate::moments::ROUNDINGS;
use crate::sampler::Sampler;
use crate::verdict::{Exact, Verdict, worst};
use kernels::convolution::scores::{
    input_channel_norms_into, input_image_norms_into, kernel_input_norms_into,
    kernel_output_norms_into, output_channel_norms_into, output_image_norms_into,
};
use kernels::convolution::{
    ConvolutionShape, ShapeError, convolve_selected, input_gradient_selected,
    kernel_gradient_selected,
};
use kernels::random::{Stream, standard_normal};
use kernels::scores::pair_scores;
use kernels::{Estimator, InstructionSet, Selection};

/// T1.
pub static UNBIASED: Claim = Claim::new(
    "T1.convolution",
    "Unbiasedness of sampled convolutions",
    "The mean of a convolution over sampled input channels, of its input gradient over sampled \
     output channels and of its kernel gradient over sampled images is the exact one.",
    r"\mathbb{E}\sum_{c\in S}s_c\,X_c*K_c=\sum_cX_c*K_c",
    "proved in paper-notes/convolution.md",
    "convolution.md",
);

/// T2.
pub static VARIANCE: Claim = Claim::new(
    "T2.convolution",
    "Variance of sampled convolutions",
    "The mean squared errors are those of matrix products with the norm of a channel's contribution \
     in the place of its score.",
    r"\mathbb{E}\|\hat Y-Y\|^2=\frac1k\Bigl(\sum_c\frac{\|Y_c\|^2}{p_c}-\|Y\|^2\Bigr),\quad\sum_c\frac{1-p_c}{p_c}\|Y_c\|^2",
    "proved in paper-notes/convolution.md",
    "convolution.md",
);

/// The bound on a contribution.
pub static BOUND: Claim = Claim::new(
    "T2.convolution-score",
    "The score of a channel bounds its contribution",
    "The contribution of a channel is at most the root of the number of taps times its score.",
    r"\|X_c*K_c\|_F\le\sqrt{k_hk_w}\,\|X_c\|_F\|K_c\|_F",
    "proved in paper-notes/convolution.md",
    "convolution.md",
);

/// Which of the three sums of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// Over input channels.
    Output,
    /// Over output channels.
    InputGradient,
    /// Over images.
    KernelGradient,
}

impl Sum {
    const ALL: [Self; 3] = [Self::Output, Self::InputGradient, Self::KernelGradient];

    fn name(self) -> &'static str {
        match self {
            Self::Output => "output over input channels",
            Self::InputGradient => "input gradient over output channels",
            Self::KernelGradient => "kernel gradient over images",
        }
    }
}

/// A convolution with its two tensors and the gradient of its output.
struct Case {
    name: String,
    shape: ConvolutionShape,
    input: Vec<f64>,
    kernels: Vec<f64>,
    output_gradient: Vec<f64>,
}

impl Case {
    fn new(name: String, shape: ConvolutionShape, mut number: impl FnMut() -> f64) -> Self {
        let mut fill = |length: usize| (0..length).map(|_| number()).collect::<Vec<f64>>();
        let (input, kernels) = (fill(shape.input_len()), fill(shape.kernel_len()));
        Self { name, shape, input, kernels, output_gradient: fill(shape.output_len()) }
    }

    fn scores(&self, set: InstructionSet, sum: Sum) -> Vec<f64> {
        let shape = &self.shape;
        let length = match sum {
            Sum::Output => shape.input_channels(),
            Sum::InputGradient => shape.output_channels(),
            Sum::KernelGradient => shape.batch(),
        };
        let (mut left, mut right) = (vec![0.0; length], vec![0.0; length]);
        match sum {
            Sum::Output => {
                input_channel_norms_into(set, shape, &self.input, &mut left);
                kernel_input_norms_into(set, shape, &self.kernels, &mut right);
            }
            Sum::InputGradient => {
                output_channel_norms_into(set, shape, &self.output_gradient, &mut left);
                kernel_output_norms_into(set, shape, &self.kernels, &mut right);
            }
            Sum::KernelGradient => {
                input_image_norms_into(set, shape, &self.input, &mut left);
                output_image_norms_into(set, shape, &self.output_gradient, &mut right);
            }
        }
        pair_scores(&left, &right)
    }

    fn estimate(&self, set: InstructionSet, sum: Sum, kept: &Selection) -> Vec<f64> {
        let (shape, gradient) = (&self.shape, &self.output_gradient);
        match sum {
            Sum::Output => {
                let mut output = vec![0.0; shape.output_len()];
                convolve_selected(set, shape, &self.input, &self.kernels, kept, &mut output);
                output
            }
            Sum::InputGradient => {
                let mut output = vec![0.0; shape.input_len()];
                input_gradient_selected(set, shape, gradient, &self.kernels, kept, &mut output);
                output
            }
            Sum::KernelGradient => {
                let mut output = vec![0.0; shape.kernel_len()];
                kernel_gradient_selected(set, shape, &self.input, gradient, kept, &mut output);
                output
            }
        }
    }

    /// |Y_c|_F of every term alone.
    fn term_norms(&self, set: InstructionSet, sum: Sum) -> Result<Vec<f64>, CheckError> {
        let terms = self.scores(set, sum).len();
        let norm = |term: usize| {
            let alone = Selection::new(vec![term as u32], vec![1.0], terms)?;
            Ok(norm_squared(&self.estimate(set, sum, &alone)).sqrt())
        };
        (0..terms).map(norm).collect()
    }
}

fn norm_squared(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |sum, x| x.mul_add(*x, sum))
}

fn shapes() -> Result<[(&'static str, ConvolutionShape); 3], ShapeError> {
    Ok([
        ("1 x 1", ConvolutionShape::new(4, [4, 3, 2], [4, 1, 1], 1, 0)?),
        ("3 x 3, padded", ConvolutionShape::new(4, [4, 4, 4], [4, 3, 3], 1, 1)?),
        ("3 x 2, stride 2", ConvolutionShape::new(4, [4, 5, 4], [4, 3, 2], 2, 1)?),
    ])
}

/// Gaussian tensors and constant ones, for every shape.
fn cases(seed: u64) -> Result<Vec<Case>, CheckError> {
    let mut found = Vec::new();
    for (name, shape) in shapes()? {
        let mut rng = Stream::new(seed, "convolution").child(name).at(0);
        found.push(Case::new(format!("{name}, Gaussian"), shape, || standard_normal(&mut rng)));
        found.push(Case::new(format!("{name}, constant"), shape, || 1.0));
    }
    Ok(found)
}

/// Bias and variance of every sum of every case by enumeration, k = 2 of 4.
fn moments(settings: &Settings, sampler: Sampler) -> Result<Vec<Verdict>, CheckError> {
    const K: usize = 2;
    let (mut biases, mut variances) = (Vec::new(), Vec::new());
    for case in cases(settings.seed)? {
        for sum in Sum::ALL {
            let scores = case.scores(settings.set, sum);
            let outcomes = sampler.outcomes(&scores, K)?;
            let exact = case.estimate(settings.set, sum, &Selection::all(scores.len()));
            let mut mean: Vec<f64> = exact.iter().map(|x| -x).collect();
            let (mut square, mut norms) = (0.0, vec![norm_squared(&exact).sqrt()]);
            for outcome in &outcomes {
                let estimate = case.estimate(settings.set, sum, &outcome.selection);
                let error: Vec<f64> = estimate.iter().zip(&exact).map(|(x, y)| x - y).collect();
                mean.iter_mut()
                    .zip(&estimate)
                    .for_each(|(sum, x)| *sum = outcome.probability.mul_add(*x, *sum));
                square += outcome.probability * norm_squared(&error);
                norms.push(norm_squared(&estimate).sqrt());
            }
            let largest = largest(norms);
            let how = Exact::Enumerated(outcomes.len());
            let check = format!("enumeration of {sampler}, {}: {}", sum.name(), case.name);
            let allowed = ROUNDINGS * f64::EPSILON;
            biases.push(Verdict::exact(
                &UNBIASED,
                check.clone(),
                norm_squared(&mean).sqrt() / largest,
                0.0,
                allowed,
                how,
                "The mean of a sampled convolution is not the exact one.",
            ));
            let norms = case.term_norms(settings.set, sum)?;
            let law = sampler.estimator.law(&scores, K)?;
            let prediction = law
                .expected_squared_error_from_norms(&norms, norm_squared(&exact))
                .ok_or(CheckError::NothingChecked)?;
            variances.push(Verdict::exact(
                &VARIANCE,
                check,
                square / (largest * largest),
                prediction / (largest * largest),
                allowed,
                how,
                "The error of a sampled convolution is not what the formula says.",
            ));
        }
    }
    Ok(vec![worst(biases)?, worst(variances)?])
}

/// |Y_c| over its bound, with the number of taps of `taps`.
fn bound(
    settings: &Settings,
    name: &'static str,
    taps: impl Fn(&ConvolutionShape) -> usize,
) -> Result<Verdict, CheckError> {
    let mut found = Vec::new();
    for case in cases(settings.seed)? {
        let scores = case.scores(settings.set, Sum::Output);
        let norms = case.term_norms(settings.set, Sum::Output)?;
        let ratios = norms.iter().zip(&scores).map(|(norm, score)| norm / score);
        found.push(Verdict::at_most(
            &BOUND,
            format!("largest contribution over score, {name}: {}", case.name),
            largest(ratios),
            (taps(&case.shape) as f64).sqrt(),
            ROUNDINGS * f64::EPSILON,
            Exact::ClosedForm(scores.len()),
            "Channels of small score can contribute more than the sampler expects.",
        ));
    }
    worst(found)
}

/// Mean, variance and the bound on contributions.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = moments(settings, Sampler::right(Estimator::ColumnRow))?;
    found.extend(moments(settings, Sampler::right(Estimator::Bernoulli))?);
    found.push(bound(settings, "all taps", ConvolutionShape::taps)?);
    Ok(found)
}

/// Samplers with a mistake, and the bound of a matrix product called that of a convolution: each
/// must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for estimator in [Estimator::ColumnRow, Estimator::Bernoulli] {
        for mistake in [Mistake::MissingScale, Mistake::ScaleOfNextBudget] {
            found.extend(moments(settings, Sampler::wrong(estimator, mistake))?);
        }
    }
    found.push(bound(settings, "one tap", |_| 1)?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn sampled_convolutions_have_their_moments_and_controls_are_rejected() {
        assert_passed(checks);
        assert_rejected(controls);
    }
}
