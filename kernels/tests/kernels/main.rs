//! Tests of the public functions, in one binary.

mod many_pairs;
mod products;
mod strides;
mod whole_range;
