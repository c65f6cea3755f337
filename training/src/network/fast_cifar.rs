//! The fastest known networks for CIFAR-10 at 93 and 94 % (Jordan 2024, arXiv 2404.00498).

use super::layers::{self, LayerConfig, Misfit};
use super::{Description, NetworkError};
use crate::layer::{Activation, BatchNormSettings, ImageShape, Initialization};
use crate::setting::count;

/// Rows and columns of the patches that are whitened.
const PATCH: usize = 2;
/// Added to the eigenvalues of whitening.
const WHITENING_EPSILON: f64 = 5e-4;

/// The settings of [`fast_cifar`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FastCifar {
    /// Channels of the three groups: 64, 128, 128 is the network for 93 %, 64, 256, 256 that for
    /// 94 %.
    pub widths: [usize; 3],
    /// The activation of all of them.
    pub activation: Activation,
    /// Training images that the whitening filters are made from.
    pub whitening_images: usize,
}

/// A whitening convolution of 2x2 without padding, three groups, and a linear layer.
///
/// A group is a 3x3 convolution, a max-pool of 2x2, batch normalisation, activation, a second 3x3
/// convolution, normalisation, activation. The scales of normalisation are 1; running statistics
/// take 0.4 of each minibatch. Convolutions start as the identity as far as they can. The linear
/// layer reads the maximum over 3x3 pixels, has no bias, and its output is divided by 9. Sampled
/// are all convolutions but for the first two; nothing else is.
///
/// ```
/// use training::layer::{Activation, ImageShape};
/// use training::network::{FastCifar, fast_cifar};
/// let settings = FastCifar {
///     widths: [64, 128, 128],
///     activation: Activation::Gelu,
///     whitening_images: 5_000,
/// };
/// let network = fast_cifar(settings, ImageShape::new(3, 32, 32), 10)?;
/// assert_eq!(network.parameters(), 568_728);
/// assert_eq!(network.forward_multiply_adds(), 54_223_904);
/// # Ok::<(), training::network::NetworkError>(())
/// ```
///
/// # Errors
/// When a number is zero or the images are too small, which they are below 25 x 25.
pub fn fast_cifar(
    settings: FastCifar,
    image: ImageShape,
    classes: usize,
) -> Result<Description, NetworkError> {
    NetworkError::unless_positive("number of classes", classes)?;
    let layers = fast_cifar_layers(settings, image.channels)?;
    layers::describe(&layers, image, classes).map_err(Misfit::of_preset)
}

/// The layers of [`fast_cifar`] for images of so many channels.
///
/// # Errors
/// When a number is zero.
pub(super) fn fast_cifar_layers(
    settings: FastCifar,
    channels: usize,
) -> Result<Vec<LayerConfig>, NetworkError> {
    let FastCifar { widths, activation, whitening_images: images } = settings;
    for (group, &width) in widths.iter().enumerate() {
        count(&format!("widths[{group}]"), width)?;
    }
    count("whitening_images", images)?;
    let activation = LayerConfig::Activation { function: activation };
    let pool = |kernel| LayerConfig::MaxPool { kernel, stride: None, padding: 0 };
    let mut layers = vec![
        LayerConfig::Convolution {
            name: Some("whitening".to_owned()),
            // A filter of each sign for every number of a patch.
            channels: 2 * channels * PATCH * PATCH,
            kernel: PATCH,
            stride: 1,
            padding: 0,
            bias: true,
            initialization: Initialization::Whitening { images, epsilon: WHITENING_EPSILON },
            sampled: false,
        },
        activation.clone(),
    ];
    for (group, width) in (1..).zip(widths) {
        let name = |layer: &str| Some(format!("group-{group}.{layer}"));
        layers.extend([
            convolution(name("convolution-1"), width, group > 1),
            pool(2),
            norm(name("norm-1")),
            activation.clone(),
            convolution(name("convolution-2"), width, true),
            norm(name("norm-2")),
            activation.clone(),
        ]);
    }
    let linear = Some("linear".to_owned());
    layers.extend([
        pool(3),
        LayerConfig::Linear { name: linear, outputs: None, bias: false, sampled: false },
        LayerConfig::Scale { factor: 1.0 / 9.0 },
    ]);
    Ok(layers)
}

fn convolution(name: Option<String>, channels: usize, sampled: bool) -> LayerConfig {
    LayerConfig::Convolution {
        name,
        channels,
        kernel: 3,
        stride: 1,
        padding: 1,
        bias: false,
        initialization: Initialization::Dirac,
        sampled,
    }
}

fn norm(name: Option<String>) -> LayerConfig {
    let settings = BatchNormSettings {
        momentum: 0.4,
        epsilon: 1e-12,
        learns_scale: false,
        ..BatchNormSettings::new(false)
    };
    LayerConfig::BatchNorm { name, settings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Minibatch;
    use crate::layer::ParameterPattern;
    use crate::learner::Learner;
    use crate::matrix::Matrix;
    use crate::network::{Network, Product};
    use crate::optimizer::OptimizerConfig;
    use crate::sampling::{LayerPolicies, Mode, SamplingPolicy};
    use kernels::random::{Stream, standard_normal};
    use kernels::{Estimator, InstructionSet};

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 26, width: 25 };
    const BATCH: usize = 6;

    fn described(widths: [usize; 3], image: ImageShape, classes: usize) -> Description {
        let settings = FastCifar { widths, activation: Activation::Gelu, whitening_images: BATCH };
        fast_cifar(settings, image, classes).unwrap()
    }

    fn small() -> Description {
        described([4, 6, 8], IMAGE, 5)
    }

    fn frozen(pattern: &str) -> Vec<ParameterPattern> {
        vec![pattern.to_owned().try_into().unwrap()]
    }

    /// Multiply-adds of a training step for one sample.
    fn of_step(product: &Product<'_>) -> u64 {
        product.forward + product.input_gradient + product.weight_gradient
    }

    fn minibatch() -> Minibatch {
        let mut rng = Stream::new(3, "images").at(0);
        let numbers = (0..BATCH * IMAGE.len()).map(|_| standard_normal(&mut rng) as f32).collect();
        let labels = (0..BATCH).map(|sample| (sample % 5) as u16).collect();
        Minibatch {
            input: Matrix::from_rows(BATCH, IMAGE.len(), numbers),
            labels,
            continues: false,
        }
    }

    fn learner(policies: &LayerPolicies) -> Learner {
        let stream = Stream::new(1, "fast CIFAR");
        let mut network = small().build(policies, stream).unwrap();
        let mut whitening = small().whitening().unwrap().expect("the first layer whitens");
        assert!(!whitening.add(&minibatch().input), "no more images are wanted");
        whitening.fill(&mut network);
        let sgd = OptimizerConfig::Sgd {
            learning_rate: 0.5,
            momentum: 0.85,
            nesterov: true,
            weight_decay: 1e-3,
        };
        Learner::new(network, sgd, InstructionSet::detect(), stream)
    }

    fn values(network: &mut Network, wanted: &str) -> Vec<f32> {
        let state = network.state();
        state.into_iter().find(|(name, _)| name == wanted).expect("an entry of the state").1
    }

    #[test]
    fn counts_are_those_of_the_shapes() {
        let image = ImageShape::new(3, 32, 32);
        for (widths, parameters, forward, training, frozen_training) in [
            ([64, 128, 128], 568_728, 54_223_904, 162_118_176, 148_833_312),
            ([64, 256, 256], 1_971_352, 118_147_360, 353_888_544, 340_603_680),
        ] {
            let network = described(widths, image, 10);
            assert_eq!(network.parameters(), parameters);
            assert_eq!(network.forward_multiply_adds(), forward);
            let all: u64 = network.products().iter().map(of_step).sum();
            assert_eq!(all, training);
            let bias = frozen("whitening.bias");
            let all: u64 = network.products_without(&bias).iter().map(of_step).sum();
            assert_eq!(all, frozen_training);
        }
    }

    #[test]
    fn the_network_has_the_parameters_of_its_description() {
        let description = small();
        let mut names = Vec::new();
        let mut numbers = 0;
        learner(&LayerPolicies::default()).network().visit_parameters(&mut |parameter| {
            names.push(parameter.name.to_string());
            numbers += parameter.values.len() as u64;
        });
        let expected: Vec<String> =
            description.parameter_names().iter().map(ToString::to_string).collect();
        assert_eq!(names, expected);
        assert_eq!(numbers, description.parameters());
    }

    #[test]
    fn real_steps_compute_what_the_description_counts() {
        for mode in [None, Some(Mode::Forward), Some(Mode::Backward)] {
            let policy = mode.map(|mode| SamplingPolicy::new(Estimator::TopK, 0.5, 1, mode));
            let policies = LayerPolicies::uniform(policy);
            let mut learner = learner(&policies);
            learner.step(&minibatch()).unwrap();
            let expected = small().computations(BATCH, &policies).unwrap();
            assert_eq!(learner.network().take_computations(), expected, "{mode:?}");
        }
    }

    #[test]
    fn frozen_parameters_cost_nothing_and_stay() {
        for (pattern, wanted) in [
            ("whitening.bias", "whitening.bias"),
            ("group-2.convolution-1.*", "group-2.convolution-1.weight"),
            ("linear.*", "linear.weight"),
        ] {
            let mut learner = learner(&LayerPolicies::default());
            learner.step(&minibatch()).unwrap();
            let before = values(learner.network(), wanted);
            learner.network().take_computations();
            learner.network().freeze(frozen(pattern));
            learner.step(&minibatch()).unwrap();
            let expected: u64 =
                small().products_without(&frozen(pattern)).iter().map(of_step).sum();
            let found = learner.network().take_computations();
            assert_eq!(found.performed, BATCH as u64 * expected, "{pattern}");
            assert_eq!(values(learner.network(), wanted), before, "{pattern}");
            learner.network().freeze(Vec::new());
            learner.step(&minibatch()).unwrap();
            assert_ne!(values(learner.network(), wanted), before, "{pattern}");
        }
    }

    #[test]
    fn freezing_the_first_layer_changes_no_other_gradient() {
        let after = |freeze: bool| {
            let mut learner = learner(&LayerPolicies::default());
            if freeze {
                learner.network().freeze(frozen("whitening.bias"));
            }
            learner.step(&minibatch()).unwrap();
            let mut state = learner.network().state();
            state.retain(|(name, _)| name != "whitening.bias");
            state
        };
        assert!(after(true) == after(false));
    }

    #[test]
    fn a_minibatch_is_learnt_by_heart() {
        let mut learner = learner(&LayerPolicies::default());
        let losses: Vec<f64> =
            (0..40).map(|_| learner.step(&minibatch()).unwrap().mean()).collect();
        assert!(losses[39] < 0.3 * losses[0], "{losses:?}");
    }

    #[test]
    fn a_step_keeps_what_its_footprint_says_and_not_several_times_as_much() {
        let mut learner = learner(&LayerPolicies::default());
        learner.step(&minibatch()).unwrap();
        let expected = small().footprint(BATCH).activations;
        let images = (BATCH * IMAGE.len() * size_of::<f32>()) as f64;
        let measured = images + learner.network().memory().peak_bytes() as f64;
        assert!((expected..=3.0 * expected).contains(&measured), "{measured} and {expected}");
    }
}
