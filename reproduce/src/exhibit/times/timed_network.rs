//! A network whose steps are timed, on random images.

use kernels::InstructionSet;
use kernels::random::{Stream, below, standard_normal};
use serde::{Deserialize, Serialize};
use training::data::Minibatch;
use training::layer::ImageShape;
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::{Description, Footprint, Network, NetworkConfig, NetworkError};
use training::optimizer::OptimizerConfig;
use training::sampling::{LayerPolicies, SamplingPolicy};
use training::setting::{count, distinct};

use crate::exhibit::settings::FieldError;
use crate::memory::Need;

/// A network with its images and its optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedNetwork {
    /// The network.
    pub network: NetworkConfig,
    /// The shape of its images.
    pub image: ImageShape,
    /// How many classes they have.
    pub classes: usize,
    /// Images of a minibatch.
    pub batch_size: usize,
    /// The least number of pairs kept in a product.
    pub minimal_k: usize,
    /// How gradients change its weights.
    pub optimizer: OptimizerConfig,
}

impl TimedNetwork {
    /// Checks that there is such a network, and that it can compute its minibatches.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        count("batch_size", self.batch_size)?;
        count("minimal_k", self.minimal_k)?;
        self.optimizer.check().map_err(|error| error.within("optimizer"))?;
        let network = self.network.describe(self.image, self.classes);
        let network = network.map_err(NetworkError::in_settings)?;
        network.check_batch(self.batch_size).map_err(|error| {
            let expected = format!("a minibatch that fits the network: {error}");
            FieldError::new("batch_size", self.batch_size, expected)
        })?;
        let whitening = network.whitening().map_err(NetworkError::in_settings)?;
        match whitening.map_or(0, |whitening| whitening.images()) {
            images if images > self.batch_size => {
                let expected = format!("at most the {} images of a minibatch", self.batch_size);
                Err(FieldError::new("network.whitening_images", images, expected))
            }
            _ => Ok(()),
        }
    }

    /// A learner of it before its first step; where the network whitens, by these images.
    ///
    /// # Errors
    /// When the network cannot be built, or not be sampled.
    pub fn learner(
        &self,
        policy: Option<SamplingPolicy>,
        images: &[Minibatch],
        stream: Stream,
        set: InstructionSet,
    ) -> Result<Learner, NetworkError> {
        let description = self.network.describe(self.image, self.classes)?;
        let network = built(&description, policy, images, stream)?;
        Ok(Learner::new(network, self.optimizer, set, stream))
    }

    /// Minibatches of independent normal numbers: times do not depend on what images show.
    pub fn minibatches(&self, count: usize, stream: Stream) -> Vec<Minibatch> {
        let minibatch = |number| {
            let mut generator = stream.at(number);
            let numbers = self.batch_size * self.image.len();
            let pixels = (0..numbers).map(|_| standard_normal(&mut generator) as f32).collect();
            let input = Matrix::from_rows(self.batch_size, self.image.len(), pixels);
            let labels =
                (0..self.batch_size).map(|_| below(&mut generator, self.classes) as u16).collect();
            Minibatch { input, labels, continues: false }
        };
        (0..count as u64).map(minibatch).collect()
    }
}

/// A network before its first step; where it whitens, by these images.
///
/// # Errors
/// When the network cannot be built, or not be sampled.
pub fn built(
    description: &Description,
    policy: Option<SamplingPolicy>,
    images: &[Minibatch],
    stream: Stream,
) -> Result<Network, NetworkError> {
    let policies = LayerPolicies::uniform(policy);
    let mut network = description.build(&policies, stream.child("initialisation"))?;
    if let Some(mut whitening) = description.whitening()? {
        for minibatch in images {
            whitening.add(&minibatch.input);
        }
        whitening.fill(&mut network);
    }
    Ok(network)
}

/// Checks all networks of a list of settings.
///
/// # Errors
/// Names the first setting that makes no sense.
pub fn check_all(field: &str, networks: &[TimedNetwork]) -> Result<(), FieldError> {
    distinct(field, networks)?;
    let mut networks = networks.iter().enumerate();
    networks.try_for_each(|(place, network)| {
        network.check().map_err(|error| error.within(&format!("{field}[{place}]")))
    })
}

/// The memory of so many learners of one network side by side: that of the largest network.
pub fn largest(field: &str, networks: &[TimedNetwork], learners: usize) -> Vec<Need> {
    let needs = networks.iter().enumerate().filter_map(|(place, timed)| {
        let network = timed.network.describe(timed.image, timed.classes).ok()?;
        let Footprint { parameters, activations } = network.footprint(timed.batch_size);
        let bytes = learners as f64 * (parameters + activations);
        Some(Need::new(&format!("{field}[{place}]"), timed.network.title(), bytes))
    });
    needs.max_by(|one, other| one.bytes.total_cmp(&other.bytes)).into_iter().collect()
}
