//! Files that gave their descriptor up, and what may happen to them meanwhile.

use super::*;
use crate::source::file::reader::descriptors::REST_AFTER;

/// A file of which `one` was read, and that rests.
fn resting() -> Followed {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    assert_eq!(logs.lines(), ["one"]);
    assert!(logs.lines_after(REST_AFTER).is_empty());
    assert!(logs.reader.open.is_empty(), "it is quiet");
    logs
}

#[test]
fn a_quiet_file_holds_no_descriptor_and_goes_on_when_it_is_written() {
    let mut logs = resting();
    logs.append("app.log", "two\n");
    assert_eq!(logs.lines(), ["two"]);
    assert_eq!(logs.reader.open.len(), 1);
    assert!(logs.problems().is_empty());
}

#[test]
fn a_file_that_rests_is_looked_at_where_no_hint_tells() {
    let mut logs = resting();
    logs.reader.watch = None;
    logs.append("app.log", "two\n");
    assert_eq!(logs.lines_after(TIMING.sweep), ["two"]);
}

#[test]
fn a_file_that_is_renamed_while_it_rests_is_finished_under_its_new_name() {
    for hints in [true, false] {
        let mut logs = resting();
        if !hints {
            logs.reader.watch = None;
        }
        logs.append("app.log", "two\n");
        logs.rename("app.log", "old");
        logs.append("app.log", "new\n");
        logs.append("old", "three\n");
        let mut lines = logs.lines_after(TIMING.rescan);
        lines.sort();
        assert_eq!(lines, ["new", "three", "two"]);
        logs.append("old", "four\n");
        assert_eq!(logs.lines_after(TIMING.sweep), ["four"]);
        for _ in 0..10 {
            logs.lines_after(TIMING.writerless_wait);
        }
        assert_eq!(logs.health.files.value(), 1, "the rotated one is done");
        assert!(logs.problems().is_empty());
    }
}

#[test]
fn a_rotated_file_that_rests_is_closed_when_its_last_line_is_delivered() {
    let mut logs = resting();
    logs.append("app.log", "two\n");
    logs.rename("app.log", "old");
    let undelivered = logs.chunks();
    assert_eq!(texts(&undelivered), ["two"]);
    logs.lines_after(REST_AFTER);
    logs.lines_after(REST_AFTER);
    assert_eq!((logs.reader.open.len(), logs.health.files.value()), (0, 1));
    for chunk in &undelivered {
        let (from, to) = (chunk.position(0), chunk.position(chunk.count()));
        logs.ledger
            .acknowledge(chunk.file, from, to, chunk.guard(chunk.count()));
    }
    logs.lines_after(TIMING.sweep);
    logs.lines_after(TIMING.sweep);
    assert_eq!(logs.health.files.value(), 0);
}

#[test]
fn a_file_that_is_truncated_while_it_rests_is_read_from_its_start() {
    for anew in ["x\n", "ONE\n", "longer than it was\n"] {
        let mut logs = resting();
        std::fs::write(logs.path("app.log"), anew).unwrap();
        let times = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        let file = OpenOptions::new().append(true).open(logs.path("app.log"));
        file.unwrap().set_times(times).unwrap();
        assert_eq!(logs.lines(), [anew.trim_end()]);
        assert_eq!(logs.problems(), [("truncated", 1)]);
    }
}

#[test]
fn a_file_that_is_deleted_while_it_rests_is_let_go_and_its_successor_is_another() {
    let mut logs = resting();
    std::fs::remove_file(logs.path("app.log")).unwrap();
    assert!(logs.lines_after(TIMING.rescan).is_empty());
    assert_eq!(logs.health.files.value(), 0);
    assert!(logs.problems().is_empty(), "nothing of it was unread");
    // The file system may give it the number of the old one.
    logs.append("app.log", "one\ntwo\n");
    assert_eq!(logs.lines_after(TIMING.rescan), ["one", "two"]);
}

#[test]
fn a_link_that_is_pointed_elsewhere_while_its_file_rests_loses_nothing_of_either() {
    let mut logs = Followed::new(StartPosition::Beginning, &[]);
    let elsewhere = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| elsewhere.path().join(name));
    std::fs::write(&first, "one\n").unwrap();
    std::fs::write(&second, "two\n").unwrap();
    let link = logs.path("app.log");
    std::os::unix::fs::symlink(&first, &link).unwrap();
    assert_eq!(logs.lines_after(TIMING.rescan), ["one"]);
    logs.lines_after(REST_AFTER);
    assert!(logs.reader.open.is_empty());
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&second, &link).unwrap();
    let mut file = OpenOptions::new().append(true).open(&first).unwrap();
    file.write_all(b"late\n").unwrap();
    let mut lines = logs.lines_after(TIMING.rescan);
    lines.sort();
    assert_eq!(lines, ["late", "two"]);
    file.write_all(b"later\n").unwrap();
    assert_eq!(logs.lines_after(TIMING.sweep), ["later"]);
}

#[test]
fn many_busy_files_take_turns_within_the_budget_and_none_is_left_out() {
    let mut logs = Followed::new(StartPosition::Beginning, &[]);
    logs.reader.descriptors_max = 3;
    for round in 0..3 {
        for file in 0..20 {
            logs.append(
                &format!("app-{file:02}.log"),
                &format!("{round}-{file:02}\n"),
            );
        }
        let mut lines = Vec::new();
        for _ in 0..3 {
            lines.extend(logs.lines_after(TIMING.rescan));
            assert!(logs.reader.open.len() <= 3);
        }
        lines.sort();
        let expected: Vec<String> = (0..20).map(|file| format!("{round}-{file:02}")).collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_deleted_file_keeps_its_descriptor_beyond_the_budget_until_it_is_read() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    logs.reader.descriptors_max = 1;
    assert_eq!(logs.lines(), ["one"]);
    let mut writer = OpenOptions::new()
        .append(true)
        .open(logs.path("app.log"))
        .unwrap();
    std::fs::remove_file(logs.path("app.log")).unwrap();
    for file in 0..5 {
        logs.append(&format!("app-{file}.log"), "other\n");
    }
    assert_eq!(logs.lines_after(TIMING.rescan).len(), 5);
    logs.lines_after(REST_AFTER);
    writer.write_all(b"two\n").unwrap();
    assert_eq!(logs.lines_after(TIMING.sweep), ["two"]);
}
