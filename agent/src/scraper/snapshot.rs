//! What the host said at one tick, read once and shared by every scraper.
//!
//! Reading is the only I/O of the scrapers; what they do with a snapshot is pure, so a test makes
//! one from text. Each input is read only when a family that is on needs it, and whichever style
//! it tells. The snapshot of a tick is filled again at the next one, so that its buffers are
//! allocated once.

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::ScrapeError;
use super::disk::Space;
use super::processes::Counts;
use super::sockets::Sockets;
use plimsoll_ops::sys::clock::ClockState;

/// The root below which `/proc`, `/sys` and all mount points lie. Tests point it at a tree of
/// their own.
#[derive(Clone, Debug)]
pub struct HostRoot(PathBuf);

impl Default for HostRoot {
    /// The machine itself.
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl HostRoot {
    /// A host that lies below `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// Where `absolute` lies on this host.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.0.join(absolute.trim_start_matches('/'))
    }
}

/// What scrapers read: mostly a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    Stat,
    Meminfo,
    Loadavg,
    Diskstats,
    NetDev,
    Mounts,
    SelfStat,
    SelfStatus,
    Vmstat,
    PressureCpu,
    PressureMemory,
    PressureIo,
    FileNr,
    ConntrackCount,
    ConntrackMax,
    Snmp,
    Netstat,
    Sockstat,
    /// The names below `/sys/block`, not a file.
    Blocks,
    /// The states of all processes, not a file.
    Processes,
    /// The states of all TCP sockets and the number of UDP sockets, from four files.
    Sockets,
    /// Which interfaces are up, from a file of each.
    Interfaces,
    /// What devices under `/dev/mapper` and `/dev/root` are called by the kernel.
    DeviceNames,
    /// What the kernel knows of its clock, from a system call.
    Clock,
}

impl Input {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Stat => "/proc/stat",
            Self::Meminfo => "/proc/meminfo",
            Self::Loadavg => "/proc/loadavg",
            Self::Diskstats => "/proc/diskstats",
            Self::NetDev => "/proc/net/dev",
            Self::Mounts => "/proc/self/mounts",
            Self::SelfStat => "/proc/self/stat",
            Self::SelfStatus => "/proc/self/status",
            Self::Vmstat => "/proc/vmstat",
            Self::PressureCpu => "/proc/pressure/cpu",
            Self::PressureMemory => "/proc/pressure/memory",
            Self::PressureIo => "/proc/pressure/io",
            Self::FileNr => "/proc/sys/fs/file-nr",
            Self::ConntrackCount => "/proc/sys/net/netfilter/nf_conntrack_count",
            Self::ConntrackMax => "/proc/sys/net/netfilter/nf_conntrack_max",
            Self::Snmp => "/proc/net/snmp",
            Self::Netstat => "/proc/net/netstat",
            Self::Sockstat => "/proc/net/sockstat",
            Self::Blocks | Self::DeviceNames => "/sys/block",
            Self::Processes => "/proc",
            Self::Sockets => "/proc/net/tcp",
            Self::Interfaces => "/sys/class/net",
            Self::Clock => "adjtimex",
        }
    }

    /// Whether a host may be without it: a module that is not loaded, a kernel that was built
    /// without it. Its families then tell nothing, and that is no problem.
    const fn may_lack(self) -> bool {
        matches!(
            self,
            Self::PressureCpu
                | Self::PressureMemory
                | Self::PressureIo
                | Self::ConntrackCount
                | Self::ConntrackMax
        )
    }
}

/// One reading of the host.
#[derive(Debug)]
pub(crate) struct Snapshot {
    taken: Instant,
    texts: BTreeMap<Input, Text>,
    blocks: Option<BTreeSet<String>>,
    processes: Option<Result<Counts, ScrapeError>>,
    sockets: Option<Result<Sockets, ScrapeError>>,
    interfaces_up: Option<BTreeSet<String>>,
    device_names: BTreeMap<String, String>,
    clock: Option<Result<Option<ClockState>, ScrapeError>>,
    spaces: Vec<(Arc<str>, Space)>,
    instance_type: Option<Arc<str>>,
}

/// The text of a file, with its buffer.
#[derive(Debug, Default)]
struct Text {
    text: String,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// The buffer holds what an earlier tick read.
    #[default]
    Stale,
    Read,
    /// The host has no such file, and may be without.
    Lacking,
    Failed(ScrapeError),
}

impl Snapshot {
    pub(crate) fn empty(taken: Instant) -> Self {
        Self {
            taken,
            texts: BTreeMap::new(),
            blocks: None,
            processes: None,
            sockets: None,
            interfaces_up: None,
            device_names: BTreeMap::new(),
            clock: None,
            spaces: Vec::new(),
            instance_type: None,
        }
    }

    /// When it was read, for rates. The clock does not run while the machine is suspended, as the
    /// counters do not.
    pub(crate) fn taken(&self) -> Instant {
        self.taken
    }

    /// The text of a file.
    pub(crate) fn text(&self, input: Input) -> Result<&str, ScrapeError> {
        self.optional(input)?.ok_or_else(|| unread(input))
    }

    /// The text of a file that a host may be without.
    pub(crate) fn optional(&self, input: Input) -> Result<Option<&str>, ScrapeError> {
        match self.texts.get(&input).map(|text| (text, &text.state)) {
            Some((text, State::Read)) => Ok(Some(&text.text)),
            Some((_, State::Lacking)) => Ok(None),
            Some((_, State::Failed(error))) => Err(error.clone()),
            Some((_, State::Stale)) | None => Err(unread(input)),
        }
    }

    /// The whole block devices; `None` where `/sys` cannot be read.
    pub(crate) fn block_devices(&self) -> Option<&BTreeSet<String>> {
        self.blocks.as_ref()
    }

    /// The states of all processes.
    pub(crate) fn processes(&self) -> Result<Counts, ScrapeError> {
        let counts = self.processes.clone();
        counts.unwrap_or_else(|| Err(unread(Input::Processes)))
    }

    /// The states of all sockets.
    pub(crate) fn sockets(&self) -> Result<Sockets, ScrapeError> {
        let sockets = self.sockets.clone();
        sockets.unwrap_or_else(|| Err(unread(Input::Sockets)))
    }

    /// Whether an interface is up and no loopback; all are where `/sys` cannot be read.
    pub(crate) fn is_up(&self, interface: &str) -> bool {
        let up = self.interfaces_up.as_ref();
        up.is_none_or(|up| up.contains(interface))
    }

    /// What the kernel calls a device of the mount table, without `/dev/`.
    pub(crate) fn device_name<'n>(&'n self, device: &'n str) -> &'n str {
        match self.device_names.get(device) {
            Some(name) => name,
            None => device.strip_prefix("/dev/").unwrap_or(device),
        }
    }

    /// What the kernel knows of its clock; `None` where a sandbox forbids to ask.
    pub(crate) fn clock(&self) -> Result<Option<ClockState>, ScrapeError> {
        let clock = self.clock.clone();
        clock.unwrap_or_else(|| Err(unread(Input::Clock)))
    }

    /// The space of each mount that answered.
    pub(crate) fn spaces(&self) -> Result<&[(Arc<str>, Space)], ScrapeError> {
        self.text(Input::Mounts).map(|_| &*self.spaces)
    }

    /// Adds what the probe found out.
    pub(crate) fn set_spaces(&mut self, spaces: Vec<(Arc<str>, Space)>) {
        self.spaces = spaces;
    }

    /// The type of the instance, once it is known.
    pub(crate) fn instance_type(&self) -> Option<&str> {
        self.instance_type.as_deref()
    }

    /// Tells the type of the instance.
    pub(crate) fn set_instance_type(&mut self, instance_type: Option<Arc<str>>) {
        self.instance_type = instance_type;
    }

    /// Puts `text` in place of a file.
    #[cfg(test)]
    pub(crate) fn set_text(&mut self, input: Input, text: &str) {
        let text = Text {
            text: text.to_owned(),
            state: State::Read,
        };
        self.texts.insert(input, text);
    }

    /// Tells that the host has no such file.
    #[cfg(test)]
    pub(crate) fn set_lacking(&mut self, input: Input) {
        let text = Text {
            state: State::Lacking,
            ..Text::default()
        };
        self.texts.insert(input, text);
    }

    /// Names the whole block devices.
    #[cfg(test)]
    pub(crate) fn set_blocks(&mut self, blocks: &[&str]) {
        self.blocks = Some(blocks.iter().map(|name| (*name).to_owned()).collect());
    }

    /// Names the interfaces that are up.
    #[cfg(test)]
    pub(crate) fn set_interfaces_up(&mut self, up: &[&str]) {
        self.interfaces_up = Some(up.iter().map(|name| (*name).to_owned()).collect());
    }
}

fn unread(input: Input) -> ScrapeError {
    ScrapeError::malformed(input, "anything: it was not read")
}
