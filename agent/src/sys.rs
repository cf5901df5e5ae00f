//! System calls that have no safe wrapper in the crates we use, one to a file.
//!
//! Each file is small, is the only place of its `unsafe`, and gives a safe function. Nothing here
//! decides anything.

pub(crate) mod alloc;
pub(crate) mod ethtool;
pub(crate) mod handle;
pub(crate) mod journal;
pub(crate) mod lease;
pub(crate) mod mmsg;
pub(crate) mod nvme;
