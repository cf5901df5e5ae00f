//! Scrapers: each reads one family of host metrics on a tick.
//!
//! One snapshot of the host is read per tick, off the runtime's thread, and shared; each family
//! turns it into samples by pure code. A family that fails costs its own samples only: the failure
//! is counted, told once, and the others go on.

mod aside;
mod cpu;
mod credits;
mod cwagent;
mod disk;
mod diskio;
mod ethtool;
mod filter;
mod kernel;
mod load;
mod memory;
mod net;
mod netstat;
mod nvidia;
mod nvme;
mod own;
mod pressure;
mod probe;
mod processes;
mod procstat;
mod rate;
#[cfg(test)]
mod referee;
mod snapshot;
mod sockets;
#[cfg(test)]
mod testing;
mod trend;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::error::chain;

pub use disk::{MountFilter, PSEUDO_TYPES};
pub use ethtool::{ALLOWANCES, EthtoolSelection};
pub use filter::NameFilter;
pub use procstat::{
    Finder, MEASUREMENTS, ProcessTarget, TARGETS_MAX, measurement, measurement_names,
};
pub use snapshot::HostRoot;

use crate::health::Health;
use crate::sample::Sample;
pub(crate) use aside::ASIDE_MAX;
use aside::Aside;
use probe::Probe;
pub(crate) use probe::STUCK_MAX;
use snapshot::{Input, Snapshot};

/// Room for the samples of a family, so that few have to grow.
const SAMPLES_USUAL: usize = 16;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use aside::read_anything;

/// Turns a snapshot into samples of one family.
pub(crate) trait Scraper: Send + Sync {
    /// Adds what can be told. What was added before an error stays.
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError>;
}

/// A family of metrics that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Swap space.
    Swap,
    /// Load averages.
    Load,
    /// Space of file systems.
    Disk,
    /// Traffic of block devices.
    DiskIo,
    /// Traffic of network interfaces.
    Net,
    /// Processes by state.
    Processes,
    /// The agent about itself.
    Agent,
    /// Time lost to waiting.
    Pressure,
    /// How TCP fares.
    Netstat,
    /// Processes killed for lack of memory.
    Oom,
    /// Tables of the kernel that may fill up.
    Limits,
    /// The clock, and who corrects it.
    Clock,
    /// CPU credits of burstable types.
    Credits,
    /// Threads that wait for their turn.
    Scheduler,
    /// Processes that the configuration names.
    Procstat,
    /// Counters of network interfaces as their drivers tell them.
    Ethtool,
    /// Counters of EBS volumes and instance stores.
    Nvme,
    /// NVIDIA GPUs.
    NvidiaGpu,
}

/// Every family with its name in the configuration.
pub const FAMILIES: [(&str, Family); 20] = [
    ("cpu", Family::Cpu),
    ("memory", Family::Memory),
    ("swap", Family::Swap),
    ("load", Family::Load),
    ("disk", Family::Disk),
    ("diskio", Family::DiskIo),
    ("net", Family::Net),
    ("processes", Family::Processes),
    ("agent", Family::Agent),
    ("pressure", Family::Pressure),
    ("netstat", Family::Netstat),
    ("oom", Family::Oom),
    ("limits", Family::Limits),
    ("clock", Family::Clock),
    ("credits", Family::Credits),
    ("scheduler", Family::Scheduler),
    ("procstat", Family::Procstat),
    ("ethtool", Family::Ethtool),
    ("nvme", Family::Nvme),
    ("nvidia_gpu", Family::NvidiaGpu),
];
/// Families that are measured only when they are asked for: what they tell is seen in others
/// already, or they ask devices, need more rights than most, or must be told what to look for.
pub const OFF_BY_DEFAULT: [Family; 5] = [
    Family::Scheduler,
    Family::Procstat,
    Family::Ethtool,
    Family::Nvme,
    Family::NvidiaGpu,
];

impl Family {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        FAMILIES
            .iter()
            .find(|(_, family)| *family == self)
            .map_or("", |(name, _)| name)
    }

    fn inputs(self, style: Style) -> &'static [Input] {
        if style == Style::CloudWatchAgent
            && let Some(inputs) = cwagent::inputs(self)
        {
            return inputs;
        }
        match self {
            Self::Cpu | Self::Credits | Self::Scheduler => &[Input::Stat],
            Self::Memory | Self::Swap => &[Input::Meminfo],
            Self::Load => &[Input::Loadavg, Input::Stat],
            Self::Disk => &[Input::Mounts],
            Self::DiskIo => &[Input::Diskstats, Input::Blocks],
            Self::Net => &[Input::NetDev],
            Self::Processes => &[Input::Processes],
            Self::Agent => &[Input::SelfStat, Input::SelfStatus],
            Self::Pressure => &[Input::PressureCpu, Input::PressureMemory, Input::PressureIo],
            Self::Netstat => &[Input::Snmp, Input::Netstat, Input::Sockstat],
            Self::Oom => &[Input::Vmstat],
            Self::Limits => &[Input::FileNr, Input::ConntrackCount, Input::ConntrackMax],
            Self::Clock => &[Input::Clock],
            Self::Procstat | Self::Ethtool | Self::Nvme | Self::NvidiaGpu => &[],
        }
    }
}

/// Whose names, units, dimensions and deltas are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Those of the catalog: rates per second.
    #[default]
    Plimsoll,
    /// Exactly those of the amazon-cloudwatch-agent: counters as what was added since the sample
    /// before, and its dimensions.
    CloudWatchAgent,
}

/// A family that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilySelection {
    /// Which.
    pub family: Family,
    /// The time between two looks, a whole number of seconds.
    pub sample_interval: Duration,
    /// The time that a datum stands for, a multiple of it.
    pub interval: Duration,
}

/// What to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Whose names are told.
    pub style: Style,
    /// The families that are on, each once.
    pub families: Vec<FamilySelection>,
    /// Which mounts `disk` tells.
    pub mounts: MountFilter,
    /// Which devices `diskio` tells.
    pub devices: NameFilter,
    /// Which interfaces `net` tells.
    pub interfaces: NameFilter,
    /// Which processors `cpu` tells in the style of the amazon-cloudwatch-agent.
    pub cpu: CpuSelection,
    /// Whether `pressure` also tells when all tasks waited.
    pub pressure_full: bool,
    /// Which processes `procstat` tells.
    pub processes: Vec<ProcessTarget>,
    /// What `ethtool` tells.
    pub ethtool: EthtoolSelection,
    /// Where the program is that `nvidia_gpu` runs; `/usr/bin/nvidia-smi` if empty.
    pub nvidia_smi: PathBuf,
}

/// Which processors are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuSelection {
    /// All of them together.
    pub total: bool,
    /// Each of them.
    pub per_core: bool,
}

impl Default for CpuSelection {
    fn default() -> Self {
        Self {
            total: true,
            per_core: false,
        }
    }
}

/// Why a family could not be told.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ScrapeError {
    /// Look at the permissions or the kernel.
    #[error("{path} cannot be read")]
    Unreadable {
        path: &'static str,
        source: Arc<io::Error>,
    },
    /// The kernel wrote something that this version does not know.
    #[error("{path} does not hold {expected}")]
    Malformed {
        path: &'static str,
        expected: &'static str,
    },
}

impl ScrapeError {
    fn unreadable(input: Input, source: io::Error) -> Self {
        Self::Unreadable {
            path: input.path(),
            source: Arc::new(source),
        }
    }

    fn malformed(input: Input, expected: &'static str) -> Self {
        Self::Malformed {
            path: input.path(),
            expected,
        }
    }

    /// The reason under which it is counted.
    fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "host_unreadable",
            Self::Malformed { .. } => "host_malformed",
        }
    }
}

/// The scraper of a family in the style that was asked for; `None` if it is asked beside the tick.
fn scraper(
    family: Family,
    selection: &Selection,
    health: &Arc<Health>,
) -> Option<Box<dyn Scraper>> {
    if selection.style == Style::CloudWatchAgent
        && let Some(scraper) = cwagent::scraper(family, selection)
    {
        return Some(scraper);
    }
    Some(match family {
        Family::Cpu => Box::new(cpu::Cpu::default()),
        Family::Memory => Box::new(memory::Memory),
        Family::Swap => Box::new(memory::Swap),
        Family::Load => Box::new(load::Load),
        Family::Disk => Box::new(disk::Disk::default()),
        Family::DiskIo => Box::new(diskio::DiskIo::new(selection.devices.clone())),
        Family::Net => Box::new(net::Net::new(selection.interfaces.clone())),
        Family::Processes => Box::new(processes::Processes),
        Family::Agent => Box::new(own::Own::new(Arc::clone(health), Instant::now())),
        Family::Pressure => Box::new(pressure::Pressure::new(selection.pressure_full)),
        Family::Netstat => Box::new(netstat::Netstat::default()),
        Family::Oom => Box::new(kernel::Oom::default()),
        Family::Limits => Box::new(kernel::Limits),
        Family::Clock => Box::new(kernel::ClockHealth),
        Family::Credits => Box::new(credits::Credits::default()),
        Family::Scheduler => Box::new(kernel::Scheduler::default()),
        Family::Procstat | Family::Ethtool | Family::Nvme | Family::NvidiaGpu => return None,
    })
}

/// All families that are on, and how their inputs are read.
pub(crate) struct Scrapers {
    root: HostRoot,
    families: Vec<(Family, Box<dyn Scraper>)>,
    asides: Vec<Aside>,
    style: Style,
    mounts: MountFilter,
    probe: Probe,
    instance_type: Option<Arc<str>>,
    /// The snapshot of the tick before, for its buffers.
    spare: Option<Snapshot>,
    health: Arc<Health>,
    failing: BTreeSet<Family>,
}

impl Scrapers {
    pub(crate) fn new(root: HostRoot, selection: &Selection, health: Arc<Health>) -> Self {
        let selected = || selection.families.iter();
        let families = selected().filter_map(|one| {
            let scraper = scraper(one.family, selection, &health)?;
            Some((one.family, scraper))
        });
        let asides = selected().filter_map(|one| Aside::of(&root, selection, *one));
        Self {
            asides: asides.collect(),
            families: families.collect(),
            style: selection.style,
            mounts: selection.mounts.clone(),
            probe: Probe::new(root.clone()),
            instance_type: None,
            spare: None,
            failing: BTreeSet::new(),
            root,
            health,
        }
    }

    /// Tells the type of the instance, once it is known.
    pub(crate) fn set_instance_type(&mut self, instance_type: Option<&str>) {
        self.instance_type = instance_type.map(Arc::from);
    }

    /// Takes the first reading, without which there are no rates. The agent's own counters are
    /// left alone: they count from the start; and so are GPUs, which have no rates.
    pub(crate) async fn prime(&mut self) {
        let has_rates = |family| !matches!(family, Family::Agent | Family::NvidiaGpu);
        drop(self.scrape(has_rates).await);
    }

    /// Reads once what the wanted families need, and gives what each of them tells.
    pub(crate) async fn scrape(
        &mut self,
        wanted: impl Fn(Family) -> bool,
    ) -> Vec<(Family, Vec<Sample>)> {
        // Devices think while the rest is read.
        for aside in self.asides.iter_mut().filter(|one| wanted(one.family)) {
            aside.begin();
        }
        let mut told = Vec::new();
        if let Some(snapshot) = self.snapshot(&wanted).await {
            self.tell(&snapshot, &wanted, &mut told);
            self.spare = Some(snapshot);
        }
        for aside in self.asides.iter_mut().filter(|one| wanted(one.family)) {
            told.push((aside.family, aside.finish(&self.health).await));
        }
        told
    }

    fn tell(
        &mut self,
        snapshot: &Snapshot,
        wanted: &impl Fn(Family) -> bool,
        told: &mut Vec<(Family, Vec<Sample>)>,
    ) {
        let families = self.families.iter_mut();
        for (family, scraper) in families.filter(|(family, _)| wanted(*family)) {
            let mut samples = Vec::with_capacity(SAMPLES_USUAL);
            match scraper.scrape(snapshot, &mut samples) {
                Ok(()) => {
                    if self.failing.remove(family) {
                        log::info!(family = family.name(); "host metrics can be read again");
                    }
                }
                Err(error) => {
                    self.health.problems.add(error.reason(), 1);
                    if self.failing.insert(*family) {
                        let error = chain(&error);
                        log::warn!(family = family.name(); "host metrics are missing: {error}");
                    }
                }
            }
            told.push((*family, samples));
        }
    }

    async fn snapshot(&mut self, wanted: &impl Fn(Family) -> bool) -> Option<Snapshot> {
        let families = self.families.iter().map(|(family, _)| *family);
        let inputs = families.filter(|family| wanted(*family));
        let inputs = inputs.flat_map(|family| family.inputs(self.style));
        let inputs: BTreeSet<Input> = inputs.copied().collect();
        let root = self.root.clone();
        let spare = self.spare.take();
        let read = tokio::task::spawn_blocking(move || {
            let mut snapshot = spare.unwrap_or_else(|| Snapshot::empty(Instant::now()));
            snapshot.fill(&root, &inputs);
            snapshot
        });
        let read = read.await;
        let mut snapshot = match read {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.health.problems.add("host_unreadable", 1);
                log::error!("the host could not be read: {error}");
                return None;
            }
        };
        snapshot.set_instance_type(self.instance_type.clone());
        if let Ok(table) = snapshot.text(Input::Mounts) {
            let points = disk::mount_points(table, &self.mounts, self.style);
            let answers = self.probe.ask(&points).await;
            for (path, error) in answers.failed {
                if self.health.problems.add("mount_unreadable", 1) {
                    log::warn!(path = &*path; "a file system does not tell its size: {error}");
                }
            }
            for path in answers.dead {
                if self.health.problems.add("mount_dead", 1) {
                    log::warn!(path = &*path; "a file system does not answer; it is left out until it does");
                }
            }
            snapshot.set_spaces(answers.spaces);
        }
        Some(snapshot)
    }
}
