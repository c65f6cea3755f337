//! How long exhibits are expected to take: as long as the last time on this machine, or what their
//! settings say of two cores.

use crate::cache::{Cache, sha256};
use crate::duration;
use crate::task::Task;

/// How long a task is expected to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// In seconds; none where nobody knows.
    pub seconds: Option<f64>,
    /// Whether it took that long here.
    pub is_measured: bool,
}

impl Expected {
    /// As long as the last run beside the same stored results took, or as the settings say.
    pub fn of(task: &Task, cache: &Cache) -> Self {
        match cache.get(&key(task)) {
            Some(seconds) => Expected { seconds: Some(seconds), is_measured: true },
            None => Expected { seconds: task.configured.seconds, is_measured: false },
        }
    }

    /// "7 min", or that there is no estimate.
    pub fn words(self) -> String {
        self.seconds.map_or("no estimate".to_string(), duration::in_words)
    }
}

/// Stores how long a task took from its beginning to its end.
///
/// # Errors
/// When the cache cannot be written.
pub fn learn(task: &Task, cache: &Cache, seconds: f64) -> anyhow::Result<()> {
    cache.put(&key(task), &seconds)
}

/// What a duration depends on: not the code, whose changes seldom matter to it.
fn key(task: &Task) -> String {
    format!(
        "seconds of {} at scale {} with settings {} on {} threads",
        task.exhibit.name,
        task.scale,
        sha256(task.configured.settings.as_bytes()),
        rayon::current_num_threads()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::settings::Scale;

    #[test]
    fn a_task_is_expected_to_take_as_long_as_the_last_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let task = |name| Task::new(name, Scale::Quick, 1).unwrap();
        let (ridge, other) = (task("ridge"), task("conv-error"));
        let stated = Expected { seconds: ridge.configured.seconds, is_measured: false };
        assert_eq!(Expected::of(&ridge, &cache), stated);
        learn(&ridge, &cache, 125.0).unwrap();
        let learnt = Expected { seconds: Some(125.0), is_measured: true };
        assert_eq!(Expected::of(&ridge, &cache), learnt);
        assert_eq!(learnt.words(), "2 min");
        assert!(!Expected::of(&other, &cache).is_measured, "of other settings nothing is known");
        assert_eq!(Expected { seconds: None, is_measured: false }.words(), "no estimate");
    }
}
