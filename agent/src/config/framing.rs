//! How the bytes of a file become events, and how fast it is read: what `[[logs.file]]` says about
//! its text. Nothing here reads anything.

use std::time::Duration;

use encoding_rs::Encoding;
use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;
use regex::bytes::Regex;

/// What a file's text is like.
#[derive(Clone, Debug, Default)]
pub struct Framing {
    /// What its bytes mean.
    pub encoding: TextEncoding,
    /// Which lines belong together; `None` makes each line an event.
    pub multi_line: Option<MultiLine>,
    /// Bytes of each file that are read in a second; the rest waits in the file.
    pub rate_limit: Option<u64>,
}

/// What the bytes of a file mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// Sent as it is; only what is not UTF-8 is replaced.
    #[default]
    Utf8,
    /// UTF-16 in the byte order that the mark at the file's start tells, little-endian without.
    Utf16,
    /// Decoded.
    Other(&'static Encoding),
}

/// Which lines make one event, and how long an event may become.
#[derive(Clone, Debug)]
pub struct MultiLine {
    /// What tells where an event begins.
    pub rule: Rule,
    /// The longest event that lines are joined to, in bytes of its text.
    pub bytes_max: usize,
    /// Lines in an event, empty ones counted.
    pub lines_max: usize,
    /// How long a file must be quiet before its last event is taken for complete.
    pub timeout: Duration,
}

impl MultiLine {
    /// The longest event unless configured: whatever CloudWatch Logs takes.
    pub const BYTES_MAX: usize = EVENT_BYTES_MAX;
    /// Lines in an event unless configured. A Java stack overflow prints 1,024 frames for each
    /// cause; no real trace has been seen that needs more than a few times that.
    pub const LINES_MAX: usize = 5_000;
    /// How long a file must be quiet unless configured: what a batch may wait by default, too.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// The rule with the default bounds.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            bytes_max: Self::BYTES_MAX,
            lines_max: Self::LINES_MAX,
            timeout: Self::TIMEOUT,
        }
    }
}

/// What tells where an event begins.
#[derive(Clone, Debug)]
pub enum Rule {
    /// A line that matches begins an event; all others belong to the line before.
    Start(Regex),
    /// A line that matches belongs to the line before; all others begin an event.
    Continuation(Regex),
    /// Stack traces and indentation.
    Modes(Modes),
}

/// A kind of text that the agent knows how to keep together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Traces of Java and other languages of its virtual machine.
    Java,
    /// Tracebacks, chained ones and groups too.
    Python,
    /// Panics and dumps of goroutines.
    Go,
    /// Errors of Node.js with causes and properties.
    Node,
    /// Exceptions of .NET with inner ones.
    DotNet,
    /// Panics with backtraces, and reports of anyhow and eyre.
    Rust,
    /// Lines that begin with a space or a tab.
    Indent,
}

/// A set of modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes(u8);

impl Modes {
    /// The set with one mode more.
    #[must_use]
    pub fn with(self, mode: Mode) -> Self {
        Self(self.0 | 1 << mode as u8)
    }

    /// Whether the mode is in the set.
    #[must_use]
    pub fn has(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u8) != 0
    }
}
