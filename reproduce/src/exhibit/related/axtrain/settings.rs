//! The settings, and what is wrong with them.

use axtrain::experiment::Settings;
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
        // Differences between arms have intervals over the seeds.
        count_within("seeds", self.seeds, 2..=MOST_REPEATS)
    }

    /// What is kept in memory: the images, and the test images as numbers.
    pub fn memory(&self) -> Vec<Need> {
        let features = self.images.shape().map_or(0, |(image, _)| image.len());
        let sides = [[self.images.test, features]];
        vec![
            Need::new("images", self.images.train, 2.0 * self.images.bytes()),
            Need::of_matrices("images.test", self.images.test, &sides, size_of::<f32>()),
        ]
    }
}
