//! Files that are hard to find: new directories, names that do not stay, places without notice.

use super::*;

impl Followed {
    /// Follows what these globs fit, below a directory of its own.
    fn by(globs: &[&str]) -> Self {
        let logs = Self::new(StartPosition::Beginning, &[]);
        let include = globs.iter().map(|glob| logs.path(glob));
        let target = FileTarget {
            include: include.map(|path| path.display().to_string()).collect(),
            start: StartPosition::Beginning,
            stream: "s".to_owned(),
            ..FileTarget::default()
        };
        let Self { mut reader, .. } = logs;
        reader.targets = Targets::new(vec![target]).unwrap();
        Self { reader, ..logs }
    }
}

#[test]
fn a_file_is_read_in_the_round_that_is_told_of_its_new_directory() {
    let mut logs = Followed::by(&["**/*.log"]);
    assert!(logs.lines().is_empty());
    std::fs::create_dir_all(logs.path("a/b/c")).unwrap();
    logs.append("a/b/c/new.log", "one\n");
    assert_eq!(logs.lines(), ["one"]);
    logs.append("a/b/c/new.log", "two\n");
    logs.append("a/b/another.log", "three\n");
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["three", "two"]);
}

#[test]
fn a_directory_that_does_not_exist_yet_is_waited_for() {
    let mut logs = Followed::by(&["later/app/*.log"]);
    assert!(logs.lines().is_empty());
    std::fs::create_dir_all(logs.path("later/app")).unwrap();
    logs.append("later/app/new.log", "one\n");
    assert_eq!(logs.lines(), ["one"]);
    std::fs::remove_dir_all(logs.path("later")).unwrap();
    assert!(logs.lines().is_empty());
    std::fs::create_dir_all(logs.path("later/app")).unwrap();
    logs.append("later/app/new.log", "two\n");
    assert_eq!(logs.lines(), ["two"]);
}

#[test]
fn a_file_that_is_renamed_before_it_was_found_is_read_under_its_new_name() {
    let mut logs = Followed::by(&["app*.log"]);
    assert!(logs.lines().is_empty());
    logs.append("app.log", "one\n");
    logs.rename("app.log", "passing");
    logs.rename("passing", "app.log.1");
    logs.append("app.log", "two\n");
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["one", "two"]);
    logs.append("app.log.1", "three\n");
    assert_eq!(logs.lines_after(TIMING.sweep), ["three"]);
    let label = logs.path("app.log");
    let mut tails = logs.reader.tails.values();
    assert!(tails.all(|tail| *tail.path == *label), "its old name");
}

#[test]
fn a_file_that_came_and_went_between_two_looks_is_read_after_a_known_one_of_its_name() {
    let mut logs = Followed::by(&["app.log"]);
    logs.append("app.log", "one\n");
    assert_eq!(logs.lines(), ["one"]);
    logs.append("app.log", "two\n");
    logs.rename("app.log", "app.log.1");
    logs.append("app.log", "three\n");
    logs.rename("app.log", "app.log.2");
    logs.append("app.log", "four\n");
    let mut lines = logs.lines();
    lines.sort();
    assert_eq!(lines, ["four", "three", "two"]);
}

#[test]
fn a_file_that_is_reached_by_several_paths_is_read_once_and_at_once() {
    let mut logs = Followed::by(&["*/app.log"]);
    std::fs::create_dir(logs.path("5")).unwrap();
    std::os::unix::fs::symlink(logs.path("5"), logs.path("current")).unwrap();
    logs.append("5/app.log", "one\n");
    assert_eq!(logs.lines(), ["one"]);
    logs.append("5/app.log", "two\n");
    assert_eq!(logs.lines(), ["two"]);
}

#[test]
fn without_any_notification_a_poll_finds_new_files_and_new_lines() {
    let mut logs = Followed::by(&["*/app.log"]);
    logs.reader.watch = Some(Watch::deaf(logs.now));
    assert!(logs.lines().is_empty());
    let second = Duration::from_secs(1);
    assert!(logs.reader.round(logs.now).wake <= logs.now + second);
    std::fs::create_dir(logs.path("web")).unwrap();
    logs.append("web/app.log", "one\n");
    assert_eq!(logs.lines_after(second), ["one"]);
    logs.append("web/app.log", "two\n");
    assert_eq!(logs.lines_after(second), ["two"]);
}

#[test]
fn a_name_that_is_not_utf8_is_followed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut logs = Followed::by(&["app*.log"]);
    let path = logs
        .directory
        .path()
        .join(OsStr::from_bytes(b"app\xff.log"));
    std::fs::write(&path, "one\n").unwrap();
    assert_eq!(logs.lines(), ["one"]);
}
