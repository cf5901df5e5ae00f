//! What the kernel says about one process: its files below `/proc/[pid]`, read and understood.
//!
//! A process may end between any two reads: what is missing then is no error. What may not be read
//! is told apart, so that it can be counted.
//! Source: `proc_pid_stat(5)`, `proc_pid_status(5)`, `proc_pid_io(5)`, `proc_pid_limits(5)`,
//! `proc_pid_cgroup(5)`, `proc_pid_cmdline(5)`.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

/// Bytes of a file that are looked at. `stat`, `status`, `io`, `limits` and `cgroup` are far
/// shorter; of a command line only so much is matched.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// The kernel cuts a name here. Source: Linux, `TASK_COMM_LEN` less the closing NUL.
const NAME_BYTES_MAX: usize = 15;

/// The files of one process.
#[derive(Clone, Debug)]
pub(super) struct Files(pub(super) PathBuf);

impl Files {
    /// The text of a file, lossy where it is no UTF-8.
    pub(super) fn text(&self, name: &str) -> io::Result<String> {
        let bytes = self.bytes(name)?;
        Ok(match String::from_utf8_lossy(&bytes) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        })
    }

    fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(self.0.join(name))?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// How many descriptors are open.
    pub(super) fn descriptors(&self) -> io::Result<u64> {
        let mut open = 0;
        for entry in fs::read_dir(self.0.join("fd"))? {
            entry?;
            open += 1;
        }
        Ok(open)
    }
}

/// What `stat` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stat {
    /// The name, at most 15 bytes.
    pub(super) name: String,
    /// The state's letter.
    pub(super) state: u8,
    /// Clock ticks in user code, and in the kernel.
    pub(super) user_ticks: u64,
    pub(super) system_ticks: u64,
    /// The nice value, -20 to 19.
    pub(super) nice: i64,
    /// When it began, in clock ticks since the boot: with its number it names a process.
    pub(super) start_ticks: u64,
    pub(super) realtime_priority: u64,
    /// Clock ticks in which it waited for block devices.
    pub(super) iowait_ticks: u64,
}

impl Stat {
    /// Reads the line. A name may hold any byte, so it ends at the last parenthesis.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        // Numbered as in the manual page, where the state is the third.
        let field = |number: usize| fields.get(number.checked_sub(3)?);
        let number = |at: usize| field(at)?.parse().ok();
        Some(Self {
            name: name.to_owned(),
            state: *field(3)?.as_bytes().first()?,
            user_ticks: number(14)?,
            system_ticks: number(15)?,
            nice: field(19)?.parse().ok()?,
            start_ticks: number(22)?,
            realtime_priority: number(40)?,
            iowait_ticks: number(42)?,
        })
    }

    /// Whether the process has ended and only waits to be noticed.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }
}

/// The number behind a name of `status`, `io` and their like, without its unit.
pub(super) fn number_of(text: &str, name: &str) -> Option<u64> {
    word_of(text, name)?.parse().ok()
}

/// The same for a number in kB, in bytes.
pub(super) fn bytes_of(text: &str, name: &str) -> Option<u64> {
    number_of(text, name)?.checked_mul(1024)
}

/// The first word behind a name.
pub(super) fn word_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(known, _)| *known == name)?;
    value.split_ascii_whitespace().next()
}

/// Different signals that wait: for the process, and for its first thread.
pub(super) fn pending_signals(status: &str) -> Option<u64> {
    let mask = |name| u64::from_str_radix(word_of(status, name)?, 16).ok();
    Some(u64::from((mask("ShdPnd")? | mask("SigPnd")?).count_ones()))
}

/// A limit of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Of(u64),
    Unlimited,
}

/// The soft and the hard limit of a row of `limits`.
pub(super) fn limits_of(text: &str, row: &str) -> Option<[Limit; 2]> {
    let line = text.lines().find_map(|line| line.strip_prefix(row))?;
    let mut words = line.split_ascii_whitespace().map(|word| match word {
        "unlimited" => Some(Limit::Unlimited),
        number => number.parse().ok().map(Limit::Of),
    });
    Some([words.next()??, words.next()??])
}

/// What a process is recognised by, read when it is asked for.
#[derive(Debug)]
pub(super) struct Identity<'f> {
    files: &'f Files,
    name: String,
    name_is_whole: bool,
    command_line: Option<Vec<u8>>,
    cgroups: Option<Vec<String>>,
}

impl<'f> Identity<'f> {
    pub(super) fn new(files: &'f Files, name: &str) -> Self {
        Self {
            files,
            name: name.to_owned(),
            name_is_whole: name.len() < NAME_BYTES_MAX,
            command_line: None,
            cgroups: None,
        }
    }

    /// The arguments with spaces between them; empty for a thread of the kernel.
    pub(super) fn command_line(&mut self) -> &[u8] {
        let files = self.files;
        self.command_line.get_or_insert_with(|| {
            let mut bytes = files.bytes("cmdline").unwrap_or_default();
            while bytes.last() == Some(&0) {
                bytes.pop();
            }
            bytes
                .iter_mut()
                .filter(|byte| **byte == 0)
                .for_each(|byte| *byte = b' ');
            bytes
        })
    }

    /// The name. One that the kernel has cut is completed from the command line if it begins so.
    pub(super) fn name(&mut self) -> &str {
        if !self.name_is_whole {
            self.name_is_whole = true;
            let program = self.command_line().split(|byte| *byte == b' ').next();
            let program = String::from_utf8_lossy(program.unwrap_or_default()).into_owned();
            let last = program.rsplit('/').next().unwrap_or_default();
            if last.starts_with(&self.name) {
                last.clone_into(&mut self.name);
            }
        }
        &self.name
    }

    /// The paths of its control groups.
    pub(super) fn cgroups(&mut self) -> &[String] {
        let files = self.files;
        self.cgroups.get_or_insert_with(|| {
            let text = files.text("cgroup").unwrap_or_default();
            let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
            paths.map(str::to_owned).collect()
        })
    }

    /// The real user.
    pub(super) fn uid(&self) -> Option<u32> {
        let status = self.files.text("status").ok()?;
        word_of(&status, "Uid")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) (b) S 1 42 42 0 -1 4194560 1 0 0 0 250 150 0 0 20 -5 3 0 9000 \
                        1000 10 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 7 0 33 0 0 0\n";

    #[test]
    fn stat_is_read_behind_a_name_of_any_shape() {
        let stat = Stat::parse(STAT).unwrap();
        assert_eq!(stat.name, "a) (b");
        assert_eq!((stat.state, stat.nice), (b'S', -5));
        assert_eq!((stat.user_ticks, stat.system_ticks), (250, 150));
        assert_eq!((stat.start_ticks, stat.realtime_priority), (9000, 7));
        assert_eq!(stat.iowait_ticks, 33);
        for torn in ["", "42", "42 (a", "42 (a) S 1 2 3", "42 (a) S x"] {
            assert_eq!(Stat::parse(torn), None, "{torn}");
        }
    }

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nUid:\t1000\t0\t0\t0\nThreads:\t3\n\
                      SigPnd:\t0000000000000001\nShdPnd:\t0000000000000201\n\
                      nonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(bytes_of(status, "VmRSS"), Some(2048 * 1024));
        assert_eq!(number_of(status, "Threads"), Some(3));
        assert_eq!(word_of(status, "Uid"), Some("1000"));
        assert_eq!(number_of(status, "voluntary_ctxt_switches"), None);
        assert_eq!(pending_signals(status), Some(2));
        assert_eq!(pending_signals("SigPnd:\tx\n"), None);
    }

    #[test]
    fn limits_are_numbers_or_none() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max cpu time              unlimited            unlimited            seconds\n\
                      Max open files            1024                 524288               files\n\
                      Max nice priority         0                    torn\n";
        let of = |row| limits_of(limits, row);
        assert_eq!(of("Max cpu time"), Some([Limit::Unlimited; 2]));
        assert_eq!(
            of("Max open files"),
            Some([Limit::Of(1024), Limit::Of(524_288)])
        );
        assert_eq!(of("Max nice priority"), None);
        assert_eq!(of("Max msgqueue size"), None);
    }
}
