//! Where amazon-cloudwatch-agent stopped in a file, so that a host that changes over sends nothing
//! twice and loses nothing.
//!
//! That agent keeps one small text file per followed path: the highest offset, the path, and the
//! stretches that were delivered. It says nothing about which file it was, so what it says is only
//! believed where the file itself agrees. In doubt a file is read from its start: rather twice than
//! not at all. The state of the other agent is never changed. Source of the format: `internal/state`
//! of amazon-cloudwatch-agent 1.300071.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::Reader;
use super::follow::Place;
use crate::config::TextEncoding;
use crate::fs::{LogFs, Stat};
use crate::record::{GUARD_BYTES, Guard};
use crate::source::file::identity::guard_at;

/// What is read of a state file at most. A path has at most 4 KiB, a stretch 42 bytes, and there
/// are at most twice as many as that agent has senders.
const STATE_BYTES_MAX: usize = 64 * 1024;

/// What the state file of a path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Delivered without a gap up to here.
    At(u64),
    /// It is empty, cut off, or of another path.
    Torn,
}

impl<F: LogFs> Reader<F> {
    /// The reader that looks into `directory` for where the other agent stopped in a file that is
    /// found when its target is first looked for.
    pub(crate) fn with_take_over(mut self, directory: Option<PathBuf>) -> Self {
        self.take_over = directory;
        self
    }

    /// Where to begin in a file that the other agent followed; `None` if it did not, or if what it
    /// left cannot be read.
    pub(super) fn taken_over(
        &mut self,
        target: usize,
        path: &Path,
        file: &F::File,
        stat: &Stat,
    ) -> io::Result<Option<Place>> {
        let Some(directory) = &self.take_over else {
            return Ok(None);
        };
        let state = directory.join(state_name(path));
        let (left, saved) = match read_state(&self.fs, &state, path) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.trouble(&state, "takeover_unreadable", &error);
                return Ok(None);
            }
        };
        let Left::At(offset) = left else {
            self.health.problems.add("takeover_torn", 1);
            log::warn!(
                "{} does not say where amazon-cloudwatch-agent stopped in {}; the file begins as \
                 configured",
                state.display(),
                path.display()
            );
            return Ok(None);
        };
        if let Some(guard) = self.agrees(target, file, stat, offset, saved)? {
            log::info!(
                "{} goes on at byte {offset}, where amazon-cloudwatch-agent stopped",
                path.display()
            );
            return Ok(Some(self.place(path, stat, offset, guard)));
        }
        self.health.problems.add("takeover_misfit", 1);
        log::warn!(
            "{} is not the file in which amazon-cloudwatch-agent stopped at byte {offset}, or was \
             truncated since; it is read from its start",
            path.display()
        );
        Ok(Some(self.place(path, stat, 0, Guard::default())))
    }

    /// The guard of `offset`, if the file can be the one that the other agent read so far: it is
    /// that long, was made before the state was saved, and a line ends at the offset.
    fn agrees(
        &self,
        target: usize,
        file: &F::File,
        stat: &Stat,
        offset: u64,
        saved: i128,
    ) -> io::Result<Option<Guard>> {
        let born = stat.identity.born.map(i128::from);
        if offset > stat.shape.size || born.is_some_and(|born| born > saved) {
            return Ok(None);
        }
        if !self.line_ends_at(target, file, offset)? {
            return Ok(None);
        }
        guard_at(&self.fs, file, offset, GUARD_BYTES)
    }

    fn line_ends_at(&self, target: usize, file: &F::File, offset: u64) -> io::Result<bool> {
        let target = self.targets.all().get(target);
        let encoding = target.map(|target| target.framing.encoding);
        let width = if encoding == Some(TextEncoding::Utf16) {
            2
        } else {
            1
        };
        let mut unit = Vec::with_capacity(width);
        let from = offset.saturating_sub(width as u64);
        while (unit.len() as u64) < offset - from {
            let at = from + unit.len() as u64;
            if self.fs.read_at(file, &mut unit, at)? == 0 {
                return Ok(false);
            }
        }
        unit.truncate(width);
        Ok(offset == 0 || unit.contains(&b'\n'))
    }
}

/// The name of a path's state file.
fn state_name(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes().iter();
    let name = bytes.map(|byte| match byte {
        b'/' | b' ' | b':' => b'_',
        other => *other,
    });
    OsString::from_vec(name.collect())
}

/// What a state file says and when it was saved, in nanoseconds since the epoch; `None` if there is
/// none.
fn read_state<F: LogFs>(fs: &F, state: &Path, path: &Path) -> io::Result<Option<(Left, i128)>> {
    let (file, stat) = match fs.open(state) {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::with_capacity(STATE_BYTES_MAX);
    while text.len() < STATE_BYTES_MAX {
        let at = text.len() as u64;
        if fs.read_at(&file, &mut text, at)? == 0 {
            break;
        }
    }
    Ok(Some((parse(&text, path), stat.shape.written)))
}

/// Reads the text of a state file. The path in it must be the one that was looked for: two paths
/// may have one state file, and what was cut off within the path is not to be believed.
fn parse(text: &[u8], path: &Path) -> Left {
    let mut lines = text.split(|byte| *byte == b'\n');
    let (Some(highest), Some(name)) = (lines.next().and_then(number), lines.next()) else {
        return Left::Torn;
    };
    if name != path.as_os_str().as_bytes() {
        return Left::Torn;
    }
    match lines.next().filter(|stretches| !stretches.is_empty()) {
        // Older versions save the offset alone.
        None => Left::At(highest),
        Some(stretches) => Left::At(first_gap(stretches)),
    }
}

/// The end of what was delivered without a gap from the first byte on. What cannot be read ends it.
fn first_gap(stretches: &[u8]) -> u64 {
    let mut reached = 0;
    for stretch in stretches.split(|byte| *byte == b',') {
        let mut ends = stretch.splitn(2, |byte| *byte == b'-').map(number);
        match (ends.next().flatten(), ends.next().flatten()) {
            (Some(from), Some(to)) if from <= reached => reached = reached.max(to),
            _ => break,
        }
    }
    reached
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_file_is_named_after_its_path() {
        let name = state_name(Path::new("/var/log/my app/a:b.log"));
        assert_eq!(name, "_var_log_my_app_a_b.log");
    }

    #[test]
    fn a_state_file_says_up_to_where_nothing_is_missing() {
        let path = Path::new("/var/log/app.log");
        let check =
            |text: &str, left: Left| assert_eq!(parse(text.as_bytes(), path), left, "{text:?}");
        check("120\n/var/log/app.log", Left::At(120));
        check("120\n/var/log/app.log\n", Left::At(120));
        check("120\n/var/log/app.log\n0-120", Left::At(120));
        check("120\n/var/log/app.log\n0-40,60-120", Left::At(40));
        check("120\n/var/log/app.log\n0-40,40-60,50-120", Left::At(120));
        check("120\n/var/log/app.log\n60-120", Left::At(0));
        check("0\n/var/log/app.log", Left::At(0));
        // Cut off, at any place.
        check("", Left::Torn);
        check("12", Left::Torn);
        check("120\n", Left::Torn);
        check("120\n/var/log/app", Left::Torn);
        check("120\n/var/log/app.log\n0-", Left::At(0));
        check("120\n/var/log/app.log\n0-40,6", Left::At(40));
        // Of another path, or none of ours at all.
        check("120\n/var/log/app_log\n0-120", Left::Torn);
        check("+120\n/var/log/app.log", Left::Torn);
        check("99999999999999999999\n/var/log/app.log", Left::Torn);
        check("\0\0\0\0", Left::Torn);
    }
}
