//! How many numbers of a run are not the committed ones.

use std::path::Path;

use crate::check::Comparison;
use crate::cli::Options;
use crate::reference;
use crate::result::ExhibitResult;
use crate::snapshot::Snapshot;
use crate::task::Task;

/// How many numbers are not the committed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Numbers that were compared, changed ones among them.
    pub compared: usize,
    /// Those that are other ones, not committed, or committed and not there.
    pub changed: usize,
}

impl Changes {
    /// Compares a result with what is committed in this folder; with nothing where it is a time, of
    /// settings of one's own or of another seed, or where nothing is committed.
    pub fn count(&mut self, task: &Task, result: &ExhibitResult, data: &Path, folder: &Path) {
        let is_comparable = !task.exhibit.is_timing
            && task.built_in.is_some()
            && task.seed == Options::DEFAULT_SEED;
        let set = task.configured.experiment.images().map(|config| config.set);
        let slug = set.and_then(|set| set.in_directory(data).slugs().first().copied());
        let path = reference::path(folder, &task.stem(slug), task.scale);
        let found = result.snapshot(&task.name, &task.scale.to_string());
        let committed = std::fs::read_to_string(path).ok();
        let committed = committed.and_then(|text| text.parse::<Snapshot>().ok());
        if let (true, Some(old), Ok(new)) = (is_comparable, committed, found.parse::<Snapshot>()) {
            let comparison = Comparison::of(&old, &new);
            self.compared += comparison.agreed + comparison.differences.len();
            self.changed += comparison.differences.len();
        }
    }

    /// "3 of 5231 numbers changed since the committed reference".
    pub fn words(self) -> String {
        match self.compared {
            0 => "no number was compared with a committed one".to_string(),
            compared => format!(
                "{} of {compared} numbers changed since the committed reference",
                self.changed
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::settings::Scale;
    use crate::result::Rows;

    #[test]
    fn changed_new_and_lost_numbers_are_counted_and_other_seeds_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let committed = "ridge · made up · quick\na x = 1 %\nb x = 1 %\nc x = 1 %\n";
        std::fs::write(reference::path(folder.path(), "ridge", Scale::Quick), committed).unwrap();
        let rows = [("a", 1.0), ("b", 2.0), ("d", 1.0)];
        let records = Rows::of(&rows).key("row", |row| row.0).value("x", "%", |row| row.1);
        let records = records.table("numbers");
        let result = ExhibitResult { data: "made up".into(), records, ..Default::default() };
        let count = |name: &str, seed| {
            let mut changes = Changes::default();
            let task = Task::new(name, Scale::Quick, seed).unwrap();
            changes.count(&task, &result, Path::new("nowhere"), folder.path());
            changes
        };
        let changes = count("ridge", 1);
        assert_eq!(changes, Changes { compared: 4, changed: 3 });
        assert_eq!(changes.words(), "3 of 4 numbers changed since the committed reference");
        for nothing in [count("ridge", 7), count("conv-error", 1)] {
            assert_eq!(nothing, Changes::default());
        }
        assert_eq!(Changes::default().words(), "no number was compared with a committed one");
    }
}
