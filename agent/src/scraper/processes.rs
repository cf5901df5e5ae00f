//! Processes by state, from `/proc/[pid]/stat`.
//!
//! Only the head of each file is read, into one buffer. A process that ends while it is looked at
//! is not counted. Source: `proc_pid_stat(5)`, field 3.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use plimsoll_core::catalog::{
    PROCESSES_BLOCKED, PROCESSES_RUNNING, PROCESSES_TOTAL, PROCESSES_ZOMBIES,
};

use super::snapshot::Snapshot;
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// Bytes that hold the state for certain: a pid, a name of at most 64 bytes, the state.
const HEAD_BYTES: usize = 128;

/// The family `processes`.
#[derive(Debug, Default)]
pub(crate) struct Processes;

impl Scraper for Processes {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let counts = now.processes()?;
        out.extend([
            Sample::new(&PROCESSES_TOTAL, as_value(counts.total)),
            Sample::new(&PROCESSES_RUNNING, as_value(counts.running)),
            Sample::new(&PROCESSES_BLOCKED, as_value(counts.blocked)),
            Sample::new(&PROCESSES_ZOMBIES, as_value(counts.zombies)),
        ]);
        Ok(())
    }
}

/// How many processes are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    total: u64,
    running: u64,
    blocked: u64,
    zombies: u64,
}

/// Counts the processes below `proc`. Reads a file per process: not for the runtime's own thread.
pub(super) fn count(proc: &Path) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let mut head = [0; HEAD_BYTES];
    for entry in fs::read_dir(proc)? {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        if !name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let read = File::open(entry.path().join("stat")).and_then(|mut file| file.read(&mut head));
        let Ok(length) = read else { continue };
        match head.get(..length).and_then(state) {
            Some(b'R') => counts.running += 1,
            Some(b'D') => counts.blocked += 1,
            Some(b'Z') => counts.zombies += 1,
            Some(_) => {}
            None => continue,
        }
        counts.total += 1;
    }
    Ok(counts)
}

/// The state letter: two bytes behind the last parenthesis, because a name may hold any byte.
fn state(head: &[u8]) -> Option<u8> {
    let end = memchr::memrchr(b')', head)?;
    head.get(end + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_behind_names_of_any_shape() {
        let root = tempfile::tempdir().unwrap();
        let stats = [
            ("1", "1 (init) S 0 1"),
            ("20", "20 (a) R) R 1 20"),
            ("21", "21 (D Z) D 1 21"),
            ("22", "22 () Z 1 22"),
            ("23", ""),
            ("self", "24 (x) R"),
        ];
        for (pid, stat) in stats {
            fs::create_dir(root.path().join(pid)).unwrap();
            fs::write(root.path().join(pid).join("stat"), stat).unwrap();
        }
        fs::create_dir(root.path().join("99")).unwrap();
        let expected = Counts {
            total: 4,
            running: 1,
            blocked: 1,
            zombies: 1,
        };
        assert_eq!(count(root.path()).unwrap(), expected);
    }
}
