//! What `seal` removes, what it leaves, and when it refuses.

use std::sync::Arc;

use plimsoll_aws::{Datum, DatumValue, Series};
use plimsoll_core::catalog::LOAD_1;
use plimsoll_core::clock::UnixMillis;

use super::*;
use crate::batch::metrics::MetricBatch;
use crate::health::Health;
use crate::spool::{Spool, State};

/// Leaves something that was not sent.
type Leave = fn(&Path);

fn seal(directory: &Path, dry_run: bool, discard: bool) -> Result<String, String> {
    let directory = directory.to_owned();
    let sealed = Seal {
        directory,
        dry_run,
        discard,
    };
    sealed.run()
}

fn write(directory: &Path, name: &str, content: &[u8]) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// All that the agent leaves, with nothing unsent.
fn left_by_an_agent(directory: &Path) {
    drop(Store::open(HostFs, &Persistence::Directory(directory.to_owned())).unwrap());
    spooled(directory, State::Done);
    for name in ["dead-letters.jsonl", "dead-letters.lock", "unsent.json"] {
        write(directory, name, b"");
    }
    write(directory, "events/lifecycle.log", b"");
}

fn spooled(directory: &Path, state: State) {
    let datum = Datum {
        series: Arc::new(Series {
            name: Arc::from(LOAD_1.name),
            unit: LOAD_1.unit,
            dimensions: Arc::new([]),
        }),
        time: UnixMillis(60_000),
        value: DatumValue::One(1.0),
        resolution_seconds: 60,
        additive: false,
    };
    let batch = MetricBatch {
        namespace: Arc::from("N"),
        datums: vec![datum],
    };
    let directory = directory.join(spool::DIRECTORY);
    let health = Arc::new(Health::default());
    let mut spool = Spool::open(HostFs, &directory, 1 << 20, health).unwrap();
    spool.append(&batch, state).unwrap();
}

fn names(directory: &Path) -> Vec<PathBuf> {
    entries(directory).unwrap()
}

#[test]
fn all_that_an_agent_leaves_is_removed_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    left_by_an_agent(&state);
    write(&state, "agent.toml", b"mine");
    write(&state, "metrics-spool/notes.spool", b"mine");
    let before = names(&state);
    let told = seal(&state, true, false).unwrap();
    assert_eq!(names(&state), before, "a dry run removes nothing");
    assert!(
        told.contains("would remove") && told.contains("positions.log"),
        "{told}"
    );
    let told = seal(&state, false, false).unwrap();
    for name in [
        "positions.log",
        "dead-letters.jsonl",
        "unsent.json",
        "lifecycle.log",
        ".spool",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert!(
        told.contains("left, because the agent did not make it:"),
        "{told}"
    );
    let kept = [state.join("agent.toml"), state.join("metrics-spool")];
    assert_eq!(names(&state), kept);
    assert_eq!(names(&kept[1]), [kept[1].join("notes.spool")]);
}

#[test]
fn what_is_sealed_already_has_nothing_to_remove() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    assert!(
        seal(&state, false, false)
            .unwrap()
            .contains("does not exist")
    );
    left_by_an_agent(&state);
    seal(&state, false, false).unwrap();
    assert!(names(&state).is_empty());
    for dry_run in [true, false] {
        assert_eq!(seal(&state, dry_run, false).unwrap(), "nothing to remove\n");
        assert!(names(&state).is_empty(), "no lock is left");
    }
}

#[test]
fn nothing_is_removed_while_an_agent_holds_the_state() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    left_by_an_agent(state);
    for lock in ["agent.lock", "metrics-spool/lock"] {
        let held = HostFs.lock(&state.join(lock)).unwrap().unwrap();
        let before = names(state);
        for dry_run in [true, false] {
            let told = seal(state, dry_run, true).unwrap_err();
            assert!(told.contains("in use by a running agent"), "{told}");
        }
        assert_eq!(names(state), before);
        drop(held);
    }
}

#[test]
fn what_was_not_sent_goes_only_if_that_is_asked_for() {
    let in_spool = |directory: &Path| spooled(directory, State::Trying);
    let letters = |directory: &Path| write(directory, "dead-letters.jsonl", b"{}\n");
    let events = |directory: &Path| write(directory, "events/lifecycle.log.1", b"{}\n");
    let damaged = |directory: &Path| {
        write(
            directory,
            "metrics-spool/0000000000000001.spool",
            b"plimsoll metrics 1\nx",
        );
    };
    let cases: [(&str, Leave); 4] = [
        ("3 bytes of refused events", letters),
        ("3 bytes of events of the instance's life", events),
        ("  1 datums of metrics", in_spool),
        ("  1 datums of metrics", damaged),
    ];
    for (what, leave) in cases {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        left_by_an_agent(state);
        leave(state);
        let before = names(state);
        let told = seal(state, false, false).unwrap_err();
        assert!(told.contains(what) && told.contains("--discard"), "{told}");
        assert_eq!(names(state), before, "{what}");
        seal(state, false, true).unwrap();
        assert!(names(state).is_empty(), "{what}");
    }
}

#[test]
fn a_link_in_the_state_directory_leads_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let (state, other) = (
        directory.path().join("state"),
        directory.path().join("other"),
    );
    write(&other, "0000000000000001.spool", b"mine");
    write(&other, "lifecycle.log", b"");
    write(&other, "lock", b"");
    fs::create_dir(&state).unwrap();
    for name in ["metrics-spool", "events"] {
        std::os::unix::fs::symlink(&other, state.join(name)).unwrap();
    }
    seal(&state, false, true).unwrap();
    assert_eq!(names(&other).len(), 3);
}
