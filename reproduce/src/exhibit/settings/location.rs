//! Where in a YAML text a setting stands.
//!
//! The reader of YAML says where an error arose while it read. So the text is read once more, along
//! the path of the setting, and there an error is raised.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Location;

/// Where the field at a path such as `scales.quick.networks[1].classes` stands; of a field that
/// is not written, the settings that it would be part of.
pub fn locate(text: &str, path: &str) -> Option<Location> {
    let steps: Vec<Step> = path.split('.').flat_map(steps).collect();
    Walk(&steps).deserialize(serde_yaml::Deserializer::from_str(text)).err()?.location()
}

/// One step from settings to a part of them.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    Field(&'a str),
    Element(usize),
}

/// Those of `networks[1]`.
fn steps(part: &str) -> impl Iterator<Item = Step<'_>> {
    let (field, elements) = part.split_once('[').unwrap_or((part, ""));
    let elements = elements.split(['[', ']']).filter_map(|index| index.parse().ok());
    std::iter::once(Step::Field(field)).chain(elements.map(Step::Element))
}

/// Goes the steps and fails at their end, or where there is no further step.
struct Walk<'a>(&'a [Step<'a>]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Numbers and texts have no parts: for those the visitor fails by itself.
impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step further")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Some((Step::Field(name), rest)) = self.0.split_first() {
            while let Some(is_here) = map.next_key_seed(Key { name, is_last: rest.is_empty() })? {
                if is_here {
                    return map.next_value_seed(Walk(rest));
                }
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom("the last step"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some((Step::Element(index), rest)) = self.0.split_first() {
            for _ in 0..*index {
                list.next_element::<IgnoredAny>()?;
            }
            list.next_element_seed(Walk(rest))?;
        }
        Err(A::Error::custom("the last step"))
    }
}

/// Whether a key is the one that is looked for; fails there if nothing comes after it.
struct Key<'a> {
    name: &'a str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        if key == self.name && self.is_last {
            return Err(E::custom("the last step"));
        }
        Ok(key == self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
exhibit: demo
scales:
  quick: &quick
    training:
      epochs: 0
      optimizer: {name: adam, learning_rate: 0.1}
    lists: [[1, 2],
            [3, 4]]
    networks:
      - name: one
      - name: two
        classes: 7
  paper: *quick
";

    fn place(path: &str) -> Option<(usize, usize)> {
        locate(TEXT, path).map(|location| (location.line(), location.column()))
    }

    #[test]
    fn a_field_is_where_its_name_is() {
        assert_eq!(place("exhibit"), Some((1, 1)));
        assert_eq!(place("scales.quick.training.epochs"), Some((5, 7)));
        assert_eq!(place("scales.quick.training"), Some((4, 5)));
        assert_eq!(place("scales.quick.training.optimizer.learning_rate"), Some((6, 31)));
        assert_eq!(place("scales.quick.networks[1].classes"), Some((12, 9)));
    }

    #[test]
    fn an_element_is_where_it_begins() {
        assert_eq!(place("scales.quick.lists[1][0]"), Some((8, 14)));
        assert_eq!(place("scales.quick.networks[0]"), Some((10, 9)));
    }

    #[test]
    fn an_alias_is_where_its_anchor_is() {
        assert_eq!(place("scales.paper.training.epochs"), Some((5, 7)));
    }

    #[test]
    fn what_is_not_written_is_where_it_would_be() {
        assert_eq!(place("scales.quick.training.schedule.factor"), Some((5, 7)));
        assert_eq!(place("scales.quick.training.epochs.more"), Some((5, 15)));
    }
}
