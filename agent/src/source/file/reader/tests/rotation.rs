//! Writers, names and servers that do not do what one expects.

use super::odd::Odd;
use super::*;

fn over(fs: Odd, content: &str) -> Followed<Odd> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("app.log"), content).unwrap();
    let start = StartPosition::Beginning;
    Followed::on(fs, Arc::new(directory), start, Snapshot::default())
}

#[test]
fn a_rotated_file_whose_writers_are_unknown_is_closed_after_a_longer_time() {
    let mut logs = over(Odd::default(), "one\nunfinished");
    assert_eq!(logs.lines(), ["one"]);
    logs.rename("app.log", "old");
    assert!(logs.lines_after(TIMING.rescan).is_empty());
    assert!(logs.lines_after(TIMING.writerless_wait).is_empty());
    assert_eq!(logs.lines_after(TIMING.rotate_wait), ["unfinished"]);
    logs.lines_after(TIMING.rotate_wait);
    assert_eq!(logs.health.files.value(), 0);
}

#[test]
fn without_births_and_handles_the_guard_tells_a_used_inode_number() {
    let odd = Odd {
        plain: true,
        ..Odd::default()
    };
    let mut logs = over(odd, "one\n");
    assert_eq!(logs.lines(), ["one"]);
    // The same number, as after deletion and creation.
    std::fs::write(logs.path("app.log"), "another file\n").unwrap();
    assert_eq!(logs.lines_after(TIMING.sweep), ["another file"]);
}

#[test]
fn a_file_that_its_server_has_lost_is_closed_counted_and_gone_on_with() {
    let odd = Odd::default();
    let stale = Arc::clone(&odd.stale);
    let mut logs = over(odd, "one\n");
    assert_eq!(logs.lines(), ["one"]);
    logs.append("app.log", "two\n");
    stale.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(logs.lines_after(TIMING.sweep).is_empty());
    }
    assert!(logs.reader.tails.is_empty());
    stale.store(false, Ordering::Relaxed);
    assert_eq!(logs.lines_after(TIMING.rescan), ["two"]);
    let problems = logs.problems();
    assert!(problems.contains(&("file_stale", 1)), "{problems:?}");
}

#[test]
fn a_file_of_two_names_is_delivered_once_and_goes_on_under_either() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
    std::fs::hard_link(logs.path("app.log"), logs.path("app-2.log")).unwrap();
    assert_eq!(logs.lines(), ["one"]);
    for name in ["app.log", "app-2.log"] {
        logs.append(name, "more\n");
        assert_eq!(logs.lines_after(TIMING.rescan), ["more"]);
    }
    std::fs::remove_file(logs.path("app.log")).unwrap();
    logs.append("app-2.log", "two\n");
    assert_eq!(logs.lines_after(TIMING.rescan), ["two"]);
    assert_eq!(logs.health.files.value(), 1);
}

#[test]
fn a_link_that_is_pointed_elsewhere_gives_both_files_whole() {
    let mut logs = Followed::new(
        StartPosition::Beginning,
        &[("first", "one\n"), ("second", "two\n")],
    );
    let link = logs.path("app.log");
    std::os::unix::fs::symlink("first", &link).unwrap();
    assert_eq!(logs.lines(), ["one"]);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("second", &link).unwrap();
    logs.append("first", "late\n");
    let mut lines = logs.lines_after(TIMING.rescan);
    lines.sort();
    assert_eq!(lines, ["late", "two"]);
}

#[test]
fn an_inode_number_that_is_used_again_while_nobody_runs_is_read_from_its_start() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "same\n")]);
    assert_eq!(logs.lines(), ["same"]);
    std::fs::remove_file(logs.path("app.log")).unwrap();
    // Most file systems give the number at once to the next file, and it begins alike.
    logs.append("app.log", "same\nlines\n");
    let mut logs = logs.restarted();
    assert_eq!(logs.lines(), ["same", "lines"]);
}

#[test]
fn several_writers_of_one_file_lose_no_line() {
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "")]);
    assert!(logs.lines().is_empty());
    let mut writers: Vec<_> = (0..3)
        .map(|_| OpenOptions::new().append(true).open(logs.path("app.log")))
        .map(Result::unwrap)
        .collect();
    for (number, writer) in writers.iter_mut().enumerate() {
        writer
            .write_all(format!("line {number}\n").as_bytes())
            .unwrap();
    }
    logs.rename("app.log", "old");
    writers.truncate(1);
    assert_eq!(logs.lines_after(TIMING.rescan).len(), 3);
    for _ in 0..5 {
        logs.lines_after(TIMING.rotate_wait);
    }
    writers[0].write_all(b"last\n").unwrap();
    assert_eq!(logs.lines_after(TIMING.sweep), ["last"]);
}

#[test]
fn a_known_file_that_may_not_be_opened_at_the_start_goes_on_where_it_was_once_it_may() {
    let check = |renamed: Option<&str>| {
        let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", "one\n")]);
        assert_eq!(logs.lines(), ["one"]);
        logs.append("app.log", "two\n");
        if let Some(name) = renamed {
            logs.rename("app.log", name);
        }
        let mut known = Snapshot::default();
        for change in logs.ledger.take_changes() {
            known.apply(&change);
        }
        let odd = Odd::default();
        odd.forbidden.store(true, Ordering::Relaxed);
        let mut logs = Followed::on(odd.clone(), logs.directory, StartPosition::End, known);
        assert!(logs.lines().is_empty());
        assert!(logs.lines_after(TIMING.rescan).is_empty());
        odd.forbidden.store(false, Ordering::Relaxed);
        assert_eq!(logs.lines_after(TIMING.rescan), ["two"], "{renamed:?}");
    };
    check(None);
    check(Some("app-2.log"));
    check(Some("rotated"));
}
