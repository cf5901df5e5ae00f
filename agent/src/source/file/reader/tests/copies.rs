//! Logs that are rotated by `copytruncate`, and files that look like it.

use super::*;
use crate::source::file::reader::copies::COPY_WAIT;

/// More than a head covers.
fn long(name: &str) -> String {
    (0..40).fold(String::new(), |text, line| {
        text + &format!("{name} line {line:03}\n")
    })
}

/// A reader that follows `app*`, so that copies match, or only `app.log`.
fn following(matching: bool, content: &str) -> Followed {
    let logs = Followed::new(StartPosition::Beginning, &[("app.log", content)]);
    if matching {
        logs.matching("app*")
    } else {
        logs.matching("app.log")
    }
}

impl Followed {
    /// The same, with another pattern.
    fn matching(mut self, glob: &str) -> Self {
        let mut config = self.reader.targets.all()[0].config.clone();
        config.include = vec![self.path(glob).display().to_string()];
        self.reader.targets = Targets::new(vec![config]).unwrap();
        self
    }

    fn copytruncate(&self, copy: &str) {
        std::fs::copy(self.path("app.log"), self.path(copy)).unwrap();
        std::fs::write(self.path("app.log"), "").unwrap();
    }

    fn lines_over(&mut self, time: Duration) -> Vec<String> {
        let step = Duration::from_secs(1);
        let steps = time.as_secs() + 1;
        (0..steps).flat_map(|_| self.lines_after(step)).collect()
    }
}

#[test]
fn what_was_written_before_a_copytruncate_is_read_from_the_copy_and_nothing_twice() {
    for (matching, copy) in [
        (false, "app.log.1"),
        (true, "app.log.1"),
        (true, "app-20261124.log"),
        (false, "app.log-20261124"),
    ] {
        let mut logs = following(matching, &long("old"));
        assert_eq!(logs.lines().len(), 40);
        logs.append("app.log", "only in the copy\n");
        logs.copytruncate(copy);
        logs.append("app.log", "new\n");
        let mut lines = logs.lines_over(COPY_WAIT * 3);
        lines.sort();
        assert_eq!(lines, ["new", "only in the copy"], "{copy} {matching}");
        assert_eq!(logs.problems(), [("file_copied", 1), ("truncated", 1)]);
        assert_eq!(logs.health.files.value(), if matching { 2 } else { 1 });
        // And it is not forgotten that it was read.
        let mut logs = logs
            .restarted()
            .matching(if matching { "app*" } else { "app.log" });
        assert!(
            logs.lines_over(COPY_WAIT * 2).is_empty(),
            "{copy} {matching}"
        );
    }
}

#[test]
fn what_a_file_held_between_two_truncations_is_read_from_the_second_copy() {
    let mut logs = following(false, &long("old"));
    assert_eq!(logs.lines().len(), 40);
    logs.append("app.log", "only in the first copy\n");
    logs.copytruncate("app.log.2");
    logs.append("app.log", &long("passed"));
    logs.copytruncate("app.log.1");
    logs.append("app.log", "new\n");
    std::fs::copy(logs.path("app.log"), logs.path("app.log.copy")).unwrap();
    let mut lines = logs.lines_over(COPY_WAIT * 3);
    lines.sort();
    let mut expected = vec!["new".to_owned(), "only in the first copy".to_owned()];
    expected.extend(long("passed").lines().map(str::to_owned));
    assert_eq!(lines, expected);
    logs.append("app.log", "newer\n");
    assert_eq!(logs.lines_over(COPY_WAIT), ["newer"]);
}

#[test]
fn truncations_are_noticed_also_while_the_stream_is_stuck() {
    let mut logs = following(false, &("x".repeat(99) + "\n").repeat(4_000));
    let held = logs.chunks();
    let stream = Arc::clone(&held[0].stream);
    stream.stuck.store(true, Ordering::Relaxed);
    for turn in 1..=2 {
        logs.append("app.log", &long(&format!("turn {turn}")));
        assert!(logs.chunks().is_empty(), "nothing is read ahead");
        logs.copytruncate(&format!("app.log.{turn}"));
        logs.append("app.log", "x");
        assert!(logs.lines_after(TIMING.sweep).is_empty());
        assert!(logs.problems().contains(&("truncated", turn)));
    }
    drop(held);
    stream.stuck.store(false, Ordering::Relaxed);
    assert_eq!(logs.lines_over(COPY_WAIT * 3).len(), 80);
}

#[test]
fn what_was_written_to_an_empty_file_and_rotated_between_two_looks_is_read_from_the_copy() {
    let mut logs = following(false, "");
    assert!(logs.lines().is_empty());
    logs.append("app.log", "one\n");
    logs.copytruncate("app.log.1");
    assert_eq!(logs.lines_over(TIMING.sweep), ["one"]);
    logs.append("app.log", "two\n");
    assert_eq!(logs.lines_over(TIMING.sweep), ["two"]);
}

#[test]
fn a_copy_is_found_after_a_crash_also_when_nothing_of_its_original_was_delivered() {
    let mut logs = following(false, &long("old"));
    assert_eq!(texts(&logs.chunks()).len(), 40, "read, and on its way");
    logs.copytruncate("app.log.1");
    logs.append("app.log", &long("new"));
    let mut logs = logs.restarted().matching("app.log");
    let mut expected: Vec<_> = (long("old") + &long("new"))
        .lines()
        .map(str::to_owned)
        .collect();
    let mut lines = logs.lines_over(COPY_WAIT * 3);
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn a_copy_is_found_also_when_its_original_has_its_old_size_again() {
    let mut logs = following(false, &long("old"));
    logs.lines();
    logs.copytruncate("app.log.1");
    logs.append("app.log", &long("new"));
    let later = OpenOptions::new()
        .append(true)
        .open(logs.path("app.log"))
        .unwrap();
    let hour = Duration::from_hours(1);
    let time = later.metadata().unwrap().modified().unwrap() + hour;
    later.set_modified(time).unwrap();
    assert_eq!(logs.lines_after(TIMING.sweep).len(), 40);
    assert_eq!(logs.problems(), [("file_copied", 1), ("truncated", 1)]);
}

#[test]
fn a_copy_takes_over_what_is_on_its_way_and_a_crash_loses_nothing_of_it() {
    let mut logs = following(false, &long("old"));
    let on_its_way = logs.chunks();
    assert_eq!(texts(&on_its_way).len(), 40);
    logs.append("app.log", "only in the copy\n");
    logs.copytruncate("app.log.1");
    logs.now += TIMING.sweep;
    assert_eq!(texts(&logs.chunks()), ["only in the copy"]);
    drop(on_its_way);
    let mut logs = logs.restarted().matching("app.log");
    assert_eq!(logs.lines().len(), 41, "nothing was acknowledged");
}

#[test]
fn a_copytruncate_while_nobody_runs_is_read_from_the_copy() {
    for matching in [true, false] {
        for copy in ["app.log.1", "app-20261124.log"] {
            let mut logs = following(matching, &long("old"));
            logs.lines();
            logs.lines();
            logs.append("app.log", "only in the copy\n");
            logs.copytruncate(copy);
            logs.append("app.log", "new\n");
            let mut logs = logs
                .restarted()
                .matching(if matching { "app*" } else { "app.log" });
            let mut lines = logs.lines_over(COPY_WAIT * 3);
            lines.sort();
            assert_eq!(lines, ["new", "only in the copy"], "{copy} {matching}");
        }
    }
}

#[test]
fn a_copy_that_appears_before_its_original_is_truncated_waits_for_that() {
    let mut logs = following(true, &long("old"));
    logs.lines();
    std::fs::copy(logs.path("app.log"), logs.path("app.log.1")).unwrap();
    assert!(logs.lines_over(COPY_WAIT / 3).is_empty());
    logs.append("app.log", "written meanwhile, and read\n");
    assert_eq!(logs.lines_over(Duration::from_secs(3)).len(), 1);
    std::fs::write(logs.path("app.log"), "").unwrap();
    assert!(logs.lines_over(COPY_WAIT * 3).is_empty());
    logs.append("app.log.1", "someone goes on with the copy\n");
    assert_eq!(logs.lines_over(TIMING.sweep).len(), 1);
}

#[test]
fn a_mere_copy_is_not_sent_again_and_what_differs_from_its_original_is() {
    let mut logs = following(true, &long("old"));
    logs.lines();
    std::fs::copy(logs.path("app.log"), logs.path("app.log.bak")).unwrap();
    assert!(logs.lines_over(COPY_WAIT * 2).is_empty());
    logs.append("app.log.bak", "its own\n");
    assert_eq!(logs.lines_over(TIMING.sweep), ["its own"]);

    let mut differs = long("old");
    differs.insert_str(300, "in the middle\n");
    let mut logs = following(true, &long("old"));
    logs.lines();
    std::fs::write(logs.path("app.log.2"), &differs).unwrap();
    assert_eq!(logs.lines_over(COPY_WAIT * 2).len(), 41);
}

#[test]
fn a_file_that_only_begins_like_another_is_read_at_once_and_whole() {
    let mut logs = following(true, &long("old"));
    logs.lines();
    logs.append(
        "app.log.1",
        &(long("old") + "another\n").replace("039", "xyz"),
    );
    assert_eq!(logs.lines_after(TIMING.rescan).len(), 41);
    // By its name it is no copy, whatever it says.
    logs.append("app-web.log", &long("old"));
    assert_eq!(logs.lines_after(TIMING.rescan).len(), 40);
}
