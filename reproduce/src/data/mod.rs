//! The published data sets: what is there, and fetching what is not.

pub mod catalogue;
pub mod checksum;
pub mod fetch;
pub mod local;
pub mod transfer;
