//! The settings, and what is wrong with them.

use coded_activations::arm::{Arm, FEW_BITS, Means, check_bits};
use serde::{Deserialize, Serialize};
use training::layer::{CodeForm, CodeSettings, ParameterPattern};
use training::network::{Description, NetworkConfig};
use training::sampling::{Mode, SamplingPolicy};
use training::setting::{count_within, distinct};

use crate::exhibit::networks::run_settings::RunSettings;
use crate::exhibit::settings::{FieldError, MOST_REPEATS, NamedEstimator, Ratio};
use crate::memory::Need;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coded {
    /// The network and how all arms train it.
    pub training: RunSettings,
    /// Bits of codes.
    pub bits: Vec<u32>,
    /// How products are sampled, where they are.
    pub sampling: SampledBy,
    /// Images of minibatches whose bytes are counted, besides those of the training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minibatches: Vec<usize>,
    /// Epochs of exact training after which gradients are compared at the same weights.
    pub compared_after: usize,
}

/// How products are sampled: in the forward mode, so that what is not selected is not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampledBy {
    /// How pairs are chosen.
    pub estimator: NamedEstimator,
    /// The share that is kept.
    pub ratio: Ratio,
}

/// Checks that there is something that codes can stand for.
///
/// # Errors
/// When the network of this field has no batch normalisation that is rectified.
pub fn check_can_be_coded(
    field: &str,
    network: &NetworkConfig,
    layers: Description,
) -> Result<(), FieldError> {
    let codes = CodeSettings { bits: FEW_BITS, form: CodeForm::Backward };
    if layers.with_codes(codes).is_ok() {
        return Ok(());
    }
    let expected = "one with a batch normalisation that is rectified: no other activations can be \
                    coded";
    Err(FieldError::new(field, network.title(), expected))
}

impl SampledBy {
    /// Checks that something is left out.
    ///
    /// # Errors
    /// When all pairs are kept.
    pub fn check(&self) -> Result<(), FieldError> {
        if self.ratio.value() >= 1.0 {
            let (field, value) = ("sampling.ratio", self.ratio.value());
            return Err(FieldError::new(field, value, "less than 1: all pairs are no sample"));
        }
        Ok(())
    }
}

impl Coded {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        // Differences between arms have intervals over the seeds.
        count_within("training.seeds", self.training.seeds, 2..=MOST_REPEATS)?;
        check_bits(&self.bits)?;
        count_within("compared_after", self.compared_after, 1..=self.training.epochs)?;
        if !self.minibatches.is_empty() {
            distinct("minibatches", &self.minibatches)?;
        }
        for (place, &size) in self.minibatches.iter().enumerate() {
            let field = format!("minibatches[{place}]");
            if size == self.training.batch_size {
                let expected = "another than training.batch_size, which is counted anyway";
                return Err(FieldError::new(field, size, expected));
            }
            count_within(&field, size, 1..=self.training.images.train)?;
        }
        let Some(description) = self.training.description() else { return Ok(()) };
        check_can_be_coded("training.network", &self.training.network, description)?;
        self.sampling.check()
    }

    /// What the arms are made of, for this network.
    ///
    /// # Errors
    /// When it has no parameter.
    pub fn means(&self, description: &Description) -> Result<Means, FieldError> {
        let names = description.parameter_names();
        let first = names.first().map_or("", |name| name.layer);
        let SampledBy { estimator, ratio } = &self.sampling;
        let minimal_k = self.training.minimal_k;
        Ok(Means {
            sampling: SamplingPolicy::new(estimator.0, ratio.value(), minimal_k, Mode::Forward),
            first_layer: ParameterPattern::try_from(format!("{first}.*"))?,
        })
    }

    /// All arms.
    pub fn arms(&self) -> Vec<Arm> {
        Arm::all(&self.bits)
    }

    /// What is kept in memory.
    pub fn memory(&self) -> Vec<Need> {
        let needs = self.training.memory(self.arms().len(), 1);
        let mut needs: Vec<Need> = needs.into_iter().map(|need| need.within("training")).collect();
        if let (Some(size), Some(network)) =
            (self.minibatches.iter().max(), self.training.description())
        {
            needs.push(Need::new("minibatches", *size, network.footprint(*size).activations));
        }
        needs
    }
}
