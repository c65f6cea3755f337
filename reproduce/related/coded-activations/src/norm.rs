//! What holds of a single layer: batch normalisation with its rectifier.

use kernels::InstructionSet;
use kernels::random::{Stream, standard_normal};
use training::layer::{
    BatchNorm, BatchNormSettings, CodeForm, CodeSettings, ImageShape, Layer, StepContext,
};
use training::matrix::Matrix;
use training::network::State;

/// Images that masks are looked at on, a pixel a channel.
const ROWS: usize = 200;

/// Scales and shifts of the channels of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// The masks of some channels: how many were wrong, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masks {
    /// Numbers that the rectifier let pass in the one and not in the other.
    pub wrong: usize,
    /// Numbers.
    pub all: usize,
}

impl Channels {
    /// Those of every normalisation in a network's state, one after another.
    pub fn of(state: &State) -> Self {
        let ending = |end: &str| -> Vec<f32> {
            let entries = state.iter().filter(|(name, _)| name.ends_with(end));
            entries.flat_map(|(_, numbers)| numbers.iter().copied()).collect()
        };
        Self { scale: ending(".scale"), shift: ending(".shift") }
    }

    /// Channels whose zero lies so many deviations above the mean, or below for negative ones.
    pub fn with_zero_at(deviations: f32, count: usize) -> Self {
        Self { scale: vec![1.0; count], shift: vec![-deviations; count] }
    }

    fn norm(&self, image: ImageShape, codes: Option<CodeSettings>) -> BatchNorm {
        let mut norm = BatchNorm::new(
            "norm",
            image,
            BatchNormSettings { codes, ..BatchNormSettings::new(true) },
        );
        norm.visit_state(&mut |name, numbers| match name {
            "norm.scale" => numbers.copy_from_slice(&self.scale),
            "norm.shift" => numbers.copy_from_slice(&self.shift),
            _ => {}
        });
        norm
    }

    /// How many masks are wrong if they are read from codes, for normally distributed numbers one of
    /// which in every channel lies far above all others.
    pub fn masks(&self, codes: CodeSettings, set: InstructionSet, stream: Stream) -> Masks {
        let image = ImageShape::new(self.scale.len(), 1, 1);
        let mut rng = stream.at(0);
        let draw = |place: usize| match place < image.len() {
            true => 80.0,
            false => standard_normal(&mut rng) as f32,
        };
        let numbers = (0..ROWS * image.len()).map(draw).collect();
        let numbers = Matrix::from_rows(ROWS, image.len(), numbers);
        let context = StepContext::training(set, stream, 0);
        let mut exact = self.norm(image, None);
        exact.forward(&context, &numbers);
        let mut coded = self.norm(image, Some(codes));
        coded.forward(&context, &numbers);
        coded.restore(&context);
        let pairs = coded.output().data().iter().zip(exact.output().data());
        let wrong = pairs.filter(|(found, exact)| (**found > 0.0) != (**exact > 0.0)).count();
        Masks { wrong, all: ROWS * image.len() }
    }
}

/// Images, channels and pixels that derivatives are looked at on.
const IMAGES: usize = 3;
const IMAGE: ImageShape = ImageShape { channels: 6, height: 3, width: 2 };
/// Of central differences in 64 bits.
const STEP: f64 = 1e-5;

/// The largest distance of a layer's gradients (of its input, its scale and its shift) to central
/// differences in 64 bits of the sum of its outputs weighted by random numbers, over one and the
/// difference itself.
pub fn deviation_of_gradients(
    codes: Option<CodeSettings>,
    set: InstructionSet,
    stream: Stream,
) -> f64 {
    let mut rng = stream.at(0);
    let mut draw = |count: usize| -> Vec<f32> {
        (0..count).map(|_| standard_normal(&mut rng) as f32).collect()
    };
    let (x, weights) = (draw(IMAGES * IMAGE.len()), draw(IMAGES * IMAGE.len()));
    let channels = Channels { scale: draw(IMAGE.channels), shift: draw(IMAGE.channels) };
    let mut layer = channels.norm(IMAGE, codes);
    let context = StepContext::training(set, stream, 0);
    let matrix = |numbers: &[f32]| Matrix::from_rows(IMAGES, IMAGE.len(), numbers.to_vec());
    let input = matrix(&x);
    layer.forward(&context, &input);
    layer.backward(&context, &input, &matrix(&weights), true);
    let mut found = layer.input_gradient().data().to_vec();
    layer.visit_parameters(&mut |parameter| {
        parameter.append_gradient(&mut found);
    });
    let wide = |numbers: &[f32]| -> Vec<f64> { numbers.iter().map(|x| f64::from(*x)).collect() };
    let weights = wide(&weights);
    let mut variables = [wide(&x), wide(&channels.scale), wide(&channels.shift)].concat();
    let mut worst = 0.0f64;
    for (place, &found) in found.iter().enumerate() {
        let before = variables[place];
        let mut at = |moved: f64| {
            variables[place] = before + moved;
            weighted_sum(&variables, &weights)
        };
        let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        variables[place] = before;
        worst = worst.max((f64::from(found) - slope).abs() / (1.0 + slope.abs()));
    }
    worst
}

/// The sum of the weighted outputs, of input, scale and shift one after another.
fn weighted_sum(variables: &[f64], weights: &[f64]) -> f64 {
    let (x, parameters) = variables.split_at(weights.len());
    let (scale, shift) = parameters.split_at(IMAGE.channels);
    let channel = |c: usize| {
        let of = || (0..x.len()).filter(move |i| i / IMAGE.pixels() % IMAGE.channels == c);
        let count = of().count() as f64;
        let mean = of().map(|i| x[i]).sum::<f64>() / count;
        let variance = of().map(|i| (x[i] - mean) * (x[i] - mean)).sum::<f64>() / count;
        let deviation = (variance + BatchNormSettings::new(true).epsilon).sqrt();
        of().map(|i| ((x[i] - mean) / deviation * scale[c] + shift[c]).max(0.0) * weights[i])
            .sum::<f64>()
    };
    (0..IMAGE.channels).map(channel).sum()
}

/// Codes of the backward pass with so many bits.
pub(crate) fn backward(bits: u32) -> CodeSettings {
    CodeSettings { bits, form: CodeForm::Backward }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(1, "norm")
    }

    #[test]
    fn gradients_without_codes_are_derivatives_and_those_with_codes_nearly() {
        let set = InstructionSet::detect();
        let deviation = |codes| deviation_of_gradients(codes, set, stream());
        assert!(deviation(None) < 1e-4, "{}", deviation(None));
        let coded = deviation(Some(backward(8)));
        assert!(coded > 1e-3 && coded < 0.2, "{coded}");
    }

    #[test]
    fn masks_are_exact_wherever_zero_is_but_for_bins_as_released() {
        let set = InstructionSet::detect();
        for deviations in [-5.0, -2.0, 0.0, 2.0, 5.0] {
            let channels = Channels::with_zero_at(deviations, 7);
            let wrong = |form| channels.masks(CodeSettings { bits: 4, form }, set, stream()).wrong;
            assert_eq!(wrong(CodeForm::Backward), 0, "{deviations}");
            assert_eq!(wrong(CodeForm::AsReleased) > 0, deviations > 3.0, "{deviations}");
        }
    }
}
