//! Checksums of the code that numbers depend on, as the build script finds them: a part of every
//! key of a stored result, so that none outlives the code that made it.
//!
//! They change with the code of `kernels`, `theory`, `training` and the parts of this crate between
//! settings and numbers, and with the versions of dependencies; not with comments, documentation or
//! tests. Committed numbers are compared without a key, and so do not depend on them.

/// Of everything that the result of an exhibit depends on.
pub const EXHIBITS: &str = env!("SOURCES_OF_EXHIBITS");

/// Of what a single training run depends on: a change of an exhibit's report, or of a proof, lets
/// hours of training stand.
pub const RUNS: &str = env!("SOURCES_OF_RUNS");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_of_different_code() {
        assert_eq!([EXHIBITS.len(), RUNS.len()], [64, 64]);
        assert_ne!(EXHIBITS, RUNS);
    }
}
