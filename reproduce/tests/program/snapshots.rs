//! The numbers of every exhibit at quick scale, one a line.
//!
//! A changed number shows up as a changed line: look at it with `cargo insta review`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use kernels::InstructionSet;
use reproduce::cache::Cache;
use reproduce::exhibit::settings::Scale;
use reproduce::exhibit::{Environment, LongRuns};
use reproduce::exhibits::built_in;
use reproduce::images::{Images, Library};
use reproduce::parallel;
use reproduce::progress::Progress;
use reproduce::result::ExhibitResult;
use reproduce::snapshot::{Origin, Snapshot};
use reproduce::stored;
use reproduce::task::Task;
use reproduce::team::Threads;
use tempfile::TempDir;
use testing::{data_directory, skip_without_data};

fn result((task, images, data): &Case, instructions: InstructionSet) -> ExhibitResult {
    let folder = tempfile::tempdir().unwrap();
    let images = images.as_deref();
    let (cache, progress) = (Cache::new(folder.path()), Progress::hidden());
    let environment = Environment {
        seed: task.seed,
        instructions,
        images,
        data,
        record: None,
        long_runs: LongRuns::Missing,
        team: &Threads,
        cache: &cache,
        progress: &progress,
    };
    task.run(&environment).unwrap()
}

fn snapshot(case: &Case, instructions: InstructionSet) -> String {
    result(case, instructions).snapshot(&case.0.name, "quick")
}

/// The images that a task trains on, from a data directory.
fn images(task: &Task, directory: &Path) -> Option<Arc<Images>> {
    let config = task.configured.experiment.images()?;
    Some(Library::new(directory).get(&config).unwrap())
}

/// Every exhibit that is no timing, with each of its built-in settings.
fn tasks() -> Vec<Task> {
    let compared = built_in().filter(|(exhibit, _)| !exhibit.is_timing);
    compared.map(|(exhibit, own)| Task::built_in(exhibit, own, Scale::Quick, 1).unwrap()).collect()
}

/// A task, the images it is run on and the data directory.
type Case = (Task, Option<Arc<Images>>, PathBuf);

fn case(mut task: Task, directory: &Path) -> Case {
    task.look_at_data(directory).unwrap();
    let images = images(&task, directory);
    (task, images, directory.to_path_buf())
}

fn assert_snapshot((task, images, _): &Case, result: &ExhibitResult) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../reference");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(Origin::of(task).to_string());
    settings.bind(|| {
        let text = result.snapshot(&task.name, "quick");
        // What `check` cannot read it cannot compare.
        text.parse::<Snapshot>().unwrap();
        let stem = task.stem(images.as_ref().map(|images| images.slug.as_str()));
        insta::assert_snapshot!(format!("{stem}.quick"), text);
    });
}

/// The results of all cases, computed side by side.
fn results(cases: &[Case]) -> Vec<ExhibitResult> {
    parallel::map(cases, |case| Ok(result(case, InstructionSet::detect()))).unwrap()
}

/// Compares all cases, and names those that differ.
fn assert_snapshots(cases: &[Case], results: &[ExhibitResult]) {
    let differing = cases.iter().zip(results).filter(|(case, result)| {
        catch_unwind(AssertUnwindSafe(|| assert_snapshot(case, result))).is_err()
    });
    let differing: Vec<&str> = differing.map(|((task, ..), _)| task.name.as_str()).collect();
    assert!(differing.is_empty(), "{} differ", differing.join(", "));
}

/// What exhibits that need no data come to: on generated digits where they learn digits.
struct WithoutData {
    cases: Vec<Case>,
    results: Vec<ExhibitResult>,
    /// The results as the program keeps them.
    stored: TempDir,
}

/// Computed once for all tests of this program.
fn without_data() -> &'static WithoutData {
    static COMPUTED: OnceLock<WithoutData> = OnceLock::new();
    COMPUTED.get_or_init(|| {
        let stored = tempfile::tempdir().unwrap();
        let cases = tasks()
            .into_iter()
            .filter(|task| task.configured.experiment.missing_from(stored.path()).is_none());
        let cases: Vec<Case> = cases.map(|task| case(task, stored.path())).collect();
        let results = results(&cases);
        let cache = Cache::new(stored.path());
        for ((task, images, _), result) in cases.iter().zip(&results) {
            let images = images.as_ref().map(|images| images.checksum.as_str());
            cache.put(&stored::key(task, images, InstructionSet::detect()), result).unwrap();
        }
        WithoutData { cases, results, stored }
    })
}

/// The names of the exhibits whose results [`store_results`] has.
pub fn stored_names() -> Vec<&'static str> {
    without_data().cases.iter().map(|(task, ..)| task.name.as_str()).collect()
}

/// Gives a folder the results that a run in it would compute at quick scale and without data, so
/// that it takes seconds.
pub fn store_results(folder: &Path) {
    let cache = folder.join(".sampled");
    std::fs::create_dir(&cache).unwrap();
    for entry in std::fs::read_dir(without_data().stored.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), cache.join(entry.file_name())).unwrap();
    }
}

#[test]
fn every_exhibit_without_data() {
    let WithoutData { cases, results, .. } = without_data();
    assert!(cases.len() > 10, "only {} exhibits", cases.len());
    assert_snapshots(cases, results);
}

/// Exhibits that learn, on the published sets that the data directory holds.
#[test]
fn every_exhibit_on_published_images() {
    let directory = data_directory();
    let mut cases = Vec::new();
    for task in tasks() {
        let Some(config) = task.configured.experiment.images() else { continue };
        let missing = config.set.published_missing_from(&directory);
        if let Some(missing) = missing {
            skip_without_data(&format!("{}: no {missing} in {}", task.name, directory.display()));
            continue;
        }
        cases.push(case(task, &directory));
    }
    assert_snapshots(&cases, &results(&cases));
}

/// The numbers that all are compared with were computed by one thread each, with the best
/// instructions.
#[test]
#[ignore = "slow"]
fn numbers_depend_on_neither_threads_nor_instruction_set() {
    let WithoutData { cases, results, .. } = without_data();
    for name in ["bernoulli-budget", "gradient-error", "multi-node", "ensemble-kalman"] {
        let place = cases.iter().position(|(task, ..)| task.name == name).unwrap();
        let expected = results[place].snapshot(name, "quick");
        for (instructions, threads) in InstructionSet::available().into_iter().zip([1, 3, 2]) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| snapshot(&cases[place], instructions));
            assert_eq!(found, expected, "{name}, {instructions}, {threads} threads");
        }
    }
}
