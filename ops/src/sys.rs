//! System calls that have no safe wrapper in the crates we use, one to a file.
//!
//! Each file is small, is the only place of its `unsafe`, and gives a safe function. Nothing here
//! decides anything.

pub mod clock;
pub(crate) mod peer;
pub(crate) mod run_as;
