//! How the ratio of a layer went in a run that controls it.

use serde::{Deserialize, Serialize};

/// The ratio of a layer at the end of every epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRatios {
    /// The layer.
    pub layer: String,
    /// Its ratio at the end of each epoch so far.
    pub epochs: Vec<f64>,
}
