//! One pass over `/proc` for all targets, and what is remembered between two.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use super::super::aside::Look;
use super::super::snapshot::HostRoot;
use super::measure::{MEASURES, Process, TICKS_PER_SECOND, needs};
use super::process::{Files, Identity, Stat};
use super::target::{Matcher, ProcessTarget, resolve_users};
use crate::sample::as_value;

/// Processes that are measured in one look, some 100 system calls and 4 kB each at most. Those
/// beyond it are still counted.
const MEASURED_MAX: usize = 1000;
/// Processes that are remembered, some 200 bytes each. What is forgotten is looked at anew.
const REMEMBERED_MAX: usize = 65_536;
/// A child has the command line of its parent until it begins another program, so what it fits is
/// believed only when it was found twice.
const LOOKS_UNTIL_BELIEVED: u8 = 2;
/// Where users have their numbers.
const PASSWD: &str = "/etc/passwd";

/// What is remembered of one process.
#[derive(Debug)]
struct Known {
    start_ticks: u64,
    /// The name as the kernel has it: a process that begins another program has another.
    short_name: Box<str>,
    name: Arc<str>,
    /// Looks in which it was judged.
    looks: u8,
    /// Targets that it fits, one bit each.
    fits: u64,
    used: Option<(Instant, u64)>,
    counters: Vec<(usize, f64)>,
}

/// A process that fits a target.
#[derive(Debug)]
pub(super) struct Found {
    fits: u64,
    pub(super) name: Arc<str>,
    pub(super) process: Process,
    /// What its counters said at the look before, by their place in [`MEASURES`].
    pub(super) before: Vec<(usize, f64)>,
}

impl Found {
    /// Whether it fits a target.
    pub(super) fn fits(&self, target: usize) -> bool {
        self.fits & bit(target) != 0
    }
}

/// What one pass has found.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The processes that were measured.
    pub(super) found: Vec<Found>,
    /// How many processes fit each target.
    pub(super) counts: Vec<u64>,
    /// How many were not measured because there are too many.
    too_many: u64,
    /// Files that may not be read, with one of them.
    denied: Option<(u64, String)>,
}

/// Finds the processes of all targets.
#[derive(Debug)]
pub(super) struct Table {
    root: HostRoot,
    matchers: Vec<Matcher>,
    /// What each target needs to be read.
    needs: Vec<u8>,
    /// Counters whose values are kept, by their place in [`MEASURES`].
    counters: Vec<usize>,
    unlimited: Option<f64>,
    known: BTreeMap<u32, Known>,
}

impl Table {
    pub(super) fn new(
        root: HostRoot,
        targets: &[ProcessTarget],
        needs: Vec<u8>,
        counters: Vec<usize>,
        unlimited: Option<f64>,
    ) -> Self {
        // The configuration was checked, so that none is left out here.
        let matchers = targets.iter().map(|target| Matcher::new(&target.finder));
        Self {
            root,
            matchers: matchers.filter_map(Result::ok).collect(),
            needs,
            counters,
            unlimited,
            known: BTreeMap::new(),
        }
    }

    /// Looks at every process once.
    pub(super) fn pass(&mut self, now: Instant, look: &mut Look) -> Pass {
        let mut pass = Pass {
            counts: vec![0; self.matchers.len()],
            ..Pass::default()
        };
        self.resolve_users(look);
        let pid_files = self.pid_files(look);
        let mut before = std::mem::take(&mut self.known);
        match pids(&self.root) {
            Ok(pids) => {
                for pid in pids {
                    let by_file = pid_files.get(&pid).copied().unwrap_or_default();
                    self.look_at(pid, by_file, before.remove(&pid), now, &mut pass);
                }
            }
            Err(error) => look.trouble(
                "host_unreadable",
                1,
                format!("processes cannot be listed: {error}"),
            ),
        }
        if pass.too_many > 0 {
            let why = format!(
                "only {MEASURED_MAX} processes are measured at once; the others are counted alone"
            );
            look.trouble("procstat_too_many", pass.too_many, why);
        }
        if let Some((count, example)) = pass.denied.take() {
            let why = format!(
                "{example} of another user may not be read, which takes CAP_SYS_PTRACE \
                 and CAP_DAC_READ_SEARCH; what it says is left out"
            );
            look.trouble("procstat_denied", count, why);
        }
        pass
    }

    fn look_at(
        &mut self,
        pid: u32,
        by_file: u64,
        known: Option<Known>,
        now: Instant,
        pass: &mut Pass,
    ) {
        let files = Files(self.root.path(&format!("/proc/{pid}")));
        // A process that has ended meanwhile is no error.
        let stat = files.text("stat").ok().and_then(|text| Stat::parse(&text));
        let Some(stat) = stat.filter(|stat| !stat.has_ended()) else {
            return;
        };
        let mut known = self.judged(&files, &stat, known);
        let fits = known.fits | by_file;
        for (at, count) in pass.counts.iter_mut().enumerate() {
            *count += u64::from(fits & bit(at) != 0);
        }
        if fits != 0 && pass.found.len() >= MEASURED_MAX {
            pass.too_many += 1;
        } else if fits != 0 {
            let needs = self.needs.iter().enumerate();
            let needs = needs
                .filter(|(at, _)| fits & bit(*at) != 0)
                .fold(needs::STAT, |all, (_, needs)| all | needs);
            if let Some(process) = self.measured(pid, &files, stat, needs, pass) {
                pass.found
                    .push(self.advance(&mut known, fits, process, now));
            }
        }
        if self.known.len() < REMEMBERED_MAX {
            self.known.insert(pid, known);
        }
    }

    /// What a process fits: as it was believed before, or found out now.
    fn judged(&self, files: &Files, stat: &Stat, known: Option<Known>) -> Known {
        let known = known.filter(|known| {
            known.start_ticks == stat.start_ticks && *known.short_name == *stat.name
        });
        let known = match known {
            Some(known) if known.looks >= LOOKS_UNTIL_BELIEVED => return known,
            other => other,
        };
        let mut identity = Identity::new(files, &stat.name);
        let matchers = self.matchers.iter().enumerate();
        let fits = matchers
            .filter(|(_, matcher)| matcher.matches(&mut identity))
            .fold(0, |fits, (at, _)| fits | bit(at));
        let (looks, used, counters) = known.map_or((0, None, Vec::new()), |known| {
            (known.looks, known.used, known.counters)
        });
        Known {
            start_ticks: stat.start_ticks,
            short_name: stat.name.as_str().into(),
            name: Arc::from(identity.name()),
            looks: looks + 1,
            fits,
            used,
            counters,
        }
    }

    /// Reads what is needed of a process; `None` when it has ended meanwhile.
    fn measured(
        &self,
        pid: u32,
        files: &Files,
        stat: Stat,
        wanted: u8,
        pass: &mut Pass,
    ) -> Option<Process> {
        let text = |pass: &mut Pass, need, name| {
            let is_wanted = wanted & need != 0;
            pass.read(name, is_wanted.then(|| files.text(name)))
        };
        let status = text(pass, needs::STATUS, "status")?;
        let io = text(pass, needs::IO, "io")?;
        let limits = text(pass, needs::LIMITS, "limits")?;
        let descriptors = wanted & needs::DESCRIPTORS != 0;
        let descriptors = pass.read("fd", descriptors.then(|| files.descriptors().map(Some)))?;
        Some(Process {
            pid,
            stat,
            status,
            io,
            limits,
            descriptors,
            cpu_usage: None,
            unlimited: self.unlimited,
        })
    }

    /// Puts a reading beside the one before.
    fn advance(&self, known: &mut Known, fits: u64, mut process: Process, now: Instant) -> Found {
        let ticks = process
            .stat
            .user_ticks
            .saturating_add(process.stat.system_ticks);
        let before = known.used.replace((now, ticks));
        process.cpu_usage = before.and_then(|(at, before)| {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            let used = as_value(ticks.checked_sub(before)?) / TICKS_PER_SECOND;
            (seconds > 0.0).then(|| used * 100.0 / seconds)
        });
        let values = self.counters.iter().filter_map(|at| {
            let value = (MEASURES.get(*at)?.value)(&process)?;
            Some((*at, value))
        });
        let before = std::mem::replace(&mut known.counters, values.collect());
        Found {
            fits,
            name: Arc::clone(&known.name),
            process,
            before,
        }
    }

    /// The processes that pid files name, with the targets that they fit.
    fn pid_files(&self, look: &mut Look) -> BTreeMap<u32, u64> {
        let mut pids = BTreeMap::new();
        for (at, matcher) in self.matchers.iter().enumerate() {
            let Matcher::PidFile(path) = matcher else {
                continue;
            };
            match fs::read(self.root.path(&path.to_string_lossy())) {
                Ok(bytes) => match String::from_utf8_lossy(&bytes).trim().parse::<u32>() {
                    Ok(pid) => *pids.entry(pid).or_default() |= bit(at),
                    Err(_) => look.trouble(
                        "pid_file_malformed",
                        1,
                        format!("{} does not hold a number", path.display()),
                    ),
                },
                // Nothing runs: that is what the count of zero says.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => look.trouble(
                    "pid_file_unreadable",
                    1,
                    format!("{} cannot be read: {error}", path.display()),
                ),
            }
        }
        pids
    }

    fn resolve_users(&mut self, look: &mut Look) {
        let mut matchers = self.matchers.iter();
        if !matchers.any(|matcher| matches!(matcher, Matcher::User { .. })) {
            return;
        }
        let passwd = fs::read(self.root.path(PASSWD)).unwrap_or_default();
        let passwd = String::from_utf8_lossy(&passwd);
        for user in resolve_users(&mut self.matchers, &passwd) {
            look.trouble(
                "user_unknown",
                1,
                format!("the user \"{user}\" is not in {PASSWD}; none of its processes is found"),
            );
        }
    }
}

impl Pass {
    /// What was read, empty if it was not wanted or may not be; `None` when the process is gone.
    fn read<T: Default>(&mut self, name: &str, read: Option<io::Result<T>>) -> Option<T> {
        match read {
            None => Some(T::default()),
            Some(Ok(value)) => Some(value),
            Some(Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
                let (count, _) = self
                    .denied
                    .get_or_insert_with(|| (0, format!("/proc/[pid]/{name}")));
                *count += 1;
                Some(T::default())
            }
            Some(Err(_)) => None,
        }
    }
}

fn bit(target: usize) -> u64 {
    u32::try_from(target).map_or(0, |at| 1_u64.checked_shl(at).unwrap_or_default())
}

fn pids(root: &HostRoot) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(root.path("/proc"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_read_is_counted_and_what_is_gone_ends_the_look() {
        let mut pass = Pass::default();
        let failed = |kind: ErrorKind| Some(Err(io::Error::from(kind)));
        assert_eq!(pass.read("io", Some(Ok(7_u64))), Some(7));
        assert_eq!(pass.read::<u64>("io", None), Some(0));
        for denied in 1..=2 {
            let read = pass.read::<u64>("io", failed(ErrorKind::PermissionDenied));
            assert_eq!(read, Some(0), "the rest of the process is told");
            assert_eq!(pass.denied, Some((denied, "/proc/[pid]/io".to_owned())));
        }
        assert_eq!(pass.read::<u64>("fd", failed(ErrorKind::NotFound)), None);
        assert_eq!(pass.denied.map(|(count, _)| count), Some(2));
    }
}
