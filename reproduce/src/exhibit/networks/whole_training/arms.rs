//! The arms of a comparison: whole trainings that differ in some settings.

use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};
use training::network::NetworkConfig;
use training::optimizer::OptimizerConfig;
use training::train::TrainingConfig;

use crate::exhibit::settings::FieldError;

/// One way to train.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What figures and tables call it.
    pub name: String,
    /// What it is there for; the first arm is by itself the exact one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Settings of the training that are others than those that all arms have in common.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub changes: Mapping,
}

/// What an arm is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The training that all others are compared with.
    Exact,
    /// A training with sampled products.
    Sampled,
    /// An exact training that costs less: what a sampled one has to be better than.
    Control,
}

impl Role {
    /// The name used in settings and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Sampled => "sampled",
            Self::Control => "control",
        }
    }
}

impl Arm {
    /// The training with this arm's changes.
    ///
    /// # Errors
    /// Names the first setting that is none, as a field of the block of settings; `place` is the
    /// arm's place among the others.
    pub fn config(
        &self,
        place: usize,
        training: &Mapping,
        seed: u64,
    ) -> Result<TrainingConfig, FieldError> {
        let mut fields = training.clone();
        fields.extend(self.changes.clone());
        parse(&fields, seed).map_err(|error| self.within(place, error))
    }

    /// An error of the training with this arm's changes, said of the block of settings: of a change,
    /// or of what all arms have in common.
    pub fn within(&self, place: usize, error: FieldError) -> FieldError {
        let field = error.field.split(['.', '[']).next().unwrap_or_default();
        match self.changes.contains_key(field) {
            true => error.within(&format!("arms[{place}].changes")),
            false => error.within("training"),
        }
    }
}

/// Settings of a training, without their seed.
fn parse(fields: &Mapping, seed: u64) -> Result<TrainingConfig, FieldError> {
    if let Some(seed) = fields.get("seed") {
        let expected = "none: the number of seeds is in `seeds`, the first in --seed";
        return Err(FieldError::new("seed", in_words(seed), expected));
    }
    read(fields, seed).map_err(|error| blame(fields, &error))
}

fn read(fields: &Mapping, seed: u64) -> Result<TrainingConfig, serde_yaml::Error> {
    let mut whole = fields.clone();
    whole.insert("seed".into(), seed.into());
    serde_yaml::from_value(Value::Mapping(whole))
}

/// The field that an error comes from: the reader does not say it of settings that were put
/// together. So each is read with others that are right.
fn blame(fields: &Mapping, error: &serde_yaml::Error) -> FieldError {
    let adam = OptimizerConfig::Adam { learning_rate: 1.0 };
    let right = TrainingConfig::new(NetworkConfig::Cnn, 1, 1, adam, 0);
    let right = serde_yaml::to_value(&right).ok();
    let right = right.as_ref().and_then(Value::as_mapping).cloned().unwrap_or_default();
    for (name, value) in fields {
        let mut whole = right.clone();
        whole.insert(name.clone(), value.clone());
        if let Err(error) = serde_yaml::from_value::<TrainingConfig>(Value::Mapping(whole)) {
            let expected = format!("a setting of a training: {error}");
            return FieldError::new(in_words(name), in_words(value), expected);
        }
    }
    let message = error.to_string();
    let field = message.split('`').nth(1).unwrap_or_default();
    FieldError::new(field, "missing", "a setting of the training")
}

/// A value on one line.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAINING: &str = "{network: {name: mlp, hidden: [16], dropout: 0}, batch_size: 10,
        epochs: 3, optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.5, weight_decay: 0}}";

    fn config(training: &str, changes: &str) -> Result<TrainingConfig, String> {
        let [training, changes] =
            [training, changes].map(|text| serde_yaml::from_str(text).unwrap());
        let arm = Arm { name: "one".to_string(), role: None, changes };
        arm.config(1, &training, 7).map_err(|error| error.to_string())
    }

    #[test]
    fn changes_take_the_place_of_whole_fields() {
        let changed = config(TRAINING, "{epochs: 1, optimizer: {name: adam, learning_rate: 2}}");
        let changed = changed.unwrap();
        assert_eq!((changed.epochs, changed.batch_size, changed.seed), (1, 10, 7));
        assert_eq!(changed.optimizer, OptimizerConfig::Adam { learning_rate: 2.0 });
        assert_eq!(config(TRAINING, "{}").unwrap().epochs, 3);
    }

    #[test]
    fn an_error_names_the_field_of_the_changes_or_of_the_training() {
        let error = |changes: &str| config(TRAINING, changes).unwrap_err();
        let unknown = error("{epoch: 8}");
        assert!(unknown.starts_with("arms[1].changes.epoch is 8, expected a setting"), "{unknown}");
        assert!(unknown.contains("unknown field `epoch`"), "{unknown}");
        let wrong = error("{epochs: eight}");
        assert!(wrong.starts_with("arms[1].changes.epochs is eight"), "{wrong}");
        let nested = error("{epochs: 2, optimizer: {name: adam}}");
        assert!(nested.contains("changes.optimizer is") && nested.contains("learning_rate"));
        assert!(error("{seed: 3}").starts_with("arms[1].changes.seed is 3, expected none"));
        let base = config("{batch_size: 10, epochs: 1}", "{epochs: 2}").unwrap_err();
        assert_eq!(base, "training.network is missing, expected a setting of the training");
        let base = config(&TRAINING.replace("batch_size", "batches"), "{}").unwrap_err();
        assert!(base.starts_with("training.batches is 10"), "{base}");
    }
}
