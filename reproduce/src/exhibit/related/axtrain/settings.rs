//! The settings, and what is wrong with them.

use axtrain::experiment::Settings;
use axtrain::network::Shape;
use serde::{Deserialize, Serialize};
use training::setting::count_within;

use crate::exhibit::settings::{FieldError, MOST_REPEATS};
use crate::images::ImageConfig;
use crate::memory::Need;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxTrain {
    /// What is trained, and with what it is tested.
    pub networks: Settings,
    /// The images.
    pub images: ImageConfig,
    /// Repetitions.
    pub seeds: usize,
}

impl AxTrain {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        self.networks.check().map_err(|error| error.within("networks"))?;
        self.images.check().map_err(|error| error.within("images"))?;
        self.layers().map_err(|error| error.within("networks.training"))?;
        // Differences between arms have intervals over the seeds.
        count_within("seeds", self.seeds, 2..=MOST_REPEATS)
    }

    /// The layers for the images; none where their shape is not known before they are read.
    fn layers(&self) -> Result<Vec<Shape>, FieldError> {
        let layers = |(image, classes)| self.networks.training.hidden.layers(image, classes);
        self.images.shape().map_or(Ok(Vec::new()), layers)
    }

    /// What is kept in memory: the images, the test images as numbers, and what convolutions give
    /// for them.
    pub fn memory(&self) -> Vec<Need> {
        let features = self.images.shape().map_or(0, |(image, _)| image.len());
        let layers = self.layers().unwrap_or_default();
        let sums = layers.iter().filter(|layer| layer.patches.is_some());
        let sums = sums.map(|layer| layer.positions() * layer.outputs).max().unwrap_or(0);
        let sides = [[self.images.test, features], [self.images.test, sums]];
        vec![
            Need::new("images", self.images.train, 2.0 * self.images.bytes()),
            Need::of_matrices("images.test", self.images.test, &sides, size_of::<f32>()),
        ]
    }
}
