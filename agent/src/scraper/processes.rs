//! Processes by state, from `/proc/[pid]/stat`.
//!
//! Only the head of each file is read, into one buffer. A process that ends while it is looked at
//! is not counted. Source: `proc_pid_stat(5)`, fields 3 and 20.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use plimsoll_core::catalog::{
    PROCESSES_BLOCKED, PROCESSES_RUNNING, PROCESSES_TOTAL, PROCESSES_ZOMBIES,
};
use rustix::fs::{Mode, OFlags};

use super::snapshot::Snapshot;
use super::{ScrapeError, Scraper};
use crate::sample::{Sample, as_value};

/// Bytes that hold the number of threads for certain: a pid, a name of at most 64 bytes, and
/// eighteen numbers of at most 20 digits.
const HEAD_BYTES: usize = 512;
/// Words between the state and the number of threads, fields 3 and 20.
const WORDS_BETWEEN: usize = 16;

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

/// How many processes are in which state, and how many threads they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(super) total: u64,
    pub(super) running: u64,
    pub(super) sleeping: u64,
    pub(super) blocked: u64,
    pub(super) stopped: u64,
    pub(super) zombies: u64,
    pub(super) dead: u64,
    pub(super) paging: u64,
    pub(super) idle: u64,
    pub(super) threads: u64,
}

/// Counts the processes below `proc`. Reads a file per process: not for the runtime's own thread.
pub(super) fn count(proc: &Path) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let mut head = [0; HEAD_BYTES];
    let directory = File::open(proc)?;
    let mut path = OsString::new();
    for entry in fs::read_dir(proc)? {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        if !name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        path.clear();
        path.push(name);
        path.push("/stat");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&directory, &*path, flags, Mode::empty()) else {
            continue;
        };
        let Ok(length) = File::from(file).read(&mut head) else {
            continue;
        };
        let Some((state, threads)) = head.get(..length).and_then(state) else {
            continue;
        };
        match state {
            b'R' => counts.running += 1,
            b'S' => counts.sleeping += 1,
            b'D' => counts.blocked += 1,
            b'T' | b't' => counts.stopped += 1,
            b'Z' => counts.zombies += 1,
            b'X' | b'x' => counts.dead += 1,
            b'W' => counts.paging += 1,
            b'I' | b'P' => counts.idle += 1,
            _ => {}
        }
        counts.total += 1;
        counts.threads += threads;
    }
    Ok(counts)
}

/// The state letter and the number of threads: two bytes behind the last parenthesis, because a
/// name may hold any byte.
fn state(head: &[u8]) -> Option<(u8, u64)> {
    let end = memchr::memrchr(b')', head)?;
    let letter = head.get(end + 2).copied()?;
    let rest = std::str::from_utf8(head.get(end + 3..)?).ok()?;
    let threads = rest.split_ascii_whitespace().nth(WORDS_BETWEEN);
    Some((
        letter,
        threads.and_then(|word| word.parse().ok()).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_behind_names_of_any_shape() {
        let root = tempfile::tempdir().unwrap();
        let stats = [
            (
                "1",
                "1 (init) S 0 1 1 0 -1 4 5 6 7 8 9 10 11 12 20 0 3 0 21",
            ),
            ("20", "20 (a) R) R 1 20"),
            ("21", "21 (D Z) D 1 21"),
            ("22", "22 () Z 1 22"),
            ("23", ""),
            ("24", "24 (kworker/0:0) I 2"),
            ("25", "25 (gdb) t 2"),
            ("self", "24 (x) R"),
        ];
        for (pid, stat) in stats {
            fs::create_dir(root.path().join(pid)).unwrap();
            fs::write(root.path().join(pid).join("stat"), stat).unwrap();
        }
        fs::create_dir(root.path().join("99")).unwrap();
        let expected = Counts {
            total: 6,
            running: 1,
            sleeping: 1,
            blocked: 1,
            stopped: 1,
            zombies: 1,
            idle: 1,
            threads: 3,
            ..Counts::default()
        };
        assert_eq!(count(root.path()).unwrap(), expected);
    }
}
