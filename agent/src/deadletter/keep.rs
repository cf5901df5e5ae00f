//! The agent's side: refused events are appended, and made durable before their position moves on.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{FILE_MODE, NAME, OLDER_NAME, lock};
use crate::config::Persistence;
use crate::health::Health;

/// The files of refused events.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    /// Where they are; `None` in a dry run, which only counts.
    directory: Option<PathBuf>,
    bytes_max: u64,
    health: Arc<Health>,
    /// One writer at a time.
    turn: Mutex<()>,
}

impl DeadLetters {
    /// Files in the state directory that take at most `bytes_max` together, or a little more if
    /// single events are larger than half of it.
    pub(crate) fn new(persistence: &Persistence, bytes_max: u64, health: Arc<Health>) -> Self {
        let directory = match persistence {
            Persistence::Directory(directory) => Some(directory.clone()),
            Persistence::ReadOnly(_) => None,
        };
        Self {
            directory,
            bytes_max,
            health,
            turn: Mutex::default(),
        }
    }

    /// Keeps events, written by [`super::DeadLetter::write`]. Blocks for the disk.
    ///
    /// # Errors
    /// When they could not be made durable: a full disk, a state directory that is gone, or another
    /// process that holds the lock. The file then holds nothing of them, except for what had to go
    /// into the file before the last one.
    pub(crate) fn keep(&self, events: &str) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = lock(directory)?;
        let half = self.bytes_max / 2;
        let mut file = Appended::open(directory)?;
        for event in events.split_inclusive('\n') {
            if file.is_not_empty() && file.bytes() + event.len() as u64 > half {
                file.finish()?;
                self.replace_older(directory)?;
                file = Appended::open(directory)?;
            }
            file.push(event);
        }
        file.finish()
    }

    /// The file becomes the older one.
    fn replace_older(&self, directory: &Path) -> io::Result<()> {
        let older = directory.join(OLDER_NAME);
        if let Ok(old) = File::open(&older) {
            let lines = BufReader::new(old).split(b'\n').map_while(Result::ok);
            let count = lines.count() as u64;
            if count > 0 && self.health.problems.add("dead_letter_overwritten", count) {
                log::warn!("the oldest refused events were deleted to keep their file small");
            }
        }
        std::fs::rename(directory.join(NAME), &older)
    }
}

/// A file that is appended to as a whole or not at all.
struct Appended {
    file: File,
    /// What it held before.
    before: u64,
    text: String,
}

impl Appended {
    fn open(directory: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(FILE_MODE)
            .open(directory.join(NAME))?;
        let before = file.metadata()?.len();
        let mut text = String::new();
        let mut last = [b'\n'];
        if before > 0 {
            file.read_exact_at(&mut last, before - 1)?;
        }
        // A crash has cut the last line short; what follows must not become a part of it.
        if last != [b'\n'] {
            text.push('\n');
        }
        Ok(Self { file, before, text })
    }

    fn is_not_empty(&self) -> bool {
        self.bytes() > 0
    }

    fn bytes(&self) -> u64 {
        self.before + self.text.len() as u64
    }

    fn push(&mut self, event: &str) {
        self.text.push_str(event);
    }

    /// Writes. The position moves on because of this, so it must be as durable as the position.
    fn finish(&mut self) -> io::Result<()> {
        let written = self.file.write_all(self.text.as_bytes());
        let done = written.and_then(|()| self.file.sync_data());
        if done.is_err() {
            // What was written of it is written again later; a file that cannot be cut keeps some
            // events twice, which loses nothing.
            drop(self.file.set_len(self.before));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadletter::letter::tests::letter;

    fn letters(directory: &Path, bytes_max: u64) -> (DeadLetters, Arc<Health>) {
        let health = Arc::new(Health::default());
        let persistence = Persistence::Directory(directory.to_owned());
        let letters = DeadLetters::new(&persistence, bytes_max, Arc::clone(&health));
        (letters, health)
    }

    fn bytes(directory: &Path, name: &str) -> u64 {
        std::fs::metadata(directory.join(name)).unwrap().len()
    }

    #[test]
    fn the_files_stay_within_their_bound_and_what_is_deleted_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let (letters, health) = letters(directory.path(), 2000);
        let event = letter("too_old", b"m");
        letters.keep(&event.repeat(40)).unwrap();
        for _ in 0..60 {
            letters.keep(&event).unwrap();
        }
        let mut kept = 0;
        for name in [NAME, OLDER_NAME] {
            let bytes = bytes(directory.path(), name);
            assert!(bytes <= 1000);
            kept += bytes / event.len() as u64;
        }
        assert_eq!(
            health.problems.snapshot(),
            [("dead_letter_overwritten", 100 - kept)]
        );
    }

    #[test]
    fn an_event_that_is_larger_than_the_bound_is_kept_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let (letters, _) = letters(directory.path(), 2000);
        let event = letter("too_old", &[b'x'; 5000]);
        letters.keep(&event).unwrap();
        letters.keep(&event).unwrap();
        assert_eq!(bytes(directory.path(), NAME), event.len() as u64);
        assert_eq!(bytes(directory.path(), OLDER_NAME), event.len() as u64);
    }

    #[test]
    fn a_line_that_a_crash_has_torn_spoils_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let (letters, _) = letters(directory.path(), 2000);
        std::fs::write(directory.path().join(NAME), r#"{"time":"20"#).unwrap();
        letters.keep(&letter("too_old", b"m")).unwrap();
        let text = std::fs::read_to_string(directory.path().join(NAME)).unwrap();
        assert_eq!(
            text,
            format!("{{\"time\":\"20\n{}", letter("too_old", b"m"))
        );
    }

    #[test]
    fn what_cannot_be_kept_is_an_error_and_not_half_kept() {
        let (letters, _) = letters(Path::new("/nonexistent-directory"), 2000);
        letters.keep(&letter("too_old", b"m")).unwrap_err();
        // The file that is always full.
        let mut full = Appended {
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            before: 0,
            text: letter("too_old", b"m"),
        };
        full.finish().unwrap_err();
    }

    #[test]
    fn a_command_that_changes_the_files_keeps_the_agent_out_for_that_moment() {
        let directory = tempfile::tempdir().unwrap();
        let (letters, _) = letters(directory.path(), 2000);
        let held = lock(directory.path()).unwrap();
        letters.keep(&letter("too_old", b"m")).unwrap_err();
        drop(held);
        letters.keep(&letter("too_old", b"m")).unwrap();
    }

    #[test]
    fn a_dry_run_keeps_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let persistence = Persistence::ReadOnly(directory.path().to_owned());
        let letters = DeadLetters::new(&persistence, 2000, Arc::default());
        letters.keep(&letter("too_old", b"m")).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
