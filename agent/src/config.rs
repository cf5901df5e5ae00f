//! The agent's configuration once it is valid. `raw` reads it from TOML; after that nothing checks
//! it again.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_aws::LogGroup;

/// What the road from files to CloudWatch Logs needs to know.
#[derive(Clone, Debug)]
pub struct LogsConfig {
    /// The files to follow, in the order of the configuration. A file that matches several targets
    /// belongs to the first.
    pub files: Vec<FileTarget>,
    /// Bytes read and not yet accepted, over all files. Reading stops at this bound.
    pub in_flight_bytes_max: u32,
    /// How long an event may wait for its batch to fill.
    pub flush_interval: Duration,
    /// PutLogEvents calls in flight at once, over all streams.
    pub puts_in_flight_max: usize,
    /// How often directories are looked through even when no notification came.
    pub rescan_interval: Duration,
    /// The dead-letter file is cut at this size, oldest first, counted.
    pub dead_letter_bytes_max: u64,
}

/// A set of files that go to one log group.
#[derive(Clone, Debug)]
pub struct FileTarget {
    /// Globs, absolute.
    pub include: Vec<String>,
    /// Globs of files to leave out.
    pub exclude: Vec<String>,
    /// Where a file begins that existed before the agent first ran and has no position. A file
    /// that appears later always begins at its start.
    pub start: StartPosition,
    /// The group, made on demand.
    pub group: LogGroup,
    /// The stream. Every placeholder but `{file_name}` is filled in already.
    pub stream: String,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartPosition {
    /// At the first byte.
    Beginning,
    /// At the end: only what is written from now on.
    #[default]
    End,
}

/// Whether positions and dead letters are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere: a dry run leaves nothing behind. Positions that exist there are read.
    ReadOnly(PathBuf),
}
