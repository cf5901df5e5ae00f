//! Files that were compressed before all of them was read.

use super::*;
use crate::fs::archive::tests::gzip;
use crate::source::file::reader::descriptors::REST_AFTER;

impl Followed {
    /// Rotates as logrotate does with `compress`: the archive takes over the time of writing.
    fn compress(&self, from: &str, to: &str) {
        let content = std::fs::read(self.path(from)).unwrap();
        self.archive(from, to, &gzip(&content));
    }

    fn archive(&self, from: &str, to: &str, archive: &[u8]) {
        let written = std::fs::metadata(self.path(from)).unwrap().modified();
        std::fs::write(self.path(to), archive).unwrap();
        let archive = OpenOptions::new().append(true).open(self.path(to));
        archive.unwrap().set_modified(written.unwrap()).unwrap();
        std::fs::remove_file(self.path(from)).unwrap();
    }

    /// An agent that has read and delivered the first line.
    fn after_one() -> Self {
        let mut logs = Self::new(StartPosition::Beginning, &[("app.log", "one\n")]);
        assert_eq!(logs.lines(), ["one"]);
        logs
    }
}

#[test]
fn a_file_that_was_compressed_while_the_agent_was_down_is_finished_from_its_archive() {
    let logs = Followed::after_one();
    logs.append("app.log", "two\nunfinished");
    logs.compress("app.log", "app.log.1.gz");
    logs.append("app.log", "of the next\n");
    let mut logs = logs.restarted();
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["of the next", "two"]);
    assert_eq!(logs.health.files.value(), 2);
    logs.lines_after(TIMING.sweep);
    assert_eq!(logs.lines_after(TIMING.rotate_wait), ["unfinished"]);
    for _ in 0..3 {
        assert!(logs.lines_after(TIMING.rotate_wait).is_empty());
    }
    assert_eq!(logs.health.files.value(), 1, "the archive is closed");
    assert!(logs.problems().is_empty());
    let mut logs = logs.restarted();
    assert!(logs.lines().is_empty(), "and forgotten");
    assert!(logs.problems().is_empty());
}

#[test]
fn a_file_that_rested_when_it_was_written_and_compressed_is_finished() {
    let mut logs = Followed::after_one();
    for _ in 0..2 {
        assert!(logs.lines_after(REST_AFTER).is_empty());
    }
    assert!(logs.reader.open.is_empty(), "it holds no descriptor");
    logs.append("app.log", "two\n");
    logs.compress("app.log", "app.log.1.gz");
    assert_eq!(logs.lines_after(TIMING.rescan), ["two"]);
    assert!(logs.problems().is_empty());
}

#[test]
fn reading_an_archive_goes_on_where_it_was_interrupted() {
    let logs = Followed::after_one();
    let line = "x".repeat(99) + "\n";
    logs.append("app.log", &line.repeat(30_000));
    logs.compress("app.log", "app.log-20270115.gz");
    let mut logs = logs.restarted();
    let mut sent = 0;
    while sent == 0 {
        for chunk in logs.reader.round(logs.now).chunks {
            let (from, to) = (chunk.position(0), chunk.position(chunk.count()));
            let guard = chunk.guard(chunk.count());
            logs.ledger.acknowledge(chunk.file, from, to, guard);
            sent += chunk.count();
        }
    }
    assert!(sent < 30_000);
    let mut logs = logs.restarted();
    assert_eq!(logs.lines().len() as u64, 30_000 - u64::from(sent));
    assert!(logs.problems().is_empty());
}

#[test]
fn the_archive_is_found_among_others_by_its_content() {
    let logs = Followed::after_one();
    for (name, content) in [
        ("app.log.3.gz", "one\nof another time\n"),
        ("app.log.2.gz", "ONE\nof another file\n"),
        ("other.gz", "o"),
    ] {
        std::fs::write(logs.path(name), gzip(content.as_bytes())).unwrap();
        let old = std::time::UNIX_EPOCH + Duration::from_secs(1);
        let file = OpenOptions::new().append(true).open(logs.path(name));
        file.unwrap().set_modified(old).unwrap();
    }
    std::fs::write(logs.path("app.log.4.gz"), gzip(b"ONE\nand later\n")).unwrap();
    logs.append("app.log", "two\n");
    let content = std::fs::read(logs.path("app.log")).unwrap();
    let (first, second) = content.split_at(5);
    let members = [gzip(first), gzip(second)].concat();
    logs.archive("app.log", "archived.gz", &members);
    let mut logs = logs.restarted();
    assert_eq!(logs.lines(), ["two"]);
}

#[test]
fn a_copy_that_was_compressed_after_the_original_was_truncated_is_finished() {
    let logs = Followed::after_one();
    logs.append("app.log", "two\n");
    let content = std::fs::read(logs.path("app.log")).unwrap();
    std::fs::write(logs.path("app.log.1.gz"), gzip(&content)).unwrap();
    std::fs::write(logs.path("app.log"), "anew and longer\n").unwrap();
    let mut logs = logs.restarted();
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["anew and longer", "two"]);
    assert_eq!(logs.problems(), [("truncated", 1)]);
}

#[test]
fn what_cannot_be_read_of_an_archive_is_told_and_costs_nothing_else() {
    let numbers = (0..40_000_u32).map(|number| number.wrapping_mul(2_654_435_761));
    let lines: Vec<String> = numbers.map(|number| format!("{number:x}\n")).collect();
    let noise = lines.concat();
    let rotate = |logs: &Followed, name: &str, cut: usize| {
        logs.append("app.log", &noise);
        let mut archive = gzip(&std::fs::read(logs.path("app.log")).unwrap());
        archive.truncate(cut);
        logs.archive("app.log", name, &archive);
        logs.append("app.log", "of the next\n");
    };
    for (name, cut, least) in [
        ("app.log.1.gz", 100_000, 1000),
        ("app.log.1.gz", 12, 1),
        ("app.log.1.zst", 100, 1),
    ] {
        let logs = Followed::after_one();
        rotate(&logs, name, cut);
        let mut logs = logs.restarted();
        let mut lines = logs.lines();
        lines.extend(logs.lines_after(TIMING.sweep));
        assert!(lines.contains(&"of the next".to_owned()));
        assert!(lines.len() >= least && lines.len() < 40_000, "{name} {cut}");
        assert_eq!(logs.problems(), [("rotated_compressed_unread", 1)]);
    }
}

#[test]
fn a_compressed_file_that_a_glob_fits_is_not_read_as_text() {
    let mut logs = Followed::after_one();
    logs.reader.targets = Targets::new(vec![FileTarget {
        include: vec![logs.path("app*").display().to_string()],
        start: StartPosition::Beginning,
        ..FileTarget::default()
    }])
    .unwrap();
    std::fs::write(logs.path("app.log.2.gz"), gzip(b"delivered long ago\n")).unwrap();
    std::fs::write(logs.path("app.txt.gz"), "only named so\n").unwrap();
    for expected in [vec!["only named so"], vec![]] {
        assert_eq!(logs.lines_after(TIMING.rescan), expected);
    }
    assert_eq!(logs.problems(), [("compressed_skipped", 1)]);
}

#[test]
fn a_file_that_is_neither_there_nor_in_an_archive_is_told() {
    let logs = Followed::after_one();
    std::fs::write(logs.path("app.log.1.gz"), gzip(b"another\n")).unwrap();
    std::fs::remove_file(logs.path("app.log")).unwrap();
    let mut logs = logs.restarted();
    assert!(logs.lines().is_empty());
    assert_eq!(logs.problems(), [("file_gone", 1)]);
}

#[test]
fn an_archive_that_only_begins_like_the_file_is_not_taken_for_it() {
    let header = "the same header of every file\n".repeat(20);
    let mut logs = Followed::new(
        StartPosition::Beginning,
        &[("app.log", &(header.clone() + "one\n"))],
    );
    assert_eq!(logs.lines().len(), 21);
    let decoy = gzip((header + "uno\nof another file\n").as_bytes());
    // Of names in the order of the directory, one decoy at least is looked at before the archive.
    for name in ["app.log.0.gz", "app.log.2.gz", "a.gz", "z.gz"] {
        std::fs::write(logs.path(name), &decoy).unwrap();
    }
    logs.append("app.log", "two\n");
    logs.compress("app.log", "app.log.1.gz");
    let mut logs = logs.restarted();
    assert_eq!(logs.lines(), ["two"]);
}
