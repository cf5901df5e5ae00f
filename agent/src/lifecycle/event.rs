//! What happened in the instance's life, a line of JSON each, in a file that the road of logs
//! follows like any other.
//!
//! So events are delivered at least once, as every line of a file, also over a kill. Writing is
//! done away from the runtime. A line that cannot be written is counted and stands in the agent's
//! own log all the same.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock, UnixMillis};
use serde_json::json;

use super::notice::Kind;
use crate::health::Health;

/// The file of events, below the state directory.
pub(crate) const FILE: &str = "events/lifecycle.log";
/// The file and the older ones, the older the later.
pub(crate) const FILES: [&str; 3] = [FILE, "events/lifecycle.log.1", "events/lifecycle.log.2"];
/// At this size the file is renamed and a new one begun; two old ones are kept.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// As positions: for this user alone.
const FILE_MODE: u32 = 0o600;

/// One event.
#[derive(Debug)]
pub(super) struct Event<'e> {
    pub(super) name: &'static str,
    pub(super) notice: Kind,
    pub(super) instance_id: Option<String>,
    pub(super) group: Option<String>,
    /// When the instance is expected to be gone.
    pub(super) deadline: Option<UnixMillis>,
    /// Since the notice.
    pub(super) elapsed: Duration,
    pub(super) detail: &'e str,
}

/// Where events are written.
#[derive(Debug)]
pub(super) struct Events {
    /// `None` writes them to the agent's own log only.
    pub(super) path: Option<PathBuf>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) health: Arc<Health>,
}

impl Events {
    /// Tells one event. When this completes, its line is in the file.
    pub(super) async fn tell(&self, event: Event<'_>) {
        let elapsed_ms = u64::try_from(event.elapsed.as_millis()).unwrap_or(u64::MAX);
        let (name, kind) = (event.name, event.notice.as_str());
        log::warn!(event = name, notice = kind, elapsed_ms = elapsed_ms; "{}", event.detail);
        let Some(path) = self.path.clone() else {
            return;
        };
        let line = json!({
            "time": self.clock.now().to_string(),
            "event": name,
            "notice": kind,
            "instance_id": event.instance_id,
            "group": event.group,
            "deadline": event.deadline.map(|deadline| deadline.to_string()),
            "elapsed_ms": elapsed_ms,
            "detail": event.detail,
        });
        let line = format!("{line}\n");
        let written = tokio::task::spawn_blocking(move || append(&path, &line));
        let written = written
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Err(error) = written {
            self.health.problems.add("lifecycle_event_unwritten", 1);
            log::error!("an event of the instance's life cannot be written to {FILE}: {error}");
        }
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    if fs::metadata(path).is_ok_and(|file| file.len() >= FILE_BYTES_MAX) {
        let old = |number| path.with_extension(format!("log.{number}"));
        // The first rotation finds no older file.
        fs::rename(old(1), old(2)).ok();
        fs::rename(path, old(1))?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_renamed_and_two_old_ones_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let line = "x".repeat(usize::try_from(FILE_BYTES_MAX).unwrap());
        for number in 0..5 {
            append(&path, &format!("{number}{line}")).unwrap();
        }
        let kept = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(kept, 3);
        for (name, number) in [("", "4"), (".1", "3"), (".2", "2")] {
            let path = format!("{}{name}", path.display());
            assert!(fs::read_to_string(path).unwrap().starts_with(number));
        }
    }
}
