//! Ranges of settings that several exhibits have.

/// The most repeats, seeds, draws and epochs that settings can ask for: each is a loop, and some
/// keep a number of every turn.
pub const MOST_REPEATS: usize = 10_000_000;
