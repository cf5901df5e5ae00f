//! Single processes and groups of them, found by pid file, name, command line, unit, control group
//! or user.
//!
//! All targets share one pass over `/proc`. What a process fits is remembered by its number, its
//! start and its name, so its command line and control groups are read only while it is new. The
//! processes of a target that have the same name are told as one series, folded: `Sum` is what
//! they have together, `Average` what one has, `SampleCount` how many there are.

mod measure;
mod process;
mod table;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::catalog::{Metric, PROCESS_METRICS, PROCSTAT_LOOKUP_PID_COUNT};

pub use target::{Finder, ProcessTarget, TARGETS_MAX};

use super::Style;
use super::aside::{Device, Look};
use super::snapshot::HostRoot;
use crate::aggregate::Folded;
use crate::sample::{Labels, Sample, as_value};
use measure::{Kind, MEASURES, Measure, needs};
use table::{Found, Table};

/// What every name of a process's metric begins with.
const PREFIX: &str = "procstat_";
/// The name of the count of processes as the amazon-cloudwatch-agent has it asked for.
const PID_COUNT: &str = "pid_count";
/// How the amazon-cloudwatch-agent calls looking through `/proc`.
const PID_FINDER: &str = "native";
/// What stands for a limit that there is not, in the style of the amazon-cloudwatch-agent: what
/// the kernel calls infinity. Source: `RLIM_INFINITY`, `getrlimit(2)`.
const INFINITY: u64 = u64::MAX;
/// What is told of a target that does not say.
pub const MEASUREMENTS: [&Metric; 5] = [
    &plimsoll_core::catalog::PROCSTAT_CPU_USAGE,
    &plimsoll_core::catalog::PROCSTAT_MEMORY_RSS,
    &plimsoll_core::catalog::PROCSTAT_NUM_THREADS,
    &plimsoll_core::catalog::PROCSTAT_NUM_FDS,
    &PROCSTAT_LOOKUP_PID_COUNT,
];

/// The metric of a process that is meant by a name with or without its prefix.
#[must_use]
pub fn measurement(name: &str) -> Option<&'static Metric> {
    let short = name.strip_prefix(PREFIX).unwrap_or(name);
    if short == PID_COUNT {
        return Some(&PROCSTAT_LOOKUP_PID_COUNT);
    }
    let mut all = PROCESS_METRICS.iter().copied();
    all.find(|metric| metric.name.strip_prefix(PREFIX) == Some(short))
}

/// The names that [`measurement`] knows, without the prefix.
pub fn measurement_names() -> impl Iterator<Item = &'static str> {
    let names = PROCESS_METRICS.iter().map(|metric| {
        if **metric == PROCSTAT_LOOKUP_PID_COUNT {
            PID_COUNT
        } else {
            metric.name.strip_prefix(PREFIX).unwrap_or(metric.name)
        }
    });
    names.map(|name: &'static str| name)
}

/// The family `procstat`.
pub(super) struct Procstat {
    style: Style,
    targets: Vec<Told>,
    table: Table,
}

/// What is told of one target.
struct Told {
    /// What found it, and what the configuration adds.
    dimensions: Vec<(Arc<str>, Arc<str>)>,
    process_name: Option<Arc<str>>,
    tells_names: bool,
    /// Places in [`MEASURES`].
    measures: Vec<usize>,
    tells_count: bool,
}

impl Procstat {
    /// Looks for all targets below `root`.
    pub(super) fn new(root: HostRoot, style: Style, targets: &[ProcessTarget]) -> Self {
        let targets = targets.get(..TARGETS_MAX).unwrap_or(targets);
        let told: Vec<Told> = targets.iter().map(Told::new).collect();
        let all = || told.iter().flat_map(Told::measures);
        let counters: BTreeSet<usize> = all()
            .filter(|(_, measure)| measure.kind == Kind::Counter)
            .map(|(at, _)| at)
            .collect();
        let (counters, unlimited) = match style {
            Style::Plimsoll => (counters, None),
            Style::CloudWatchAgent => (BTreeSet::new(), Some(as_value(INFINITY))),
        };
        let needs = told.iter().map(|told| {
            let measures = told.measures();
            measures.fold(needs::STAT, |needs, (_, measure)| needs | measure.needs)
        });
        let needs = needs.collect();
        Self {
            style,
            table: Table::new(
                root,
                targets,
                needs,
                counters.into_iter().collect(),
                unlimited,
            ),
            targets: told,
        }
    }

    /// How things are, or what was added to a counter since the look before.
    fn value(&self, at: usize, measure: &Measure, found: &Found) -> Option<f64> {
        let value = (measure.value)(&found.process)?;
        if !self.is_added_up(measure) {
            return Some(value);
        }
        let mut before = found.before.iter();
        let (_, before) = before.find(|(counter, _)| *counter == at)?;
        // A number that went back is that of another process after all.
        Some(value - before).filter(|added| *added >= 0.0)
    }

    /// Whether it is told what was added. The amazon-cloudwatch-agent tells what a counter says.
    fn is_added_up(&self, measure: &Measure) -> bool {
        self.style == Style::Plimsoll && measure.kind == Kind::Counter
    }

    /// Adds what a target tells of its processes.
    fn tell(&self, at: usize, told: &Told, found: &[Found], samples: &mut Vec<Sample>) {
        let mut names: BTreeMap<Option<Arc<str>>, Vec<Option<Folded>>> = BTreeMap::new();
        for found in found.iter().filter(|found| found.fits(at)) {
            let folded = names
                .entry(told.name_of(found))
                .or_insert_with(|| vec![None; told.measures.len()]);
            for (folded, (at, measure)) in folded.iter_mut().zip(told.measures()) {
                let Some(value) = self.value(at, measure, found) else {
                    continue;
                };
                match folded {
                    Some(folded) => folded.merge(&Folded::One(value)),
                    None => *folded = Some(Folded::One(value)),
                }
            }
        }
        for (name, folded) in names {
            let labels = told.labels(name);
            for (folded, (_, measure)) in folded.into_iter().zip(told.measures()) {
                let Some(value) = folded else { continue };
                samples.push(Sample {
                    metric: measure.metric.into(),
                    labels: labels.clone(),
                    value,
                    additive: self.is_added_up(measure),
                });
            }
        }
    }
}

impl Told {
    fn new(target: &ProcessTarget) -> Self {
        let added = target.dimensions.iter();
        let added =
            added.map(|(name, value)| (Arc::from(name.as_str()), Arc::from(value.as_str())));
        let (name, value) = target.finder.dimension();
        let finder = (Arc::from(name), Arc::from(value));
        let measures = target.measurements.iter().filter_map(|metric| {
            let mut all = MEASURES.iter();
            all.position(|measure| measure.metric == *metric)
        });
        Self {
            dimensions: added.chain([finder]).collect(),
            process_name: target.process_name.as_deref().map(Arc::from),
            tells_names: target.finder.tells_names(),
            measures: measures.collect(),
            tells_count: target.measurements.contains(&&PROCSTAT_LOOKUP_PID_COUNT),
        }
    }

    fn measures(&self) -> impl Iterator<Item = (usize, &'static Measure)> {
        let measures = self.measures.iter();
        measures.filter_map(|at| Some((*at, MEASURES.get(*at)?)))
    }

    /// The name under which a process is told, if under any.
    fn name_of(&self, found: &Found) -> Option<Arc<str>> {
        let own = || (self.tells_names && !found.name.is_empty()).then(|| Arc::clone(&found.name));
        self.process_name.clone().or_else(own)
    }

    fn labels(&self, process_name: Option<Arc<str>>) -> Labels {
        let name = process_name.map(|name| (Arc::from("process_name"), name));
        Labels::new(self.dimensions.iter().cloned().chain(name))
    }

    fn count(&self, pids: u64) -> Sample {
        let finder = (Arc::from("pid_finder"), Arc::from(PID_FINDER));
        let labels = Labels::new(self.dimensions.iter().cloned().chain([finder]));
        Sample::new(&PROCSTAT_LOOKUP_PID_COUNT, as_value(pids)).labelled(&labels)
    }
}

impl Device for Procstat {
    fn look(&mut self, now: Instant) -> Look {
        let mut look = Look::default();
        let pass = self.table.pass(now, &mut look);
        for (at, told) in self.targets.iter().enumerate() {
            self.tell(at, told, &pass.found, &mut look.samples);
            if told.tells_count {
                let pids = pass.counts.get(at).copied().unwrap_or_default();
                look.samples.push(told.count(pids));
            }
        }
        look
    }
}

/// Reads `text` as each file of a process, for fuzzing.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn read_anything(text: &str) {
    let process = measure::Process {
        stat: process::Stat::parse(text).unwrap_or_default(),
        status: text.to_owned(),
        io: text.to_owned(),
        limits: text.to_owned(),
        ..measure::Process::default()
    };
    for measure in MEASURES {
        let value = (measure.value)(&process);
        assert!(value.is_none_or(f64::is_finite), "{}", measure.metric.name);
    }
}

#[cfg(test)]
mod tests;
