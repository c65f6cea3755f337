//! Networks as shapes: what they are made of, counted and built.
//!
//! A description holds no weights, so the counts of the largest networks are instant, and the
//! network built from it has those very layers.

use super::{Network, NetworkError};
use crate::layer::{
    Activation, ActivationLayer, AveragePool, BatchNorm, BatchNormSettings, Chain, CodeSettings,
    Convolution, ConvolutionGeometry, Dropout, DropoutChannels, ImageShape, Initialization, Layer,
    Linear, MaxPool, ParameterName, ParameterPattern, PoolAndPad, Residual, Scale, Window,
    is_frozen,
};
use crate::sampling::LayerPolicies;
use crate::setting::FieldError;
use kernels::random::Stream;

/// One layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerDescription {
    /// A [`Linear`] layer.
    Linear {
        /// Its name.
        name: String,
        /// Input features.
        inputs: usize,
        /// Output features.
        outputs: usize,
        /// Whether it has biases.
        bias: bool,
        /// Whether it is sampled where its policy does not say otherwise.
        sampled: bool,
    },
    /// A [`Convolution`].
    Convolution {
        /// Its name.
        name: String,
        /// Its sizes.
        geometry: ConvolutionGeometry,
        /// Whether it has biases.
        bias: bool,
        /// How its weights start.
        initialization: Initialization,
        /// Whether it is sampled where its policy does not say otherwise.
        sampled: bool,
    },
    /// A [`BatchNorm`].
    BatchNorm {
        /// Its name.
        name: String,
        /// The images it is given.
        image: ImageShape,
        /// Its settings.
        settings: BatchNormSettings,
    },
    /// An [`ActivationLayer`].
    Activation(Activation),
    /// A [`Scale`] by this factor.
    Scale(f32),
    /// A [`MaxPool`].
    MaxPool {
        /// Its name.
        name: String,
        /// The images it is given.
        image: ImageShape,
        /// Its window.
        window: Window,
    },
    /// An [`AveragePool`].
    AveragePool {
        /// The images it is given.
        image: ImageShape,
    },
    /// A [`PoolAndPad`].
    PoolAndPad {
        /// Its name.
        name: String,
        /// The images it is given.
        image: ImageShape,
        /// Rows and columns of the squares.
        side: usize,
        /// Channels of its output.
        channels: usize,
    },
    /// A [`Dropout`].
    Dropout {
        /// Its name.
        name: String,
        /// The probability of a zero.
        rate: f64,
    },
    /// A [`DropoutChannels`].
    DropoutChannels {
        /// Its name.
        name: String,
        /// The images it is given.
        image: ImageShape,
        /// The probability of a zero.
        rate: f64,
    },
    /// A [`Residual`] block.
    Residual {
        /// The branch with the work.
        main: Vec<LayerDescription>,
        /// The other branch; the identity where it has no layer.
        shortcut: Vec<LayerDescription>,
        /// Whether the sum is rectified.
        rectified: bool,
    },
}

/// A network without its weights.
///
/// ```
/// use training::layer::ImageShape;
/// use training::network::resnet;
/// let network = resnet(50, ImageShape::new(3, 224, 224), 1000)?;
/// assert_eq!(network.parameters(), 25_557_032);
/// # Ok::<(), training::network::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The layers, from input to logits.
    pub layers: Vec<LayerDescription>,
}

impl Description {
    /// The network, its weights drawn from the stream.
    ///
    /// # Errors
    /// When a policy is out of range or names no layer, or a layer does not fit its images.
    pub fn build(&self, policies: &LayerPolicies, stream: Stream) -> Result<Network, NetworkError> {
        self.check(policies)?;
        let layers = build_all(&self.layers, policies, stream)?;
        if layers.is_empty() { Err(NetworkError::Empty) } else { Ok(Network::new(layers)) }
    }

    /// Checks that every layer can compute minibatches of so many samples.
    ///
    /// # Errors
    /// Names the first convolution with a tensor that is too large.
    pub fn check_batch(&self, batch: usize) -> Result<(), NetworkError> {
        check_batch(&self.layers, batch)
    }

    /// Whether a layer normalises by statistics of the minibatch.
    pub fn has_batch_norm(&self) -> bool {
        has_batch_norm(&self.layers)
    }

    /// The same network, with such codes for the backward pass in every batch normalisation that is
    /// rectified.
    ///
    /// # Errors
    /// When the codes are out of their range, or there is no such layer.
    pub fn with_codes(mut self, codes: CodeSettings) -> Result<Self, NetworkError> {
        codes.check().map_err(|error| error.within("codes"))?;
        if set_codes(&mut self.layers, codes) == 0 {
            let expected = "nothing for a network without a batch normalisation that is rectified";
            return Err(FieldError::new("codes", codes, expected).into());
        }
        Ok(self)
    }

    /// Numbers that are learnt: weights, biases, scales and shifts; at most `u64::MAX`.
    pub fn parameters(&self) -> u64 {
        let mut count = 0u64;
        visit_parameters(&self.layers, &mut |_, numbers| count = count.saturating_add(numbers));
        count
    }

    /// The names of all parameters, in the network's order.
    pub fn parameter_names(&self) -> Vec<ParameterName<'_>> {
        let mut names = Vec::new();
        visit_parameters(&self.layers, &mut |name, _| names.push(name));
        names
    }
}

fn check_batch(layers: &[LayerDescription], batch: usize) -> Result<(), NetworkError> {
    layers.iter().try_for_each(|layer| match layer {
        LayerDescription::Convolution { name, geometry, .. } => {
            let shape = geometry.shape(batch);
            shape.map(|_| ()).map_err(|source| NetworkError::shape(name, source))
        }
        LayerDescription::Residual { main, shortcut, .. } => {
            check_batch(main, batch)?;
            check_batch(shortcut, batch)
        }
        _ => Ok(()),
    })
}

fn has_batch_norm(layers: &[LayerDescription]) -> bool {
    layers.iter().any(|layer| match layer {
        LayerDescription::BatchNorm { .. } => true,
        LayerDescription::Residual { main, shortcut, .. } => {
            has_batch_norm(main) || has_batch_norm(shortcut)
        }
        _ => false,
    })
}

/// Sets the codes of batch normalisations that are rectified; returns how many these are.
fn set_codes(layers: &mut [LayerDescription], codes: CodeSettings) -> usize {
    let set = |layer: &mut LayerDescription| match layer {
        LayerDescription::BatchNorm { settings, .. } if settings.rectified => {
            settings.codes = Some(codes);
            1
        }
        LayerDescription::Residual { main, shortcut, .. } => {
            set_codes(main, codes) + set_codes(shortcut, codes)
        }
        _ => 0,
    };
    layers.iter_mut().map(set).sum()
}

/// Calls `visit` on the name of every parameter and how many numbers it has.
fn visit_parameters<'a>(
    layers: &'a [LayerDescription],
    visit: &mut dyn FnMut(ParameterName<'a>, u64),
) {
    for layer in layers {
        match layer {
            LayerDescription::Linear { name, inputs, outputs, bias, .. } => {
                let weights = (*inputs as u64).saturating_mul(*outputs as u64);
                visit(ParameterName { layer: name, part: "weight" }, weights);
                if *bias {
                    visit(ParameterName { layer: name, part: "bias" }, *outputs as u64);
                }
            }
            LayerDescription::Convolution { name, geometry, bias, initialization, .. } => {
                if initialization.is_learnt() {
                    let weights = geometry.weights() as u64;
                    visit(ParameterName { layer: name, part: "weight" }, weights);
                }
                if *bias {
                    visit(ParameterName { layer: name, part: "bias" }, geometry.outputs as u64);
                }
            }
            LayerDescription::BatchNorm { name, image, settings } => {
                let channels = image.channels as u64;
                if settings.learns_scale {
                    visit(ParameterName { layer: name, part: "scale" }, channels);
                }
                visit(ParameterName { layer: name, part: "shift" }, channels);
            }
            LayerDescription::Residual { main, shortcut, .. } => {
                visit_parameters(main, visit);
                visit_parameters(shortcut, visit);
            }
            LayerDescription::Activation(_)
            | LayerDescription::Scale(_)
            | LayerDescription::MaxPool { .. }
            | LayerDescription::AveragePool { .. }
            | LayerDescription::PoolAndPad { .. }
            | LayerDescription::Dropout { .. }
            | LayerDescription::DropoutChannels { .. } => {}
        }
    }
}

/// Whether a layer has a parameter that is not frozen.
pub(super) fn learns(layer: &LayerDescription, frozen: &[ParameterPattern]) -> bool {
    let mut learns = false;
    visit_parameters(std::slice::from_ref(layer), &mut |name, _| {
        learns |= !is_frozen(frozen, name);
    });
    learns
}

fn build_all(
    layers: &[LayerDescription],
    policies: &LayerPolicies,
    stream: Stream,
) -> Result<Vec<Box<dyn Layer>>, NetworkError> {
    layers.iter().map(|layer| build(layer, policies, stream)).collect()
}

fn build(
    layer: &LayerDescription,
    policies: &LayerPolicies,
    stream: Stream,
) -> Result<Box<dyn Layer>, NetworkError> {
    Ok(match layer {
        LayerDescription::Linear { name, inputs, outputs, bias, sampled } => {
            let policy = policies.of(name, *sampled);
            let layer = Linear::new(name, *inputs, *outputs, policy, stream.child(name));
            Box::new(if *bias { layer } else { layer.without_bias() })
        }
        LayerDescription::Convolution { name, geometry, bias, initialization, sampled } => {
            let (policy, stream) = (policies.of(name, *sampled), stream.child(name));
            let layer = Convolution::new(name, *geometry, *bias, *initialization, policy, stream);
            Box::new(layer.map_err(|source| NetworkError::shape(name, source))?)
        }
        LayerDescription::BatchNorm { name, image, settings } => {
            Box::new(BatchNorm::new(name, *image, *settings))
        }
        LayerDescription::Activation(activation) => Box::new(ActivationLayer::new(*activation)),
        LayerDescription::Scale(factor) => Box::new(Scale::new(*factor)),
        LayerDescription::MaxPool { name, image, window } => {
            let layer = MaxPool::new(*image, *window);
            Box::new(layer.map_err(|source| NetworkError::Pool { layer: name.clone(), source })?)
        }
        LayerDescription::AveragePool { image } => Box::new(AveragePool::new(*image)),
        LayerDescription::PoolAndPad { name, image, side, channels } => {
            let layer = PoolAndPad::new(*image, *side, *channels);
            let of = |source| NetworkError::PoolAndPad { layer: name.clone(), source };
            Box::new(layer.map_err(of)?)
        }
        LayerDescription::Dropout { name, rate } => Box::new(Dropout::new(name, *rate)),
        LayerDescription::DropoutChannels { name, image, rate } => {
            Box::new(DropoutChannels::new(name, *image, *rate))
        }
        LayerDescription::Residual { main, shortcut, rectified } => {
            let main = Chain::new(build_all(main, policies, stream)?);
            let shortcut = build_all(shortcut, policies, stream)?;
            let shortcut = (!shortcut.is_empty()).then(|| Chain::new(shortcut));
            let block = Residual::new(main, shortcut);
            Box::new(if *rectified { block.rectified() } else { block })
        }
    })
}
