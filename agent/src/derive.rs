//! From the bytes of a file to the events that are sent: framing first, then what a target wants
//! done with each event. Pure: no clock, no I/O.
//!
//! The rule that keeps lines safe: every byte of the input belongs to exactly one event or to the
//! event before it, so an event that is dropped here on purpose (a filter) is settled by its
//! neighbour, and one that is rewritten (a redaction) still settles the bytes it came from.
//!
//! The rule that keeps it fast: an event is a range of the buffer that was read. Only what cannot
//! be a range of it (decoded or rewritten text) is copied, into one buffer per chunk.

pub(crate) mod emf;
pub(crate) mod encoding;
pub(crate) mod filter;
pub(crate) mod framing;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod measure;
pub(crate) mod multiline;
pub(crate) mod redact;
pub(crate) mod refine;
pub(crate) mod sample;
pub(crate) mod timestamp;

pub(crate) use measure::Measured;
pub(crate) use refine::{Refined, Refiner};

use crate::record::Line;

/// Events on their way from a file's bytes to a chunk.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The events, in the order of the file: ranges of `text`, or of the bytes that were read.
    pub(crate) lines: Vec<Line>,
    /// What the events say, if it is not what the file's bytes say.
    pub(crate) text: Option<Text>,
    /// The metrics that were in them.
    pub(crate) measured: Measured,
}

/// Text that was derived from a file's bytes.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// What events are ranges of.
    pub(crate) bytes: Vec<u8>,
    /// For each event, the index of its first byte in the buffer that was read. As many as events.
    pub(crate) starts: Vec<u32>,
}
