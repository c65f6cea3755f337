//! Parameters with rules of their own.

use crate::setting::{FieldError, POSITIVE, number};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// The name of a parameter: that of its layer, and what it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterName<'a> {
    /// The layer's name, `group-1.norm-1`.
    pub layer: &'a str,
    /// Which of the layer's parameters, `shift`.
    pub part: &'static str,
}

impl Display for ParameterName<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.layer, self.part)
    }
}

/// Which parameters: `LAYER.PART` with a star for any layer or any part.
///
/// ```
/// use training::optimizer::{ParameterName, ParameterPattern};
/// let shifts: ParameterPattern = serde_yaml::from_str("'*.shift'")?;
/// assert!(shifts.matches(ParameterName { layer: "group-1.norm-1", part: "shift" }));
/// assert!(!shifts.matches(ParameterName { layer: "group-1.norm-1", part: "scale" }));
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParameterPattern {
    layer: String,
    part: String,
}

impl ParameterPattern {
    /// Whether the parameter is one of these.
    pub fn matches(&self, name: ParameterName<'_>) -> bool {
        let matches = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        matches(&self.layer, name.layer) && matches(&self.part, name.part)
    }
}

impl TryFrom<String> for ParameterPattern {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        match text.rsplit_once('.') {
            Some((layer, part)) if !layer.is_empty() && !part.is_empty() => {
                Ok(Self { layer: layer.to_owned(), part: part.to_owned() })
            }
            _ => {
                let expected = "LAYER.PART, where a star stands for any layer or any part";
                Err(FieldError::new("parameters", format!("{text:?}"), expected))
            }
        }
    }
}

impl From<ParameterPattern> for String {
    fn from(pattern: ParameterPattern) -> Self {
        pattern.to_string()
    }
}

impl Display for ParameterPattern {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.layer, self.part)
    }
}

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

/// Whether a parameter is one of those that are frozen.
pub fn is_frozen(frozen: &[ParameterPattern], name: ParameterName<'_>) -> bool {
    frozen.iter().any(|pattern| pattern.matches(name))
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
    fn patterns_match_a_layer_a_part_or_both() {
        let matched = |text: &str| NAMES.map(|name| pattern(text).matches(name));
        assert_eq!(matched("group-1.norm-1.shift"), [true, false]);
        assert_eq!(matched("*.weight"), [false, true]);
        assert_eq!(matched("linear.*"), [false, true]);
        assert_eq!(matched("*.*"), [true, true]);
        assert_eq!(matched("norm-1.shift"), [false, false], "whole names only");
        for text in ["", "shift", ".shift", "norm."] {
            assert!(ParameterPattern::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(String::from(pattern("*.shift")), "*.shift");
    }

    #[test]
    fn groups_that_make_no_sense_are_refused() {
        let refused = |group: ParameterGroup| {
            let groups = [ParameterGroup::new(pattern("linear.weight")), group];
            check_groups(&groups, &NAMES).unwrap_err().to_string()
        };
        let rate = ParameterGroup { learning_rate: -1.0, ..ParameterGroup::new(pattern("*.shift")) };
        assert!(refused(rate).starts_with("parameter_groups[1].learning_rate is -1"));
        let decay = ParameterGroup { weight_decay: -1.0, ..ParameterGroup::new(pattern("*.shift")) };
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
