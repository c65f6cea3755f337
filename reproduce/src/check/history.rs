//! When a committed number was last changed.

use std::path::Path;

use super::comparison::Difference;
use crate::git;
use crate::snapshot::Number;

/// Which commit last changed each line of a file; empty where git cannot tell.
pub struct History {
    commits: Vec<String>,
}

impl History {
    /// Of the file with the committed numbers; git is asked only where one differs.
    pub fn of(path: &Path, differences: &[Difference]) -> Self {
        if differences.is_empty() {
            return History { commits: Vec::new() };
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = path.file_name().and_then(|file| file.to_str());
        let blame = file.and_then(|file| git::ask(folder, &["blame", "-s", "--", file]));
        let commit = |line: &str| {
            line.split(' ').next().unwrap_or_default().trim_start_matches('^').to_string()
        };
        let commits = blame.map_or(Vec::new(), |text| text.lines().map(commit).collect());
        History { commits }
    }

    /// The commit, for a committed number.
    pub fn last_change(&self, number: Option<&Number>) -> Option<String> {
        let commit = self.commits.get(number?.line - 1)?;
        let is_committed = !commit.trim_matches('0').is_empty();
        Some(match is_committed {
            true => commit.clone(),
            false => "not committed".to_string(),
        })
    }
}
