//! Names of parameters, and patterns of them that settings have.

use crate::setting::FieldError;
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

impl<'a> ParameterName<'a> {
    /// The name of a layer's parameter.
    pub fn new(layer: &'a str, part: &'static str) -> Self {
        Self { layer, part }
    }
}

impl Display for ParameterName<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.layer, self.part)
    }
}

/// Which parameters: `LAYER.PART` with a star for any layer or any part.
///
/// ```
/// use training::layer::{ParameterName, ParameterPattern};
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

/// Whether a parameter is one of those that are frozen.
pub fn is_frozen(frozen: &[ParameterPattern], name: ParameterName<'_>) -> bool {
    frozen.iter().any(|pattern| pattern.matches(name))
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
}
