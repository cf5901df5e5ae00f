//! Files as they are written, rotated, truncated and found again, on a real file system.

mod compressed;
mod copies;
mod dated;
mod found;
mod framing;
mod odd;
mod resting;
mod rotation;
mod takeover;

use super::*;
use std::fs::OpenOptions;
use std::io::Write;

use plimsoll_aws::LogGroup;
use plimsoll_core::clock::ManualClock;

use crate::checkpoint::Snapshot;
use crate::config::{FileTarget, StartPosition};
use crate::fs::HostFs;

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const TIMING: Timing = Timing {
    gap: Duration::ZERO,
    sweep: Duration::from_secs(5),
    rescan: Duration::from_secs(10),
    rotate_wait: Duration::from_secs(30),
    writerless_wait: Duration::from_secs(10),
};

/// A directory of logs and a reader that follows `app*.log` in it.
struct Followed<F: LogFs = HostFs> {
    directory: Arc<tempfile::TempDir>,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    clock: Arc<ManualClock>,
    reader: Reader<F>,
    now: Instant,
}

impl Followed {
    fn new(start: StartPosition, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        Self::over(Arc::new(directory), start, Snapshot::default())
    }

    fn over(directory: Arc<tempfile::TempDir>, start: StartPosition, known: Snapshot) -> Self {
        Followed::on(HostFs, directory, start, known)
    }

    /// The agent ends and starts again; only what was acknowledged is remembered.
    fn restarted(self) -> Self {
        let mut snapshot = Snapshot::default();
        for change in self.ledger.take_changes() {
            snapshot.apply(&change);
        }
        Self::over(self.directory, StartPosition::End, snapshot)
    }
}

impl<F: LogFs> Followed<F> {
    fn on(fs: F, directory: Arc<tempfile::TempDir>, start: StartPosition, known: Snapshot) -> Self {
        let target = FileTarget {
            include: vec![format!("{}/app*.log", directory.path().display())],
            exclude: Vec::new(),
            start,
            group: LogGroup::default(),
            stream: "{file_name}".to_owned(),
            ..FileTarget::default()
        };
        let ledger = Arc::new(Ledger::new(known));
        let health = Arc::new(Health::default());
        let clock = Arc::new(ManualClock::at(START));
        let reader = Reader::new(
            fs,
            Targets::new(vec![target]).unwrap(),
            Arc::clone(&ledger),
            Arc::clone(&health),
            Arc::clone(&clock) as Arc<dyn Clock>,
            TIMING,
            false,
        );
        Self {
            directory,
            ledger,
            health,
            clock,
            reader,
            now: Instant::now(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.path(name);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// All chunks until there is nothing more to read, unacknowledged.
    fn chunks(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        loop {
            let round = self.reader.round(self.now);
            chunks.extend(round.chunks);
            if !round.more {
                return chunks;
            }
        }
    }

    /// All lines until there is nothing more to read, delivered at once.
    fn lines(&mut self) -> Vec<String> {
        let chunks = self.chunks();
        for chunk in &chunks {
            let (from, to) = (chunk.position(0), chunk.position(chunk.count()));
            self.ledger
                .acknowledge(chunk.file, from, to, chunk.guard(chunk.count()));
        }
        texts(&chunks)
    }

    fn lines_after(&mut self, wait: Duration) -> Vec<String> {
        self.now += wait;
        self.lines()
    }

    fn problems(&self) -> Vec<(&'static str, u64)> {
        self.health.problems.snapshot()
    }
}

fn texts(chunks: &[Chunk]) -> Vec<String> {
    chunks
        .iter()
        .flat_map(|chunk| (0..chunk.count()).map(move |line| chunk.line(line)))
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

#[test]
fn a_file_from_before_the_first_start_begins_at_its_end_and_a_later_one_at_its_start() {
    let mut logs = Followed::new(StartPosition::End, &[("app.log", "before\n")]);
    assert!(logs.lines().is_empty());
    logs.append("app.log", "after\n");
    logs.append("app-new.log", "new\n");
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["after", "new"], "hints made a look unnecessary");

    let mut logs = logs.restarted();
    logs.append("app.log", "while it ran again\n");
    logs.append("app-later.log", "appeared while it did not run\n");
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(
        lines,
        ["appeared while it did not run", "while it ran again"]
    );
}

#[test]
fn what_is_written_after_a_rename_or_a_deletion_is_still_read() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    assert_eq!(logs.lines(), ["one"]);
    let mut writer = OpenOptions::new()
        .append(true)
        .open(logs.path("app.log"))
        .unwrap();
    logs.rename("app.log", "app.log.1");
    writer.write_all(b"two\n").unwrap();
    logs.append("app.log", "first of the new\n");
    let mut lines = logs.lines_after(TIMING.rescan);
    lines.sort();
    assert_eq!(lines, ["first of the new", "two"]);

    std::fs::remove_file(logs.path("app.log.1")).unwrap();
    writer.write_all(b"three\nunfinished").unwrap();
    assert_eq!(logs.lines_after(TIMING.sweep), ["three"]);
    for _ in 0..10 {
        assert!(logs.lines_after(TIMING.rotate_wait).is_empty());
        assert_eq!(logs.health.files.value(), 2, "its writer may go on");
    }
    writer.write_all(b" line").unwrap();
    drop(writer);
    assert!(logs.lines_after(TIMING.sweep).is_empty());
    assert_eq!(
        logs.lines_after(TIMING.writerless_wait),
        ["unfinished line"]
    );
    assert_eq!(logs.health.files.value(), 2, "kept until it is delivered");
    logs.lines_after(TIMING.writerless_wait);
    assert_eq!(logs.health.files.value(), 1);
}

#[test]
fn a_file_that_gets_its_name_back_sends_whole_lines_again() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    assert_eq!(logs.lines(), ["one"]);
    logs.append("app.log", "unfinished");
    logs.rename("app.log", "hidden");
    assert!(logs.lines_after(TIMING.rescan).is_empty());
    // It is taken for finished, and is not: its last line is sent as it is.
    assert_eq!(logs.lines_after(TIMING.rotate_wait), ["unfinished"]);
    logs.rename("hidden", "app.log");
    logs.append("app.log", "\nhalf a l");
    assert!(logs.lines_after(TIMING.rescan).is_empty());
    logs.append("app.log", "ine\n");
    assert_eq!(logs.lines_after(TIMING.sweep), ["half a line"]);
}

#[test]
fn a_rotated_file_is_kept_open_until_everything_in_it_is_delivered() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    let undelivered = logs.chunks();
    logs.rename("app.log", "app.log.1");
    for _ in 0..10 {
        assert!(logs.lines_after(TIMING.rotate_wait).is_empty());
    }
    assert_eq!(logs.health.files.value(), 1);
    drop(undelivered);
    let mut again = logs.restarted();
    assert_eq!(again.lines(), ["one"], "found under its new name");
}

#[test]
fn a_file_that_was_rotated_while_the_agent_was_down_is_finished_under_any_name() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    assert_eq!(logs.lines(), ["one"]);
    logs.append("app.log", "two\n");
    logs.rename("app.log", "old-name.gone");
    logs.append("app.log", "three\n");
    let mut logs = logs.restarted();
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["three", "two"]);
    let chunk_streams: Vec<_> = logs
        .reader
        .tails
        .values()
        .map(|t| t.stream.name.to_string())
        .collect();
    assert_eq!(
        chunk_streams,
        ["app.log", "app.log"],
        "its lines stay in its stream"
    );
}

#[test]
fn a_file_that_was_finished_is_not_read_again_when_it_comes_back() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    assert_eq!(logs.lines(), ["one"]);
    logs.rename("app.log", "hidden");
    logs.lines_after(TIMING.rescan);
    logs.lines_after(TIMING.rotate_wait + TIMING.rescan);
    assert_eq!(logs.health.files.value(), 0);
    let mut logs = logs.restarted();
    logs.lines();
    logs.rename("hidden", "app-back.log");
    logs.append("app-back.log", "two\n");
    assert_eq!(logs.lines_after(TIMING.rescan), ["two"]);
}

#[test]
fn a_truncated_file_is_read_from_its_start_and_late_answers_do_not_move_it() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\ntwo\n")]);
    let late = logs.chunks();
    std::fs::write(logs.path("app.log"), "a longer line than all before it\n").unwrap();
    logs.now += TIMING.sweep;
    let anew = logs.chunks();
    assert_eq!(texts(&anew), ["a longer line than all before it"]);
    assert_eq!(logs.problems(), [("truncated", 1)]);
    let chunk = &late[0];
    logs.ledger
        .acknowledge(chunk.file, 0, chunk.position(2), chunk.guard(2));
    assert_eq!(logs.ledger.position(chunk.file), None);
    assert_eq!(logs.ledger.position(anew[0].file), Some(0));
}

#[test]
fn a_file_that_was_replaced_while_the_agent_was_down_is_read_from_its_start() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    logs.lines();
    std::fs::write(logs.path("app.log"), "another, by the same inode\n").unwrap();
    let mut logs = logs.restarted();
    assert_eq!(logs.lines(), ["another, by the same inode"]);
}

#[test]
fn a_copy_outside_the_globs_is_not_read() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    assert_eq!(logs.lines(), ["one"]);
    std::fs::copy(logs.path("app.log"), logs.path("app.log.1")).unwrap();
    std::fs::write(logs.path("app.log"), "").unwrap();
    assert!(logs.lines_after(TIMING.rescan).is_empty());
    logs.append("app.log", "two\n");
    assert_eq!(logs.lines_after(TIMING.sweep), ["two"]);
}

#[test]
fn a_quiet_file_gets_its_turn_although_another_never_ends() {
    let busy = "x".repeat(99) + "\n";
    let files = [
        ("app-busy.log", &*busy.repeat(100_000)),
        ("app-quiet.log", "quiet\n"),
    ];
    let mut logs = Followed::new(StartPosition::Beginning, &files);
    logs.reader.round(logs.now);
    let lines = texts(&logs.reader.round(logs.now).chunks);
    assert!(lines.contains(&"quiet".to_owned()));
    assert!(lines.len() < 20_000);
}

#[test]
fn a_stuck_stream_is_not_read_ahead_and_others_are() {
    let busy = "x".repeat(99) + "\n";
    let files = [
        ("app-busy.log", &*busy.repeat(100_000)),
        ("app-quiet.log", "quiet\n"),
    ];
    let mut logs = Followed::new(StartPosition::Beginning, &files);
    logs.reader.round(logs.now);
    let busy = logs.reader.tails.values().next().unwrap();
    let stream = Arc::clone(&busy.stream);
    stream.stuck.store(true, Ordering::Relaxed);
    let held = logs.chunks();
    assert!(texts(&held).contains(&"quiet".to_owned()));
    assert!(stream.unsent_bytes() <= STUCK_BYTES_MAX + 2 * TURN_BYTES as u64);
    assert!(!logs.reader.round(logs.now).drained);

    stream.stuck.store(false, Ordering::Relaxed);
    assert!(logs.reader.round(logs.now).more);
}

#[test]
fn times_do_not_go_back_with_the_clock_within_what_the_limits_allow() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "")]);
    let mut time_after = |now: UnixMillis| {
        logs.clock.set(now);
        logs.append("app.log", "line\n");
        let chunks = logs.chunks();
        chunks[0].lines[0].time
    };
    time_after(START);
    let hour = Duration::from_hours(1);
    assert_eq!(time_after(START - hour), START);
    assert_eq!(time_after(START + hour), START + hour);
    assert_eq!(time_after(START - hour), START - hour, "too far to hold");
    assert_eq!(logs.problems(), [("clock_backwards", 2)]);
}

#[test]
fn what_cannot_be_read_is_counted_once_and_tried_again() {
    let mut logs = Followed::new(StartPosition::Beginning, &[]);
    let path = logs.path("app.log");
    std::os::unix::fs::symlink(&path, &path).unwrap();
    for _ in 0..3 {
        assert!(logs.lines_after(TIMING.rescan).is_empty());
    }
    assert_eq!(logs.problems(), [("file_unreadable", 1)]);
    std::fs::remove_file(&path).unwrap();
    logs.append("app.log", "one\n");
    assert_eq!(logs.lines_after(TIMING.rescan), ["one"]);
}
