//! Two snapshots beside each other.

use std::collections::BTreeSet;

use crate::snapshot::{Number, Snapshot};

/// A number that is not the committed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The number's name.
    pub name: String,
    /// The committed number, if there is one.
    pub old: Option<Number>,
    /// The number found, if there is one.
    pub new: Option<Number>,
}

impl Difference {
    /// The change over the committed value; none where one of the two is missing, the units are
    /// not the same or the committed value is 0.
    pub fn relative(&self) -> Option<f64> {
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        let is_relative = old.unit() == new.unit() && old.value != 0.0;
        is_relative.then(|| (new.value - old.value) / old.value.abs())
    }

    /// Name, old, new and relative change on one line, the name as wide as that.
    pub fn line(&self, width: usize) -> String {
        let show = |number: &Option<Number>| {
            number.as_ref().map_or("none".to_string(), |number| number.text.clone())
        };
        let change = self
            .relative()
            .map_or("no relative change".to_string(), |change| format!("{change:+.2e} relative"));
        let (old, new) = (show(&self.old), show(&self.new));
        format!("{:<width$}  {old} -> {new} ({change})", self.name)
    }
}

/// Two snapshots beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The committed title and the one found, where they are not the same.
    pub titles: Option<[String; 2]>,
    /// Numbers that are the same in both, to the last digit and with the same unit.
    pub agreed: usize,
    /// All other numbers, the largest change first; what cannot be compared before all.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// What was committed beside what was found.
    pub fn of(old: &Snapshot, new: &Snapshot) -> Self {
        let names: BTreeSet<&String> = old.numbers.keys().chain(new.numbers.keys()).collect();
        let text = |number: &Option<&Number>| number.map(|number| number.text.clone());
        let mut differences: Vec<Difference> = names
            .iter()
            .map(|name| (name, old.numbers.get(*name), new.numbers.get(*name)))
            .filter(|(_, old, new)| text(old) != text(new))
            .map(|(name, old, new)| Difference {
                name: name.to_string(),
                old: old.cloned(),
                new: new.cloned(),
            })
            .collect();
        let size = |difference: &Difference| difference.relative().map_or(f64::INFINITY, f64::abs);
        differences.sort_by(|one, other| size(other).total_cmp(&size(one)));
        let titles = [&old.title, &new.title];
        Comparison {
            titles: (titles[0] != titles[1]).then(|| titles.map(String::clone)),
            agreed: names.len() - differences.len(),
            differences,
        }
    }

    /// Whether everything is the same.
    pub fn agrees(&self) -> bool {
        self.titles.is_none() && self.differences.is_empty()
    }

    /// How many differences are of a kind.
    pub fn count(&self, is_counted: impl Fn(&Difference) -> bool) -> usize {
        self.differences.iter().filter(|difference| is_counted(difference)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(lines: &str) -> Snapshot {
        format!("demo · made up · quick\n{lines}").parse().unwrap()
    }

    fn compare(old: &str, new: &str) -> Comparison {
        Comparison::of(&snapshot(old), &snapshot(new))
    }

    #[test]
    fn equal_snapshots_agree_wherever_their_lines_stand() {
        let text = "k=1 error = 0.500000 %\nk=2 error = 0.250000 %\n";
        let comparison = compare(text, text);
        assert!(comparison.agrees());
        assert_eq!(comparison.agreed, 2);
        let old = format!("---\nsource: here\n---\ndemo · made up · quick\n{text}");
        assert!(Comparison::of(&old.parse().unwrap(), &snapshot(text)).agrees());
    }

    #[test]
    fn another_title_is_a_difference() {
        let new = "demo · other data · quick\na = 1 %\n".parse().unwrap();
        let comparison = Comparison::of(&snapshot("a = 1 %\n"), &new);
        assert!(!comparison.agrees());
        assert_eq!(comparison.agreed, 1);
    }

    #[test]
    fn a_changed_number_is_named_with_its_relative_change() {
        let found = compare("a = 0.5 %\nb = 1 %\n", "a = 0.25 %\nb = 1 %\n").differences;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line(1), "a  0.5 % -> 0.25 % (-5.00e-1 relative)");
    }

    #[test]
    fn a_number_of_another_unit_differs_without_a_relative_change() {
        let found = compare("a = 1 s\n", "a = 1 %\n").differences;
        assert_eq!(found[0].line(1), "a  1 s -> 1 % (no relative change)");
    }

    #[test]
    fn a_number_that_appears_or_disappears_is_a_difference() {
        let found = compare("a = 1 %\n", "b = 1 %\n").differences;
        assert_eq!(found[0].line(1), "a  1 % -> none (no relative change)");
        assert_eq!(found[1].line(1), "b  none -> 1 % (no relative change)");
    }

    #[test]
    fn the_largest_change_comes_first() {
        let old = "a = 1 %\nb = 1 %\nc = 0 %\nd = 1 %\n";
        let found = compare(old, "a = 1.1 %\nb = -4 %\nc = 1e-9 %\nd = 3 %\n").differences;
        let names: Vec<&str> = found.iter().map(|difference| difference.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "d", "a"]);
    }
}
