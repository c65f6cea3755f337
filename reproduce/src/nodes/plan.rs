//! What the ranks of a job measure, and what they found.

use serde::{Deserialize, Serialize};
use training::layer::ImageShape;
use training::network::NetworkConfig;
use training::sampling::Scores;

use super::record::Parts;

/// What every rank of a job is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Who carries the vectors.
    pub carrier: Carrier,
    /// The ratios, of which each gives a vector and a sampled network.
    pub ratios: Vec<f64>,
    /// Exchanges of each vector.
    pub exchanges: usize,
    /// What is trained besides.
    pub trainings: Vec<Training>,
}

/// Who carries a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Carrier {
    /// The exchange of the trainings.
    Ours,
    /// `MPI_Allreduce`.
    Library,
}

/// A network whose steps are timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The network.
    pub network: NetworkConfig,
    /// Its images.
    pub image: ImageShape,
    /// Samples of all ranks together.
    pub minibatch: usize,
    /// How ranks agree, one sampled network each.
    pub scores: Vec<Scores>,
    /// Steps of each.
    pub steps: usize,
}

/// What was measured again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The network and how its ranks agree; none of a vector by itself.
    pub training: Option<String>,
    /// Samples of all ranks together, of a training.
    pub minibatch: usize,
    /// The ratio of the pairs kept.
    pub ratio: f64,
    /// Bytes that a rank gives to the exchange.
    pub payload: u64,
    /// Bytes that the interface of a rank has sent, at most, each time.
    pub sent: Vec<u64>,
    /// How long the slowest rank took, each time.
    pub milliseconds: Vec<f64>,
    /// Of steps, what they were made of on rank 0.
    pub parts: Vec<Parts>,
}

impl Training {
    /// The perceptron of the paper.
    pub fn perceptron(steps: usize) -> Self {
        Training {
            network: NetworkConfig::Mlp { hidden: vec![500, 500], dropout: 0.1 },
            image: ImageShape::new(1, 28, 28),
            minibatch: 64,
            scores: vec![Scores::Weights, Scores::Shared],
            steps,
        }
    }

    /// The other networks of the paper, whose steps take longer.
    pub fn convolutional(steps: usize) -> [Self; 2] {
        let of = |network, image, minibatch| Training {
            network,
            image,
            minibatch,
            scores: vec![Scores::Shared],
            steps,
        };
        [
            of(NetworkConfig::Cnn, ImageShape::new(1, 28, 28), 64),
            of(NetworkConfig::Wrn { depth: 16, width: 4 }, ImageShape::new(3, 32, 32), 32),
        ]
    }
}
