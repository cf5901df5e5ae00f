//! Every metric of a process: which file it needs, and how its value is taken from it.
//!
//! The names and units are those of the amazon-cloudwatch-agent, and so are the values where the
//! two do not say otherwise (docs/adr/0018).

use plimsoll_core::catalog::{self, Metric};

use super::process::{Limit, Stat, bytes_of, limits_of, number_of, pending_signals};
use crate::sample::as_value;

/// Clock ticks of a second in `/proc`. The kernel's interface fixes it at 100 on every
/// architecture that EC2 has. Source: Linux, `include/uapi/asm-generic/param.h`, `USER_HZ`.
pub(super) const TICKS_PER_SECOND: f64 = 100.0;
/// `RLIMIT_NICE` counts from here downwards. Source: `getrlimit(2)`.
const NICE_BASE: i32 = 20;

/// Files that a metric needs besides `stat`, one bit each.
pub(super) mod needs {
    /// `stat` alone, which is read in any case.
    pub(in super::super) const STAT: u8 = 0;
    pub(in super::super) const STATUS: u8 = 1;
    pub(in super::super) const IO: u8 = 2;
    pub(in super::super) const DESCRIPTORS: u8 = 4;
    pub(in super::super) const LIMITS: u8 = 8;
}

/// One process at one moment. What was not asked for or cannot be read is empty.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) stat: Stat,
    pub(super) status: String,
    pub(super) io: String,
    pub(super) limits: String,
    pub(super) descriptors: Option<u64>,
    /// Percent of one processor since the look before.
    pub(super) cpu_usage: Option<f64>,
    /// What stands for a limit that there is not; nothing leaves it out.
    pub(super) unlimited: Option<f64>,
}

/// How a metric is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// How things are.
    Gauge,
    /// What has added up since the process began.
    Counter,
}

/// One metric of a process.
pub(super) struct Measure {
    pub(super) metric: &'static Metric,
    pub(super) kind: Kind,
    pub(super) needs: u8,
    pub(super) value: fn(&Process) -> Option<f64>,
}

const fn gauge(metric: &'static Metric, needs: u8, value: fn(&Process) -> Option<f64>) -> Measure {
    Measure {
        metric,
        kind: Kind::Gauge,
        needs,
        value,
    }
}

const fn counter(
    metric: &'static Metric,
    needs: u8,
    value: fn(&Process) -> Option<f64>,
) -> Measure {
    Measure {
        metric,
        kind: Kind::Counter,
        needs,
        value,
    }
}

/// All of them but the count of processes.
pub(super) const MEASURES: &[Measure] = &[
    gauge(&catalog::PROCSTAT_CPU_USAGE, needs::STAT, |p| p.cpu_usage),
    gauge(&catalog::PROCSTAT_MEMORY_RSS, needs::STATUS, |p| {
        memory(p, "VmRSS")
    }),
    gauge(&catalog::PROCSTAT_MEMORY_VMS, needs::STATUS, |p| {
        memory(p, "VmSize")
    }),
    gauge(&catalog::PROCSTAT_MEMORY_SWAP, needs::STATUS, |p| {
        memory(p, "VmSwap")
    }),
    gauge(&catalog::PROCSTAT_MEMORY_DATA, needs::STATUS, |p| {
        memory(p, "VmData")
    }),
    gauge(&catalog::PROCSTAT_MEMORY_STACK, needs::STATUS, |p| {
        memory(p, "VmStk")
    }),
    gauge(&catalog::PROCSTAT_MEMORY_LOCKED, needs::STATUS, |p| {
        memory(p, "VmLck")
    }),
    gauge(&catalog::PROCSTAT_NUM_FDS, needs::DESCRIPTORS, |p| {
        p.descriptors.map(as_value)
    }),
    gauge(&catalog::PROCSTAT_NUM_THREADS, needs::STATUS, |p| {
        status(p, "Threads")
    }),
    gauge(&catalog::PROCSTAT_PID, needs::STAT, |p| {
        Some(f64::from(p.pid))
    }),
    gauge(&catalog::PROCSTAT_NICE_PRIORITY, needs::STAT, nice),
    gauge(&catalog::PROCSTAT_REALTIME_PRIORITY, needs::STAT, |p| {
        Some(as_value(p.stat.realtime_priority))
    }),
    gauge(&catalog::PROCSTAT_SIGNALS_PENDING, needs::STATUS, |p| {
        pending_signals(&p.status).map(as_value)
    }),
    counter(&catalog::PROCSTAT_CPU_TIME, needs::STAT, |p| {
        seconds(p.stat.user_ticks.saturating_add(p.stat.system_ticks))
    }),
    counter(&catalog::PROCSTAT_CPU_TIME_USER, needs::STAT, |p| {
        seconds(p.stat.user_ticks)
    }),
    counter(&catalog::PROCSTAT_CPU_TIME_SYSTEM, needs::STAT, |p| {
        seconds(p.stat.system_ticks)
    }),
    counter(&catalog::PROCSTAT_CPU_TIME_IOWAIT, needs::STAT, |p| {
        seconds(p.stat.iowait_ticks)
    }),
    counter(&catalog::PROCSTAT_CPU_TIME_GUEST, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_GUEST_NICE, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_IDLE, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_IRQ, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_NICE, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_SOFT_IRQ, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_STEAL, needs::STAT, never),
    counter(&catalog::PROCSTAT_CPU_TIME_STOLEN, needs::STAT, never),
    counter(&catalog::PROCSTAT_READ_BYTES, needs::IO, |p| {
        io(p, "read_bytes")
    }),
    counter(&catalog::PROCSTAT_WRITE_BYTES, needs::IO, |p| {
        io(p, "write_bytes")
    }),
    counter(&catalog::PROCSTAT_READ_COUNT, needs::IO, |p| io(p, "syscr")),
    counter(&catalog::PROCSTAT_WRITE_COUNT, needs::IO, |p| {
        io(p, "syscw")
    }),
    counter(
        &catalog::PROCSTAT_VOLUNTARY_CONTEXT_SWITCHES,
        needs::STATUS,
        |p| status(p, "voluntary_ctxt_switches"),
    ),
    counter(
        &catalog::PROCSTAT_INVOLUNTARY_CONTEXT_SWITCHES,
        needs::STATUS,
        |p| status(p, "nonvoluntary_ctxt_switches"),
    ),
    limited(&catalog::PROCSTAT_RLIMIT_CPU_TIME_SOFT, |p| {
        limit(p, "Max cpu time", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_CPU_TIME_HARD, |p| {
        limit(p, "Max cpu time", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_FILE_LOCKS_SOFT, |p| {
        limit(p, "Max file locks", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_FILE_LOCKS_HARD, |p| {
        limit(p, "Max file locks", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_DATA_SOFT, |p| {
        limit(p, "Max data size", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_DATA_HARD, |p| {
        limit(p, "Max data size", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_LOCKED_SOFT, |p| {
        limit(p, "Max locked memory", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_LOCKED_HARD, |p| {
        limit(p, "Max locked memory", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_RSS_SOFT, |p| {
        limit(p, "Max resident set", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_RSS_HARD, |p| {
        limit(p, "Max resident set", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_STACK_SOFT, |p| {
        limit(p, "Max stack size", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_STACK_HARD, |p| {
        limit(p, "Max stack size", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_VMS_SOFT, |p| {
        limit(p, "Max address space", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_MEMORY_VMS_HARD, |p| {
        limit(p, "Max address space", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_NICE_PRIORITY_SOFT, |p| {
        limit(p, "Max nice priority", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_NICE_PRIORITY_HARD, |p| {
        limit(p, "Max nice priority", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_NUM_FDS_SOFT, |p| {
        limit(p, "Max open files", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_NUM_FDS_HARD, |p| {
        limit(p, "Max open files", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_REALTIME_PRIORITY_SOFT, |p| {
        limit(p, "Max realtime priority", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_REALTIME_PRIORITY_HARD, |p| {
        limit(p, "Max realtime priority", 1)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_SIGNALS_PENDING_SOFT, |p| {
        limit(p, "Max pending signals", 0)
    }),
    limited(&catalog::PROCSTAT_RLIMIT_SIGNALS_PENDING_HARD, |p| {
        limit(p, "Max pending signals", 1)
    }),
];

const fn limited(metric: &'static Metric, value: fn(&Process) -> Option<f64>) -> Measure {
    gauge(metric, needs::LIMITS, value)
}

fn memory(process: &Process, name: &str) -> Option<f64> {
    bytes_of(&process.status, name).map(as_value)
}

fn status(process: &Process, name: &str) -> Option<f64> {
    number_of(&process.status, name).map(as_value)
}

fn io(process: &Process, name: &str) -> Option<f64> {
    number_of(&process.io, name).map(as_value)
}

fn limit(process: &Process, row: &str, side: usize) -> Option<f64> {
    match limits_of(&process.limits, row)?.get(side)? {
        Limit::Of(number) => Some(as_value(*number)),
        Limit::Unlimited => process.unlimited,
    }
}

fn nice(process: &Process) -> Option<f64> {
    let nice = i32::try_from(process.stat.nice).ok()?;
    Some(f64::from(NICE_BASE.checked_sub(nice)?))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table holds functions of one type"
)]
fn seconds(ticks: u64) -> Option<f64> {
    Some(as_value(ticks) / TICKS_PER_SECOND)
}

/// Linux does not tell this time of a process, and the amazon-cloudwatch-agent says zero.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the table holds functions of one type"
)]
fn never(_: &Process) -> Option<f64> {
    Some(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::catalog::{PROCESS_METRICS, PROCSTAT_LOOKUP_PID_COUNT};

    #[test]
    fn every_metric_of_a_process_is_measured_once() {
        let mut measured: Vec<&str> = MEASURES.iter().map(|one| one.metric.name).collect();
        measured.push(PROCSTAT_LOOKUP_PID_COUNT.name);
        let mut known: Vec<&str> = PROCESS_METRICS.iter().map(|one| one.name).collect();
        measured.sort_unstable();
        known.sort_unstable();
        assert_eq!(measured, known);
    }

    #[test]
    fn each_row_of_limits_is_found_under_the_name_that_the_kernel_gives_it() {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let process = Process {
            limits,
            unlimited: Some(-1.0),
            ..Process::default()
        };
        for measure in MEASURES.iter().filter(|one| one.needs == needs::LIMITS) {
            assert!(
                (measure.value)(&process).is_some(),
                "{}",
                measure.metric.name
            );
        }
    }
}
