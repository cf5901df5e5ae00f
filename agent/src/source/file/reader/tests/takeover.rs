//! Files that amazon-cloudwatch-agent has followed before.

use super::*;
use std::time::SystemTime;

/// A reader that takes over from an agent that saved `state` of `app.log`.
fn after(start: StartPosition, content: &str, state: &str) -> Followed {
    let logs = Followed::new(start, &[("app.log", content)]);
    let path = logs.path("app.log").display().to_string();
    let left = logs.path("state");
    std::fs::create_dir(&left).unwrap();
    let saved = left.join(path.replace('/', "_"));
    std::fs::write(&saved, state.replace("PATH", &path)).unwrap();
    let reader = logs.reader.with_take_over(Some(left));
    Followed { reader, ..logs }
}

impl Followed {
    fn saved(&self) -> std::fs::File {
        let name = self.path("app.log").display().to_string().replace('/', "_");
        let path = self.path("state").join(name);
        OpenOptions::new().append(true).open(path).unwrap()
    }
}

/// Where the target starts, what was saved, the lines that are read, what is counted.
type Case = (
    StartPosition,
    &'static str,
    &'static [&'static str],
    Option<&'static str>,
);

#[test]
fn a_file_goes_on_where_the_other_agent_stopped() {
    use StartPosition::{Beginning, End};
    let three = "one\ntwo\nthree\n";
    let cases: [Case; 9] = [
        (Beginning, "8\nPATH\n0-8", &["three"], None),
        (End, "8\nPATH\n0-8", &["three"], None),
        (End, "14\nPATH\n0-14", &[], None),
        (End, "14\nPATH\n0-4,8-14", &["two", "three"], None),
        (
            Beginning,
            "",
            &["one", "two", "three"],
            Some("takeover_torn"),
        ),
        (End, "", &[], Some("takeover_torn")),
        (End, "8\n/another\n0-8", &[], Some("takeover_torn")),
        // Longer than the file, and inside a line: another file, or truncated since.
        (
            End,
            "15\nPATH\n0-15",
            &["one", "two", "three"],
            Some("takeover_misfit"),
        ),
        (
            End,
            "6\nPATH\n0-6",
            &["one", "two", "three"],
            Some("takeover_misfit"),
        ),
    ];
    for (start, state, lines, problem) in cases {
        let mut logs = after(start, three, state);
        assert_eq!(logs.lines(), lines, "{start:?} {state:?}");
        let problems: Vec<&str> = logs.problems().iter().map(|(reason, _)| *reason).collect();
        assert_eq!(problems, Vec::from_iter(problem), "{start:?} {state:?}");
        logs.append("app.log", "four\n");
        assert_eq!(
            logs.lines_after(TIMING.sweep),
            ["four"],
            "{start:?} {state:?}"
        );
    }
}

#[test]
fn a_file_that_is_younger_than_the_state_is_read_from_its_start() {
    let mut logs = after(StartPosition::End, "one\ntwo\n", "4\nPATH\n0-4");
    logs.saved().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    if HostFs
        .stat(&logs.path("app.log"))
        .unwrap()
        .identity
        .born
        .is_none()
    {
        return;
    }
    assert_eq!(logs.lines(), ["one", "two"]);
    assert_eq!(logs.problems(), [("takeover_misfit", 1)]);
}

#[test]
fn a_file_that_appears_later_and_one_with_a_position_do_not_ask_the_other_agent() {
    let mut logs = after(StartPosition::End, "one\ntwo\n", "4\nPATH\n0-4");
    assert_eq!(logs.lines(), ["two"]);
    logs.append("app.log", "three\n");
    let state = logs.path("state");
    let mut again = logs.restarted();
    again.reader = again.reader.with_take_over(Some(state));
    assert_eq!(again.lines(), ["three"]);
    std::fs::remove_file(again.path("app.log")).unwrap();
    again.append("app.log", "new\nlog\n");
    assert_eq!(again.lines_after(TIMING.rescan), ["new", "log"]);
}
