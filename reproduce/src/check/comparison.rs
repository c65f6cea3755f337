//! Two snapshots beside each other.

use std::collections::BTreeSet;

use crate::result::significant;
use crate::snapshot::{Number, Snapshot};

/// What the name of a number ends with that is half the 95 % interval around that of the name.
const HALF_WIDTH: &str = "-half-width";

/// A number that is not the committed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The number's name.
    pub name: String,
    /// The committed number, if there is one.
    pub old: Option<Number>,
    /// The number found, if there is one.
    pub new: Option<Number>,
    /// Half the committed 95 % interval around the committed number, where there is one.
    pub half_width: Option<f64>,
}

impl Difference {
    /// The change over the committed value; none where one of the two is missing, the units are
    /// not the same or the committed value is 0.
    pub fn relative(&self) -> Option<f64> {
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        let is_relative = old.unit() == new.unit() && old.value != 0.0;
        is_relative.then(|| (new.value - old.value) / old.value.abs())
    }

    /// How large the change is: what has no relative change is larger than all others.
    pub fn size(&self) -> f64 {
        self.relative().map_or(f64::INFINITY, f64::abs)
    }

    /// Whether the change is one that other draws would also make: less than the committed 95 %
    /// interval, where there is one.
    pub fn reading(&self) -> Option<String> {
        let (old, new, half_width) = (self.old.as_ref()?, self.new.as_ref()?, self.half_width?);
        let is_within = (new.value - old.value).abs() <= half_width;
        let side = if is_within { "within" } else { "beyond" };
        Some(format!("{side} ±{}", significant(half_width, 2)))
    }

    /// "+0.18 %", of the committed value.
    pub fn change(&self) -> Option<String> {
        let percent = 100.0 * self.relative()?;
        let sign = if percent < 0.0 { "" } else { "+" };
        let is_plain = (99.5..1e6).contains(&percent.abs());
        let size = if is_plain { format!("{percent:.0}") } else { significant(percent, 2) };
        Some(format!("{sign}{size} %"))
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
        let old_numbers = &old.numbers;
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
                half_width: old_numbers.get(&format!("{name}{HALF_WIDTH}")).map(|n| n.value),
            })
            .collect();
        differences.sort_by(|one, other| other.size().total_cmp(&one.size()));
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
    fn a_changed_number_has_its_relative_change() {
        let found = compare("a = 0.5 %\nb = 1 %\nc = 2 s\n", "a = 0.25 %\nb = 1 %\nc = 9 s\n");
        let changes: Vec<Option<String>> =
            found.differences.iter().map(Difference::change).collect();
        assert_eq!(changes, [Some("+350 %".to_string()), Some("-50 %".to_string())]);
        assert_eq!(found.differences[0].name, "c");
    }

    #[test]
    fn a_number_of_another_unit_and_one_that_is_not_there_have_none() {
        for (old, new) in [("a = 1 s\n", "a = 1 %\n"), ("a = 1 %\n", "b = 1 %\n")] {
            let found = compare(old, new).differences;
            assert!(found.iter().all(|found| found.change().is_none()), "{found:?}");
        }
    }

    #[test]
    fn a_change_is_within_the_committed_interval_or_beyond_it() {
        let reading = |half_width: &str, new: &str| {
            let old = format!("a = 90 %\na-half-width = {half_width} points\n");
            let new = format!("a = {new} %\na-half-width = {half_width} points\n");
            compare(&old, &new).differences[0].reading()
        };
        assert_eq!(reading("0.5", "90.5").as_deref(), Some("within ±0.50"));
        assert_eq!(reading("0.5", "89.4").as_deref(), Some("beyond ±0.50"));
        assert_eq!(reading("0", "90.1").as_deref(), Some("beyond ±0"));
        assert_eq!(compare("a = 1 %\n", "a = 2 %\n").differences[0].reading(), None);
        assert_eq!(
            compare("a = 1 %\na-half-width = 1 %\n", "b = 2 %\n").differences[0].reading(),
            None
        );
    }

    #[test]
    fn the_largest_change_comes_first() {
        let old = "a = 1 %\nb = 1 %\nc = 0 %\nd = 1 %\n";
        let found = compare(old, "a = 1.1 %\nb = -4 %\nc = 1e-9 %\nd = 3 %\n").differences;
        let names: Vec<&str> = found.iter().map(|difference| difference.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "d", "a"]);
    }
}
