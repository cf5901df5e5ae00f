//! Events that CloudWatch Logs refused, kept on this machine with the reason.
//!
//! A refused event is never sent again as it is, but it is not thrown away either: it is one line
//! of JSON in a file that a person can read. The file is bounded: when it has reached half of its
//! bound it becomes the older one of two, and the older one before it is deleted, counted.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::clock::UnixMillis;

use crate::config::Persistence;
use crate::health::Health;

/// The file that is written to, and the one before it, within the state directory.
const NAME: &str = "dead-letters.jsonl";
const OLDER_NAME: &str = "dead-letters.1.jsonl";
/// Log lines may hold what is not for everyone.
const FILE_MODE: u32 = 0o600;

/// A refused event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadLetter<'a> {
    /// The time of the event.
    pub(crate) time: UnixMillis,
    /// The log group it was meant for.
    pub(crate) group: &'a str,
    /// The log stream it was meant for.
    pub(crate) stream: &'a str,
    /// The file it was read from, for people.
    pub(crate) file: &'a str,
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// Why it was refused.
    pub(crate) reason: &'a str,
    /// What it says.
    pub(crate) message: &'a [u8],
}

impl DeadLetter<'_> {
    /// Appends the event as one line of JSON. A message that is not UTF-8 is kept in base64, so
    /// that none of its bytes are lost.
    pub(crate) fn write(&self, text: &mut String) {
        text.push_str(r#"{"time":""#);
        text.push_str(&self.time.to_string());
        text.push('"');
        let fields = [
            ("group", self.group),
            ("stream", self.stream),
            ("file", self.file),
            ("reason", self.reason),
        ];
        for (name, value) in fields {
            field(text, name, value);
        }
        text.push_str(r#","offset":"#);
        text.push_str(&self.offset.to_string());
        match std::str::from_utf8(self.message) {
            Ok(message) => field(text, "message", message),
            Err(_) => field(text, "message_base64", &STANDARD.encode(self.message)),
        }
        text.push_str("}\n");
    }
}

fn field(text: &mut String, name: &str, value: &str) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":\"");
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            control if control < ' ' => {
                text.push_str("\\u00");
                for digit in [u32::from(control) >> 4, u32::from(control) & 15] {
                    text.extend(char::from_digit(digit, 16));
                }
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

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
    /// Files in the state directory that take at most `bytes_max` together.
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

    /// Keeps events, written by [`DeadLetter::write`]. Blocks. What cannot be kept is counted and
    /// told: waiting for room would hold up every line behind it.
    pub(crate) fn keep(&self, events: &str) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = self.append(events) else {
            return;
        };
        let lost = events.lines().count() as u64;
        if self.health.problems.add("dead_letter_lost", lost) {
            log::error!("refused events cannot be kept and are lost: {error}");
        }
    }

    fn append(&self, events: &str) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let half = self.bytes_max / 2;
        if events.len() as u64 > half {
            return Err(io::Error::other("they are larger than the file may be"));
        }
        let path = directory.join(NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(FILE_MODE)
            .open(&path)?;
        if file.metadata()?.len() + events.len() as u64 > half {
            let older = directory.join(OLDER_NAME);
            if let Ok(old) = File::open(&older) {
                let count = BufReader::new(old).lines().map_while(Result::ok).count() as u64;
                if count > 0 && self.health.problems.add("dead_letter_overwritten", count) {
                    log::warn!("the oldest refused events were deleted to keep their file small");
                }
            }
            std::fs::rename(&path, &older)?;
            file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(FILE_MODE)
                .open(&path)?;
        }
        file.write_all(events.as_bytes())?;
        // The position moves on because of this write, so it must be as durable as the position.
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(message: &[u8]) -> String {
        let letter = DeadLetter {
            time: UnixMillis(0),
            group: "g",
            stream: "s",
            file: "/var/log/\"a\".log",
            offset: 7,
            reason: "too_old",
            message,
        };
        let mut text = String::new();
        letter.write(&mut text);
        text
    }

    #[test]
    fn an_event_is_one_line_of_json_that_holds_every_byte_of_it() {
        let read = |message| -> serde_json::Value {
            let line = letter(message);
            assert_eq!(line.lines().count(), 1);
            serde_json::from_str(&line).unwrap()
        };
        let text = read(b"a \"b\" \\ \n\0\x1f \xc3\xa9");
        assert_eq!(text["message"], "a \"b\" \\ \n\0\x1f é");
        assert_eq!(text["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(text["file"], "/var/log/\"a\".log");
        assert_eq!(
            (&text["offset"], &text["reason"]),
            (&7.into(), &"too_old".into())
        );
        assert_eq!(read(b"\xff")["message_base64"], "/w==");
    }

    #[test]
    fn the_files_stay_within_their_bound_and_what_is_deleted_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let persistence = Persistence::Directory(directory.path().to_owned());
        let health = Arc::new(Health::default());
        let letters = DeadLetters::new(&persistence, 2000, Arc::clone(&health));
        let size = letter(b"m").len() as u64;
        for _ in 0..100 {
            letters.keep(&letter(b"m"));
        }
        let mut kept = 0;
        for name in [NAME, OLDER_NAME] {
            let bytes = std::fs::metadata(directory.path().join(name))
                .unwrap()
                .len();
            assert!(bytes <= 1000);
            kept += bytes / size;
        }
        assert_eq!(
            health.problems.snapshot(),
            [("dead_letter_overwritten", 100 - kept)]
        );
    }

    #[test]
    fn what_cannot_be_kept_is_counted() {
        let health = Arc::new(Health::default());
        let persistence = Persistence::Directory("/nonexistent-directory".into());
        let letters = DeadLetters::new(&persistence, 2000, Arc::clone(&health));
        letters.keep(&letter(b"m"));
        assert_eq!(health.problems.snapshot(), [("dead_letter_lost", 1)]);
    }

    #[test]
    fn a_dry_run_keeps_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let persistence = Persistence::ReadOnly(directory.path().to_owned());
        let letters = DeadLetters::new(&persistence, 2000, Arc::default());
        letters.keep(&letter(b"m"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
