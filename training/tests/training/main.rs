//! Tests of the public functions, in one binary: each one more instantiates the generic functions of
//! the library anew. Ranks of an MPI job are tested by a program of their own.

mod allocations;
mod checkpoint;
mod codes;
mod fast_cifar;
mod language_model;
#[path = "../ranks/mod.rs"]
mod ranks;
mod resnet;
mod streaming;
mod threads;
