//! What was not sent when the agent ended: told, and written down for whoever looks at the machine.
//!
//! The positions on the disk say what will be read again after the next start, whatever the end was
//! like; here they are compared with the files. An unfinished line is not counted: it waits for its
//! end. Nothing depends on the file that is written.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::checkpoint::{Store, Surveyed, survey};
use crate::config::Persistence;
use crate::fs::{HostFs, LogFs};

/// The file, within the state directory.
pub(crate) const NAME: &str = "unsent.json";
/// Names are for this user alone, as in the positions.
const FILE_MODE: u32 = 0o600;
/// Files that are told one by one, and written down.
const TOLD_MAX: usize = 20;
const WRITTEN_MAX: usize = 1000;
/// How far is looked for the end of a line. What is longer is not merely unfinished.
const LOOK_BYTES: usize = 64 * 1024;
/// How long the end may be held up by a file system that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines of one file that were not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Left {
    path: PathBuf,
    offset: u64,
    bytes: u64,
}

/// Tells and writes down what is left in the files, and says how many bytes that is.
pub(crate) async fn record(directory: &Path, now: UnixMillis) -> u64 {
    let place = directory.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let left = look(&place);
        (write(&place, &left, now), left)
    });
    let Ok(Ok((written, left))) = timeout(PATIENCE, looking).await else {
        log::warn!("it is not known what was not sent: looking at the files takes too long");
        return 0;
    };
    if let Err(error) = written {
        log::warn!("{NAME} cannot be written: {error}");
    }
    for left in left.iter().take(TOLD_MAX) {
        log::warn!(
            path:% = left.path.display(), offset = left.offset, bytes = left.bytes;
            "not all of a file was sent before the end; the rest is sent after the next start"
        );
    }
    if left.len() > TOLD_MAX {
        log::warn!(files = left.len(); "not all of these files were sent; see {NAME}");
    }
    left.iter().map(|left| left.bytes).sum()
}

/// Tells what the last end has left, once: from now on it is sent.
pub(crate) fn tell(directory: &Path) {
    let path = directory.join(NAME);
    let Ok(text) = std::fs::read(&path) else {
        return;
    };
    let left: Value = serde_json::from_slice(&text).unwrap_or_default();
    let number = |name: &str| left.get(name).and_then(Value::as_u64).unwrap_or(0);
    log::info!(
        files = number("files"), bytes = number("bytes");
        "what was not sent before the last end is sent now"
    );
    if let Err(error) = std::fs::remove_file(&path) {
        log::warn!("{} cannot be removed: {error}", path.display());
    }
}

fn look(directory: &Path) -> Vec<Left> {
    let persistence = Persistence::ReadOnly(directory.to_owned());
    let Ok((store, _)) = Store::open(HostFs, &persistence) else {
        return Vec::new();
    };
    let surveyed = survey(&HostFs, store.snapshot());
    surveyed.iter().filter_map(left).collect()
}

fn left(one: &Surveyed) -> Option<Left> {
    let found = one.found.as_ref().filter(|_| !one.entry.parked)?;
    let bytes = one.lag_bytes().filter(|bytes| *bytes > 0)?;
    let offset = one.entry.offset;
    if is_unfinished(&found.path, offset, bytes).unwrap_or(true) {
        return None;
    }
    Some(Left {
        path: found.path.clone(),
        offset,
        bytes,
    })
}

/// Whether the last `bytes` of a file, from `offset` on, are a line whose end was not written yet;
/// `None` if they cannot be read.
pub(crate) fn is_unfinished(path: &Path, offset: u64, bytes: u64) -> Option<bool> {
    if bytes > LOOK_BYTES as u64 {
        return Some(false);
    }
    let (file, _) = HostFs.open(path).ok()??;
    let mut text = Vec::with_capacity(LOOK_BYTES);
    HostFs.read_at(&file, &mut text, offset).ok()?;
    Some(memchr::memchr(b'\n', &text).is_none())
}

/// Writes the file, or removes an old one when nothing is left.
fn write(directory: &Path, left: &[Left], now: UnixMillis) -> io::Result<()> {
    let path = directory.join(NAME);
    if left.is_empty() {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let rows = left.iter().take(WRITTEN_MAX).map(|left| {
        let path = left.path.display().to_string();
        json!({ "path": path, "offset": left.offset, "bytes": left.bytes })
    });
    let text = json!({
        "ended": now.to_string(),
        "files": left.len(),
        "bytes": left.iter().map(|left| left.bytes).sum::<u64>(),
        "left": rows.collect::<Vec<_>>(),
    });
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(format!("{text:#}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Ledger;
    use crate::record::Guard;

    /// A state directory that knows these files, all of them delivered up to offset 4.
    fn known(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let persistence = Persistence::Directory(directory.path().to_owned());
        let (mut store, _) = Store::open(HostFs, &persistence).unwrap();
        let ledger = Ledger::new(store.snapshot().clone());
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            let identity = HostFs.stat(&path).unwrap().identity;
            ledger.open(identity, &path, 4, Guard::of(b"one\n"));
        }
        store.append(&ledger.take_changes()).unwrap();
        directory
    }

    fn written(directory: &tempfile::TempDir) -> Option<Value> {
        let text = std::fs::read(directory.path().join(NAME)).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    #[tokio::test]
    async fn what_is_left_is_written_down_by_file_and_told_once_at_the_next_start() {
        let long = format!("one\n{}", "x".repeat(100_000));
        let directory = known(&[
            ("all", "one\n"),
            ("some", "one\ntwo\nthr"),
            ("unfinished", "one\ntw"),
            ("long", &long),
        ]);
        assert_eq!(record(directory.path(), UnixMillis(0)).await, 7 + 100_000);
        let told = written(&directory).unwrap();
        assert_eq!(
            (&told["files"], &told["bytes"]),
            (&2.into(), &100_007.into())
        );
        let first = &told["left"][0];
        assert!(first["path"].as_str().unwrap().ends_with("/some"));
        assert_eq!((&first["offset"], &first["bytes"]), (&4.into(), &7.into()));
        tell(directory.path());
        assert_eq!(written(&directory), None);
        tell(directory.path());
    }

    #[tokio::test]
    async fn an_end_that_leaves_nothing_leaves_no_file() {
        let directory = known(&[("all", "one\n")]);
        std::fs::write(directory.path().join(NAME), "{}").unwrap();
        assert_eq!(record(directory.path(), UnixMillis(0)).await, 0);
        assert_eq!(written(&directory), None);
    }
}
