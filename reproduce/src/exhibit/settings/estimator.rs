//! Estimators by their names.

use std::str::FromStr as _;

use kernels::estimator::Estimator;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use training::names::unknown;

/// An estimator written by its name, e.g. `top-k`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamedEstimator(pub Estimator);

impl Serialize for NamedEstimator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for NamedEstimator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Estimator::from_str(&name).map(NamedEstimator).map_err(|_| {
            let all: Vec<&str> = Estimator::ALL.iter().map(|e| e.name()).collect();
            D::Error::custom(unknown("estimator", &name, &all))
        })
    }
}
