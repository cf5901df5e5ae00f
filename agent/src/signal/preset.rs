//! Expressions that most groups can scale by, under a name.
//!
//! Thresholds are where a resource begins to cost latency, by our judgement: processors queue
//! visibly above 80 % (M/M/1: the wait is four times the service), memory above 90 % leaves no page
//! cache to speak of, and stalls (PSI) are time that work has lost already. A kernel without PSI
//! tells none, which then counts as none; nothing else is ever assumed.
//! Source of PSI: kernel documentation, accounting/psi.rst.

use plimsoll_core::catalog::Unit;

/// A named expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What it stands for.
    pub(crate) expression: &'static str,
    /// Its unit.
    pub(crate) unit: Unit,
}

/// All of them.
pub(crate) const PRESETS: [Preset; 5] = [
    Preset {
        name: "saturation",
        expression: "100 * max(cpu_usage_active / 80, mem_used_percent / 90, \
                     default(pressure_cpu_some, 0) / 60, default(pressure_memory_some, 0) / 20, \
                     default(pressure_io_some, 0) / 40)",
        unit: Unit::Percent,
    },
    Preset {
        name: "pressure",
        expression: "max(pressure_cpu_some, pressure_memory_some, pressure_io_some)",
        unit: Unit::Percent,
    },
    // Little's law: the average number in a system is the arrivals of a second times the time that
    // each stays, which is the seconds that all of them stayed, of a second. Source: J. D. C.
    // Little, "A Proof for the Queuing Formula L = λW", Operations Research 9 (3), 1961.
    Preset {
        name: "requests_in_flight",
        expression: "rate(logs:Latency)",
        unit: Unit::Count,
    },
    Preset {
        name: "requests_per_second",
        expression: "rate(logs:Requests)",
        unit: Unit::CountPerSecond,
    },
    Preset {
        name: "latency_p99",
        expression: "p99(logs:Latency)",
        unit: Unit::Seconds,
    },
];
