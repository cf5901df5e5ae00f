//! Memory and processor time of this process.
//!
//! Source: `proc_pid_stat(5)`, fields 14 and 15; `proc_pid_status(5)`, `VmRSS`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::protocol::object;

/// Clock ticks of a second in `/proc`. The kernel's interface fixes it at 100 on every
/// architecture that EC2 has. Source: Linux, `include/uapi/asm-generic/param.h`, `USER_HZ`.
pub const CLOCK_TICKS_PER_SECOND: f64 = 100.0;

/// What a process that runs since `uptime` has used.
#[must_use]
pub fn process(uptime: Duration) -> Value {
    let read = |name| fs::read_to_string(Path::new("/proc/self").join(name)).ok();
    let ticks = read("stat").and_then(|stat| processor_ticks(&stat));
    let ticks = ticks.and_then(|ticks| u32::try_from(ticks).ok());
    let worked = ticks.map(|ticks| f64::from(ticks) / CLOCK_TICKS_PER_SECOND);
    let percent = worked.map(|worked| {
        let percent = worked * 100.0 / uptime.as_secs_f64().max(1.0);
        (percent * 100.0).round() / 100.0
    });
    let memory = read("status").and_then(|status| resident_bytes(&status));
    object([
        ("resident_bytes", memory.into()),
        ("cpu_seconds", worked.into()),
        ("cpu_percent", percent.into()),
    ])
}

/// Resident memory in bytes, from `/proc/self/status`.
#[must_use]
pub fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// User and system time in clock ticks, from `/proc/self/stat`. The name in parentheses may hold
/// spaces, so columns are counted behind it: the state is the first, user time the twelfth.
#[must_use]
pub fn processor_ticks(stat: &str) -> Option<u64> {
    let (_, columns) = stat.rsplit_once(')')?;
    let mut columns = columns.split_ascii_whitespace().skip(11);
    let user: u64 = columns.next()?.parse().ok()?;
    let system: u64 = columns.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_stat_line_has_no_time() {
        assert_eq!(
            processor_ticks("7 (a b) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20"),
            Some(200)
        );
        assert_eq!(processor_ticks("7 (a) S 1"), None);
        assert_eq!(processor_ticks(""), None);
        assert_eq!(resident_bytes("VmRSS:\t  5 kB\n"), Some(5120));
        assert_eq!(resident_bytes("VmSize: 5 kB\n"), None);
    }
}
