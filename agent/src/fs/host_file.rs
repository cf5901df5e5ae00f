//! An open file of the machine: as it is, or unpacked.

use std::fs::File;

use super::archive::Archive;

/// An open file.
#[derive(Debug)]
pub(crate) enum HostFile {
    /// Read as it is.
    Plain(File),
    /// Read as what it was made of.
    Archive(Box<Archive>),
}
