//! Parameters with rules of their own.

use crate::layer::{ParameterName, ParameterPattern};
use crate::setting::{FieldError, POSITIVE, number};
use serde::{Deserialize, Serialize};

/// Some parameters, and how they are learnt otherwise than the rest. A parameter is in the first
/// group that it matches.
///
/// ```
/// use training::optimizer::ParameterGroup;
/// let biases: ParameterGroup =
///     serde_yaml::from_str("{parameters: whitening.bias, epochs: 3}")?;
/// assert_eq!((biases.learning_rate, biases.weight_decay), (1.0, 1.0));
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// Which.
    pub parameters: ParameterPattern,
    /// What the learning rate is multiplied with.
    #[serde(default = "one")]
    pub learning_rate: f32,
    /// What the weight decay is multiplied with.
    #[serde(default = "one")]
    pub weight_decay: f32,
    /// The epochs in which they are learnt, all where there is no number. They are frozen after
    /// these: their gradients, and those that only lead to them, are not computed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
}

fn one() -> f32 {
    1.0
}

impl ParameterGroup {
    /// Parameters that are learnt like all others.
    pub fn new(parameters: ParameterPattern) -> Self {
        Self { parameters, learning_rate: 1.0, weight_decay: 1.0, epochs: None }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        number("learning_rate", self.learning_rate, POSITIVE)?;
        number("weight_decay", self.weight_decay, 0.0..)
    }

    /// Whether the parameters are frozen in an epoch, counted from 0.
    pub fn is_frozen(&self, epoch: usize) -> bool {
        self.epochs.is_some_and(|epochs| epoch >= epochs)
    }
}

/// Checks groups of the parameters with these names.
///
/// # Errors
/// When a number is out of its range, or a group has no parameter.
pub fn check_groups(
    groups: &[ParameterGroup],
    names: &[ParameterName<'_>],
) -> Result<(), FieldError> {
    for (place, group) in groups.iter().enumerate() {
        let within = |error: FieldError| error.within(&format!("parameter_groups[{place}]"));
        group.check().map_err(within)?;
        if !names.iter().any(|&name| group.parameters.matches(name)) {
            let known: Vec<String> = names.iter().take(8).map(ToString::to_string).collect();
            let more = if names.len() > known.len() { ", ..." } else { "" };
            let expected = format!("parameters of the network: {}{more}", known.join(", "));
            return Err(within(FieldError::new("parameters", &group.parameters, expected)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [ParameterName; 2] = [
        ParameterName { layer: "group-1.norm-1", part: "shift" },
        ParameterName { layer: "linear", part: "weight" },
    ];

    fn pattern(text: &str) -> ParameterPattern {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn groups_that_make_no_sense_are_refused() {
        let refused = |group: ParameterGroup| {
            let groups = [ParameterGroup::new(pattern("linear.weight")), group];
            check_groups(&groups, &NAMES).unwrap_err().to_string()
        };
        let rate =
            ParameterGroup { learning_rate: -1.0, ..ParameterGroup::new(pattern("*.shift")) };
        assert!(refused(rate).starts_with("parameter_groups[1].learning_rate is -1"));
        let decay =
            ParameterGroup { weight_decay: -1.0, ..ParameterGroup::new(pattern("*.shift")) };
        assert!(refused(decay).starts_with("parameter_groups[1].weight_decay is -1"));
        assert_eq!(
            refused(ParameterGroup::new(pattern("*.scale"))),
            "parameter_groups[1].parameters is *.scale, expected parameters of the network: \
             group-1.norm-1.shift, linear.weight"
        );
    }

    #[test]
    fn a_group_is_frozen_after_its_epochs() {
        let group = ParameterGroup::new(pattern("*.shift"));
        assert!(!group.is_frozen(1_000));
        let three = ParameterGroup { epochs: Some(3), ..group };
        assert_eq!([0, 2, 3, 4].map(|epoch| three.is_frozen(epoch)), [false, false, true, true]);
        let text = "{parameters: '*.shift', learning_rat: 3}";
        assert!(serde_yaml::from_str::<ParameterGroup>(text).is_err());
    }
}
