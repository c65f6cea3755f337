//! The numbers of every exhibit at quick scale, one a line.
//!
//! A changed number shows up as a changed line: look at it with `cargo insta review`.

use std::path::Path;
use std::sync::Arc;

use kernels::InstructionSet;
use reproduce::cache::Cache;
use reproduce::exhibit::config::Scale;
use reproduce::exhibit::{Context, Task};
use reproduce::images::{ImageSet, Images, Library};
use reproduce::progress::Progress;
use reproduce::snapshot::Snapshot;
use testing::{data_directory, skip_without_data};
use training::data::has_mnist;

/// The images that an exhibit trains on, from a data directory.
fn images(task: &Task, directory: &Path) -> Option<Arc<Images>> {
    let config = task.configured.experiment.images()?;
    Some(Library::new(directory).get(&config).unwrap())
}

fn snapshot(task: &Task, images: Option<&Images>, instructions: InstructionSet) -> String {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let cache = Cache::new(folder.path());
    let progress = Progress::hidden();
    let context =
        Context { seed: task.seed, instructions, images, data, cache: &cache, progress: &progress };
    task.run(&context).unwrap().snapshot(&task.name, "quick")
}

fn assert_snapshot(name: &str, directory: &Path) {
    let task = Task::new(name, Scale::Quick, 1).unwrap();
    let images = images(&task, directory);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../reference");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let text = snapshot(&task, images.as_deref(), InstructionSet::detect());
        // What `check` cannot read it cannot compare.
        text.parse::<Snapshot>().unwrap();
        insta::assert_snapshot!(format!("{}.quick", task.stem(images.as_deref())), text);
    });
}

/// Without data directory: exhibits that train do so on generated digits.
fn assert_snapshot_without_data(name: &str) {
    let empty = tempfile::tempdir().unwrap();
    assert_snapshot(name, empty.path());
}

/// On MNIST, where the data directory holds it.
fn assert_snapshot_on_mnist(name: &str) {
    let directory = data_directory();
    if has_mnist(&directory) {
        assert_snapshot(name, &directory);
    } else {
        skip_without_data(&format!("no MNIST in {}", directory.display()));
    }
}

#[test]
fn matmul_error() {
    assert_snapshot_without_data("matmul-error");
}

#[test]
fn conv_error() {
    assert_snapshot_without_data("conv-error");
}

#[test]
fn bernoulli_budget() {
    assert_snapshot_without_data("bernoulli-budget");
}

#[test]
fn claims_on_generated_digits() {
    assert_snapshot_without_data("claims");
}

#[test]
fn claims_on_mnist() {
    assert_snapshot_on_mnist("claims");
}

#[test]
#[ignore = "slow: every check over many seeds; run with --include-ignored"]
fn calibration() {
    assert_snapshot_without_data("calibration");
}

#[test]
fn ridge() {
    assert_snapshot_without_data("ridge");
}

#[test]
fn sgd_convergence() {
    assert_snapshot_without_data("sgd-convergence");
}

#[test]
fn mlp_accuracy_on_generated_digits() {
    assert_snapshot_without_data("mlp-accuracy");
}

#[test]
fn mlp_accuracy_on_mnist() {
    assert_snapshot_on_mnist("mlp-accuracy");
}

#[test]
fn mlp_accuracy_converged_on_generated_digits() {
    assert_snapshot_without_data("mlp-accuracy-converged");
}

#[test]
fn mlp_accuracy_converged_on_mnist() {
    assert_snapshot_on_mnist("mlp-accuracy-converged");
}

#[test]
fn mlp_modes_on_generated_digits() {
    assert_snapshot_without_data("mlp-modes");
}

#[test]
fn mlp_modes_on_mnist() {
    assert_snapshot_on_mnist("mlp-modes");
}

#[test]
fn cnn_accuracy_on_generated_digits() {
    assert_snapshot_without_data("cnn-accuracy");
}

#[test]
fn cnn_accuracy_on_mnist() {
    assert_snapshot_on_mnist("cnn-accuracy");
}

#[test]
fn wrn_accuracy_on_cifar_10() {
    let directory = data_directory();
    match ImageSet::Cifar10.missing_from(&directory) {
        None => assert_snapshot("wrn-accuracy", &directory),
        Some(missing) => {
            skip_without_data(&format!("no {missing} in {}", directory.display()));
        }
    }
}

#[test]
fn gradient_error_on_generated_digits() {
    assert_snapshot_without_data("gradient-error");
}

#[test]
fn gradient_error_on_mnist() {
    assert_snapshot_on_mnist("gradient-error");
}

#[test]
fn compute_communication() {
    assert_snapshot_without_data("compute-communication");
}

#[test]
fn multi_node_on_generated_digits() {
    assert_snapshot_without_data("multi-node");
}

#[test]
fn multi_node_on_mnist() {
    assert_snapshot_on_mnist("multi-node");
}

#[test]
fn numbers_depend_on_neither_threads_nor_instruction_set() {
    let empty = tempfile::tempdir().unwrap();
    for name in ["bernoulli-budget", "mlp-modes", "multi-node"] {
        let task = Task::new(name, Scale::Quick, 1).unwrap();
        let images = images(&task, empty.path());
        let expected = snapshot(&task, images.as_deref(), InstructionSet::detect());
        for instructions in InstructionSet::available() {
            for threads in [1, 3] {
                // The portable path is slow: once is enough for a training exhibit.
                if instructions == InstructionSet::Portable && threads == 3 {
                    continue;
                }
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| snapshot(&task, images.as_deref(), instructions));
                assert_eq!(found, expected, "{name}, {instructions}, {threads} threads");
            }
        }
    }
}
