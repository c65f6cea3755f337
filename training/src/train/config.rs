//! The settings of a training run.

use super::BatchNormStatistics;
use crate::data::{Augmentation, EVALUATION_BATCH};
use crate::layer::ImageShape;
use crate::network::{Description, Network, NetworkConfig, NetworkError};
use crate::optimizer::{OptimizerConfig, Schedule};
use crate::sampling::LayerPolicies;
use crate::setting::{FieldError, count};
use kernels::random::Stream;
use serde::{Deserialize, Serialize};

/// A training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// What is trained.
    pub network: NetworkConfig,
    /// Samples in a minibatch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// How gradients change parameters.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes from epoch to epoch.
    #[serde(default)]
    pub schedule: Schedule,
    /// How the products of each layer are sampled.
    #[serde(default)]
    pub policies: LayerPolicies,
    /// First epochs that are exact whatever the policies.
    #[serde(default)]
    pub exact_epochs: usize,
    /// How training images are changed at random, every epoch anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// The statistics that batch normalisation uses in evaluations.
    #[serde(default, skip_serializing_if = "BatchNormStatistics::is_running")]
    pub batch_norm_statistics: BatchNormStatistics,
    /// Where all randomness of the run starts.
    pub seed: u64,
}

impl TrainingConfig {
    /// Checks every setting but for those that depend on the data.
    ///
    /// # Errors
    /// On the first one out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("batch_size", self.batch_size)?;
        count("epochs", self.epochs)?;
        self.network.check().map_err(|error| error.within("network"))?;
        self.optimizer.check().map_err(|error| error.within("optimizer"))?;
        self.schedule.check().map_err(|error| error.within("schedule"))?;
        if let BatchNormStatistics::ReEstimated { minibatches } = self.batch_norm_statistics {
            let within = |error: FieldError| error.within("batch_norm_statistics");
            count("minibatches", minibatches).map_err(within)?;
        }
        Ok(())
    }

    /// Checks the settings that depend on the images' shorter side.
    ///
    /// # Errors
    /// When the augmentation makes no sense for them.
    pub fn check_images(&self, side: usize) -> Result<(), FieldError> {
        let augmentation = self.augmentation.unwrap_or_default();
        augmentation.check(side).map_err(|error| error.within("augmentation"))
    }

    /// The network for so many images of this shape, which can compute every minibatch of a run.
    ///
    /// # Errors
    /// When the network does not exist in this size, or does not fit the images, minibatches or
    /// evaluations.
    pub fn describe(
        &self,
        image: ImageShape,
        classes: usize,
        images: usize,
    ) -> Result<Description, NetworkError> {
        let description = self.network.describe(image, classes)?;
        let batch = self.batch_size.min(images);
        description.check_batch(batch).map_err(|error| {
            let expected = format!("a minibatch that fits the network: {error}");
            FieldError::new("batch_size", self.batch_size, expected)
        })?;
        description.check_batch(EVALUATION_BATCH)?;
        Ok(description)
    }

    /// The network before its first step, for images of this shape.
    ///
    /// # Errors
    /// When the network does not exist in this size, or cannot be sampled as the policies say.
    pub fn build(&self, image: ImageShape, classes: usize) -> Result<Network, NetworkError> {
        let description = self.network.describe(image, classes)?;
        description.build(&self.policies, self.stream().child("initialisation"))
    }

    /// Where all randomness of the run comes from.
    pub(super) fn stream(&self) -> Stream {
        Stream::new(self.seed, "training")
    }
}
