//! What tests of several crates ask: that a number is the same bits however it is computed, and what
//! to do without published data or a program of the system.
//!
//! A test without them passes, so it has to be seen that it looked at nothing: the harness hides
//! what a passing test prints, but not what is written to standard error directly. Where the data
//! have to be there, as in continuous integration, `SAMPLED_REQUIRE_DATA=1` lets a test without
//! them fail.

use kernels::InstructionSet;
use std::io::Write as _;
use std::path::PathBuf;

/// Asks that `run` gives the same with every available instruction set on pools of so many threads,
/// and on the pool of the test.
///
/// # Panics
/// Where two results differ.
pub fn assert_same_bits<T: PartialEq + Send>(
    threads: &[usize],
    run: impl Fn(InstructionSet) -> T + Sync,
) {
    let expected = run(InstructionSet::detect());
    for &threads in threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.expect("threads of a test");
        for set in InstructionSet::available() {
            let found = pool.install(|| run(set));
            assert!(found == expected, "other bits with {threads} threads and {set}");
        }
    }
}

/// The data directory of the tests: `SAMPLED_DATA`, or the folder `data` of the workspace.
pub fn data_directory() -> PathBuf {
    std::env::var_os("SAMPLED_DATA").map_or("../data".into(), PathBuf::from)
}

/// Says that a test is skipped for want of a program of the system.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// Says that a test is skipped for want of published data.
///
/// # Panics
/// Where `SAMPLED_REQUIRE_DATA` is set, to anything but 0.
pub fn skip_without_data(reason: &str) {
    let required = std::env::var_os("SAMPLED_REQUIRE_DATA");
    skip_unless(required.is_some_and(|value| !value.is_empty() && value != "0"), reason);
}

fn skip_unless(is_required: bool, reason: &str) {
    assert!(!is_required, "SAMPLED_REQUIRE_DATA is set, and there is {reason}");
    skip(reason);
}

#[cfg(test)]
mod tests {
    use kernels::InstructionSet;

    #[test]
    fn what_depends_on_neither_threads_nor_instructions_passes() {
        super::assert_same_bits(&[1, 2], |_| 1.5);
    }

    #[test]
    #[should_panic = "other bits with"]
    fn what_depends_on_the_threads_fails() {
        let more = rayon::current_num_threads() + 1;
        super::assert_same_bits(&[more], |_| rayon::current_num_threads());
    }

    #[test]
    #[should_panic = "other bits with 1 threads"]
    fn what_depends_on_the_instructions_fails() {
        super::assert_same_bits(&[1], |set| set == InstructionSet::Portable);
    }

    #[test]
    fn without_data_a_test_is_skipped() {
        super::skip_unless(false, "no MNIST");
    }

    #[test]
    #[should_panic = "there is no MNIST"]
    fn without_data_that_are_required_a_test_fails() {
        super::skip_unless(true, "no MNIST");
    }
}
