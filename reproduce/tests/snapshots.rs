//! The numbers of every exhibit at quick scale, one a line.
//!
//! A changed number shows up as a changed line: look at it with `cargo insta review`.

use kernels::InstructionSet;
use reproduce::cache::Cache;
use reproduce::exhibit::config::Scale;
use reproduce::exhibit::{Context, Task};
use reproduce::progress::Progress;

fn snapshot(name: &str, instructions: InstructionSet) -> String {
    let task = Task::new(name, Scale::Quick, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path());
    let progress = Progress::hidden();
    let context = Context { seed: task.seed, instructions, cache: &cache, progress: &progress };
    task.run(&context).unwrap().snapshot(name, "quick")
}

fn assert_snapshot(name: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../reference");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let text = snapshot(name, InstructionSet::detect());
        insta::assert_snapshot!(format!("{name}.quick"), text);
    });
}

#[test]
fn matmul_error() {
    assert_snapshot("matmul-error");
}

#[test]
fn bernoulli_budget() {
    assert_snapshot("bernoulli-budget");
}

#[test]
fn numbers_depend_on_neither_threads_nor_instruction_set() {
    let name = "bernoulli-budget";
    let expected = snapshot(name, InstructionSet::Portable);
    for instructions in InstructionSet::available() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| snapshot(name, instructions));
            assert_eq!(found, expected, "{instructions}, {threads} threads");
        }
    }
}
