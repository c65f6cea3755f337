//! Weights that are made from the images a network will learn from.

use super::description::{Description, LayerDescription};
use super::{Network, NetworkError};
use crate::layer::{ConvolutionGeometry, Initialization};
use crate::matrix::Matrix;
use crate::whitening::PatchCovariance;

/// The first layer of a network, where it whitens its input.
#[derive(Clone, Debug)]
pub struct Whitening {
    layer: String,
    images: usize,
    epsilon: f64,
    patches: PatchCovariance,
}

impl Description {
    /// What the whitening of the first layer needs, if it is to whiten.
    ///
    /// # Errors
    /// When the layer does not fit its images.
    pub fn whitening(&self) -> Result<Option<Whitening>, NetworkError> {
        let Some(LayerDescription::Convolution { name, geometry, initialization, .. }) =
            self.layers.first()
        else {
            return Ok(None);
        };
        let &Initialization::Whitening { images, epsilon } = initialization else {
            return Ok(None);
        };
        let ConvolutionGeometry { image, window, .. } = *geometry;
        let patches = PatchCovariance::new(image, window)
            .map_err(|source| NetworkError::shape(name, source))?;
        Ok(Some(Whitening { layer: name.clone(), images, epsilon, patches }))
    }
}

impl Whitening {
    /// Images that are wanted.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Takes the next images, a row an image, as far as they are wanted. Returns whether more are.
    ///
    /// # Panics
    /// When a row has not the numbers of an image.
    pub fn add(&mut self, images: &Matrix) -> bool {
        let wanted = (self.images - self.patches.images()).min(images.rows());
        self.patches.add(images, wanted);
        self.patches.images() < self.images
    }

    /// Puts the filters into the network that the description is of.
    pub fn fill(&self, network: &mut Network) {
        let (filters, weight) =
            (self.patches.filters(self.epsilon), format!("{}.weight", self.layer));
        network.visit_state(&mut |name, values| {
            if name == weight {
                values.copy_from_slice(&filters);
            }
        });
    }
}
