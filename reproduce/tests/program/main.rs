//! The program as its users meet it: a file a subject, in one test program, because each one more
//! is linked anew.

mod browser;
mod check;
mod command_line;
mod fetch;
mod own_images;
#[cfg(feature = "mpi")]
mod ranks;
mod readme;
mod related;
mod run;
mod settings;
mod snapshots;
mod sources;
mod stopping;
