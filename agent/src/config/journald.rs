//! What is read from the systemd journal and how it is written down.

use plimsoll_aws::LogGroup;

use super::{Placeholder, StartPosition, Template};

/// [`JournaldTarget`] before the identity of the instance is known.
#[derive(Clone, Debug, PartialEq)]
pub struct JournaldTemplate {
    /// See [`JournaldTarget::key`].
    pub key: u64,
    /// See [`JournaldTarget::selection`].
    pub selection: JournalSelection,
    /// See [`JournaldTarget::format`].
    pub format: JournalFormat,
    /// See [`JournaldTarget::start`].
    pub start: StartPosition,
    /// The group's name.
    pub group: Template,
    /// The group's other settings; its name is empty.
    pub settings: LogGroup,
    /// The stream's name.
    pub stream: Template,
}

impl JournaldTemplate {
    /// Fills in the names.
    pub(super) fn fill(&self, value: impl Fn(Placeholder) -> Option<String>) -> JournaldTarget {
        JournaldTarget {
            key: self.key,
            selection: self.selection.clone(),
            format: self.format.clone(),
            start: self.start,
            group: LogGroup {
                name: self.group.fill(&value),
                ..self.settings.clone()
            },
            stream: self.stream.fill(&value),
        }
    }
}

/// Entries of the journal that go to one log stream.
#[derive(Clone, Debug, Default)]
pub struct JournaldTarget {
    /// Names the target in the checkpoint: where its entries go, as it is written in the
    /// configuration, so that another unit in the selection does not lose the position.
    pub key: u64,
    /// Which entries.
    pub selection: JournalSelection,
    /// How an entry becomes an event.
    pub format: JournalFormat,
    /// Where to begin when there is no position yet.
    pub start: StartPosition,
    /// The group, made on demand.
    pub group: LogGroup,
    /// The stream.
    pub stream: String,
}

/// Which entries are read. An entry must satisfy every part that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalSelection {
    /// Units of the system, with their suffix: what they wrote, and what systemd says about them.
    pub units: Vec<String>,
    /// Names that programs log under (`SYSLOG_IDENTIFIER`).
    pub identifiers: Vec<String>,
    /// This syslog level and more severe ones; 0 is the most severe.
    pub priority: Option<u8>,
    /// `FIELD=value`: the same field any of them, different fields all of them.
    pub matches: Vec<String>,
    /// Which boots.
    pub boot: Boot,
    /// Only messages of the kernel, or only others.
    pub kernel: Option<bool>,
    /// Patterns of which the text of an event must match one, if there are any.
    pub include_lines: Vec<String>,
    /// Patterns of which it must match none.
    pub exclude_lines: Vec<String>,
}

/// Which boots entries are read of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boot {
    /// Whatever the journal keeps.
    #[default]
    All,
    /// The one that runs now.
    Current,
}

/// How an entry becomes the text of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JournalFormat {
    /// The message alone.
    #[default]
    Message,
    /// `identifier[pid]: message`, as in a file that syslog writes; the event has the time and the
    /// stream the host.
    Syslog,
    /// An object with these fields, or with all of them if the list is empty.
    Json(Vec<String>),
}
