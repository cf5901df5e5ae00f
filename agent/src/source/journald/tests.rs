//! The source over a journal in memory: crashes, vacuums, faults, and back pressure.

mod source;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::LogGroup;
use plimsoll_core::clock::UnixMillis;
use proptest::prelude::*;
use tokio::time::{Instant, advance};

use super::fake::{FIRST_US, FakeJournals};
use super::journal::Unavailable;
use super::reader::{Parts, Reader};
use crate::checkpoint::{Ledger, Snapshot};
use crate::config::{Boot, JournalSelection, JournaldTarget, StartPosition};
use crate::health::Health;
use crate::record::Chunk;

const MINUTE: Duration = Duration::from_mins(1);
const KEY: u64 = 7;

fn target(start: StartPosition) -> JournaldTarget {
    JournaldTarget {
        key: KEY,
        selection: JournalSelection {
            identifiers: vec!["app".to_owned()],
            ..JournalSelection::default()
        },
        start,
        group: LogGroup {
            name: "g".to_owned(),
            ..LogGroup::default()
        },
        stream: "s".to_owned(),
        ..JournaldTarget::default()
    }
}

/// An agent over a journal, and the disk that survives it.
struct Agent {
    journals: FakeJournals,
    disk: Snapshot,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    reader: Reader<FakeJournals>,
    /// What was read and is not settled.
    in_flight: Vec<Chunk>,
    arrived: BTreeMap<String, usize>,
    target: JournaldTarget,
}

impl Agent {
    fn new(target: JournaldTarget) -> Self {
        let journals = FakeJournals::default();
        let (disk, health) = (Snapshot::default(), Arc::<Health>::default());
        let ledger = Arc::new(Ledger::new(disk.clone()));
        let reader = reader(&journals, &target, &ledger, &health);
        Self {
            journals,
            disk,
            ledger,
            health,
            reader,
            in_flight: Vec::new(),
            arrived: BTreeMap::new(),
            target,
        }
    }

    fn log(&self, message: &str) {
        let message = format!("MESSAGE={message}");
        self.journals.write(&["SYSLOG_IDENTIFIER=app", &message]);
    }

    /// Rounds until nothing more is there.
    fn read(&mut self) {
        loop {
            let round = self.reader.round(Instant::now());
            self.in_flight.extend(round.chunks);
            if round.opened {
                self.commit();
            }
            if !round.more {
                return;
            }
        }
    }

    /// The answer for the chunk `index` in flight comes.
    fn settle(&mut self, index: usize) {
        let chunk = self.in_flight.remove(index);
        for line in 0..chunk.count() {
            let text = String::from_utf8_lossy(chunk.line(line)).into_owned();
            *self.arrived.entry(text).or_insert(0) += 1;
        }
        let end = chunk.count();
        let (from, to) = (chunk.position(0), chunk.position(end));
        self.ledger
            .acknowledge(chunk.file, from, to, chunk.guard(end));
    }

    fn settle_all(&mut self) {
        while !self.in_flight.is_empty() {
            self.settle(0);
        }
    }

    fn commit(&mut self) {
        for change in self.ledger.take_changes() {
            self.disk.apply(&change);
        }
    }

    /// Dies, and starts again from what the disk knows.
    fn crash(&mut self) {
        self.in_flight.clear();
        self.ledger = Arc::new(Ledger::new(self.disk.clone()));
        self.reader = reader(&self.journals, &self.target, &self.ledger, &self.health);
    }

    /// Ends in peace, and starts again.
    fn restart(&mut self) {
        self.read();
        self.settle_all();
        self.commit();
        self.crash();
    }

    fn problems(&self, reason: &str) -> u64 {
        let all = self.health.problems.snapshot();
        let found = all.iter().find(|(name, _)| *name == reason);
        found.map_or(0, |(_, count)| *count)
    }

    fn arrived(&self) -> Vec<(&str, usize)> {
        self.arrived
            .iter()
            .map(|(text, count)| (text.as_str(), *count))
            .collect()
    }
}

fn reader(
    journals: &FakeJournals,
    target: &JournaldTarget,
    ledger: &Arc<Ledger>,
    health: &Arc<Health>,
) -> Reader<FakeJournals> {
    Reader::new(parts(journals, target, ledger, health), Instant::now())
}

fn parts(
    journals: &FakeJournals,
    target: &JournaldTarget,
    ledger: &Arc<Ledger>,
    health: &Arc<Health>,
) -> Parts<FakeJournals> {
    let now = FIRST_US / 1000 + journals.count();
    Parts {
        journals: journals.clone(),
        targets: vec![target.clone()],
        ledger: Arc::clone(ledger),
        health: Arc::clone(health),
        started: UnixMillis(i64::try_from(now).unwrap()),
    }
}

#[derive(Clone, Debug)]
enum Action {
    Write(usize),
    Noise(usize),
    Read,
    Settle(prop::sample::Index),
    Commit,
    Crash,
    Restart,
    Wait,
    Vacuum(usize),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1_usize..5).prop_map(Action::Write),
        2 => (1_usize..5).prop_map(Action::Noise),
        4 => Just(Action::Read),
        4 => any::<prop::sample::Index>().prop_map(Action::Settle),
        3 => Just(Action::Commit),
        2 => Just(Action::Crash),
        1 => Just(Action::Restart),
        1 => Just(Action::Wait),
        1 => (0_usize..12).prop_map(Action::Vacuum),
    ]
}

/// Runs a life; every message is its number. Gives how many were lost and how many gaps counted.
async fn live(actions: &[Action], start: StartPosition) -> (usize, u64) {
    let mut agent = Agent::new(target(start));
    // A journal is never empty: its first entry is journald's own.
    agent
        .journals
        .write(&["SYSLOG_IDENTIFIER=systemd-journald"]);
    agent.read();
    let (mut written, mut at_risk) = (0, 0_usize);
    for action in actions {
        match action {
            Action::Write(count) => {
                for _ in 0..*count {
                    agent.log(&format!("{written:04}"));
                    written += 1;
                }
            }
            Action::Noise(count) => {
                for _ in 0..*count {
                    let own = "SYSLOG_IDENTIFIER=plimsoll-agent";
                    agent
                        .journals
                        .write(&[own, "SYSLOG_IDENTIFIER=app", "MESSAGE=own"]);
                    agent
                        .journals
                        .write(&["SYSLOG_IDENTIFIER=other", "MESSAGE=other"]);
                }
            }
            Action::Read => agent.read(),
            Action::Settle(which) if !agent.in_flight.is_empty() => {
                agent.settle(which.index(agent.in_flight.len()));
            }
            Action::Settle(_) => {}
            Action::Commit => agent.commit(),
            Action::Crash => {
                // What was settled since the last commit comes again, and what is behind a gap.
                at_risk += agent.arrived.len();
                agent.crash();
            }
            Action::Restart => agent.restart(),
            Action::Wait => advance(MINUTE).await,
            Action::Vacuum(left) => agent.journals.vacuum(*left),
        }
    }
    agent.read();
    agent.settle_all();
    let duplicates = agent.arrived.values().sum::<usize>() - agent.arrived.len();
    assert!(duplicates <= at_risk);
    assert!(!agent.arrived.contains_key("own") && !agent.arrived.contains_key("other"));
    let lost = (0..written).filter(|number| !agent.arrived.contains_key(&format!("{number:04}")));
    (lost.count(), agent.problems("journal_gap"))
}

proptest! {
    #[test]
    fn no_entry_is_lost_through_crashes_and_what_a_vacuum_took_is_a_counted_gap(
        actions in proptest::collection::vec(action(), 1..60),
        from_start: bool,
    ) {
        let start = if from_start { StartPosition::Beginning } else { StartPosition::End };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        let (lost, gaps) = runtime.block_on(live(&actions, start));
        let vacuumed = actions.iter().any(|action| matches!(action, Action::Vacuum(_)));
        prop_assert!(lost == 0 || gaps > 0, "{} lost without a word", lost);
        prop_assert!(vacuumed || (lost, gaps) == (0, 0), "a gap without a vacuum");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_arrives_once_across_a_restart_and_the_position_waits_for_what_came_before() {
    let mut agent = Agent::new(target(StartPosition::Beginning));
    let looking = agent.health.taps.look("journal");
    agent.log("one");
    agent.read();
    agent.log("two");
    agent.read();
    let seen = looking.seen().into_iter().map(|one| one["text"].clone());
    assert_eq!(seen.collect::<Vec<_>>(), ["one", "two"]);
    agent.settle(1);
    agent.commit();
    agent.crash();
    agent.restart();
    assert_eq!(agent.arrived(), [("one", 1), ("two", 2)]);
    agent.log("three");
    agent.restart();
    agent.restart();
    assert_eq!(agent.arrived(), [("one", 1), ("three", 1), ("two", 2)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_moves_the_position_too() {
    let mut agent = Agent::new(target(StartPosition::End));
    agent.read();
    for _ in 0..100 {
        agent
            .journals
            .write(&["SYSLOG_IDENTIFIER=other", "MESSAGE=other"]);
    }
    agent.read();
    advance(MINUTE).await;
    agent.read();
    agent.commit();
    assert_eq!(agent.disk.cursors[&KEY].text, "s=5;i=63;t=0");
    agent.journals.vacuum(1);
    agent.log("written while it was down");
    agent.crash();
    agent.restart();
    assert_eq!(agent.arrived(), [("written while it was down", 1)]);
    assert_eq!(agent.problems("journal_gap"), 0);
    assert_eq!(agent.journals.state().reads, 1, "the index did the rest");
}

#[tokio::test(start_paused = true)]
async fn a_first_start_at_the_end_skips_what_is_there_and_is_on_disk_before_anything_is_read() {
    let mut agent = Agent::new(target(StartPosition::End));
    agent.log("old");
    agent.crash();
    agent.log("after the start, before the first look");
    agent.read();
    agent.log("new");
    agent.crash();
    agent.restart();
    let new = [("after the start, before the first look", 1), ("new", 1)];
    assert_eq!(agent.arrived(), new);
}

#[tokio::test(start_paused = true)]
async fn a_message_longer_than_an_event_is_sent_in_parts_and_settled_as_a_whole() {
    let mut agent = Agent::new(target(StartPosition::Beginning));
    let long = "é".repeat(1_000_000);
    agent.log(&long);
    agent.read();
    let chunk = agent.in_flight.remove(0);
    let parts: Vec<&[u8]> = (0..chunk.count()).map(|index| chunk.line(index)).collect();
    let [first, second] = parts.as_slice() else {
        panic!("{} parts", parts.len());
    };
    let unmarked = [
        first.strip_suffix(b" [continues]").unwrap(),
        second.strip_prefix(b"[continued] ").unwrap(),
    ];
    assert_eq!(unmarked.concat(), long.as_bytes());
    assert!(parts.iter().all(|part| std::str::from_utf8(part).is_ok()));
    let settle = |from: u32, to: u32| {
        let (from, to) = (chunk.position(from), chunk.position(to));
        agent
            .ledger
            .acknowledge(chunk.file, from, to, chunk.guard(0));
        agent.ledger.take_changes().len()
    };
    assert_eq!((settle(1, 2), settle(0, 1)), (0, 1));
    assert_eq!(agent.problems("line_split"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vacuum_under_a_reader_that_is_behind_is_a_gap_and_one_behind_it_is_none() {
    let mut agent = Agent::new(target(StartPosition::Beginning));
    agent.log("one");
    agent.read();
    agent.log("two");
    agent.journals.vacuum(1);
    agent.read();
    assert_eq!(agent.problems("journal_gap"), 0);
    agent.log("lost");
    agent.log("three");
    agent.journals.vacuum(1);
    agent.read();
    agent.settle_all();
    assert_eq!(agent.problems("journal_gap"), 1);
    assert_eq!(agent.arrived(), [("one", 1), ("three", 1), ("two", 1)]);
}

#[tokio::test(start_paused = true)]
async fn only_the_current_boot_is_read_from_its_first_entry_on_if_that_is_asked() {
    let mut agent = Agent::new(target(StartPosition::End));
    agent.target.selection.boot = Boot::Current;
    agent.crash();
    agent.restart();
    agent.log("seen");
    agent.restart();
    agent.log("of the old boot");
    agent.journals.state().boot = 2;
    agent.log("of the new boot");
    agent.crash();
    agent.restart();
    assert_eq!(agent.arrived(), [("of the new boot", 1), ("seen", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_read_is_told_and_tried_again_and_a_bad_entry_costs_itself() {
    let mut agent = Agent::new(target(StartPosition::Beginning));
    let down = Unavailable {
        reason: "journal_denied",
        why: "no".to_owned(),
    };
    for text in ["one", "two", "three", "four"] {
        agent.log(text);
    }
    agent.journals.state().down = Some(down);
    agent.read();
    agent.read();
    assert_eq!(
        agent.problems("journal_denied"),
        1,
        "not tried at once again"
    );
    advance(MINUTE).await;
    agent.journals.state().down = None;
    agent.journals.state().broken.insert(1);
    agent.journals.state().fails_at = Some(2);
    agent.read();
    agent.settle_all();
    assert_eq!(agent.problems("journal_entry_unreadable"), 1);
    assert_eq!(agent.arrived(), [("four", 1), ("one", 1), ("three", 1)]);

    agent.log("five");
    agent.journals.state().fails_at = Some(4);
    agent.read();
    assert_eq!(agent.problems("journal_unreadable"), 1);
    advance(MINUTE).await;
    agent.read();
    agent.settle_all();
    assert_eq!(agent.arrived["five"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_calls_keep_failing_is_not_read_ahead_for() {
    let mut agent = Agent::new(target(StartPosition::Beginning));
    let text = "x".repeat(1000);
    (0..5000).for_each(|_| agent.log(&text));
    let mut rounds = 0;
    while agent.in_flight.len() < 20 && rounds < 100 {
        let round = agent.reader.round(Instant::now());
        for chunk in &round.chunks {
            chunk
                .stream
                .stuck
                .store(true, std::sync::atomic::Ordering::Relaxed);
        }
        agent.in_flight.extend(round.chunks);
        rounds += 1;
    }
    assert_eq!(agent.in_flight.len(), 2, "about 256 KiB");
    agent.settle_all();
    assert!(
        agent.reader.round(Instant::now()).more,
        "it goes on when that is settled"
    );
}

#[test]
fn events_whose_text_no_pattern_wants_are_counted_and_passed_over() {
    let mut wanted = target(StartPosition::Beginning);
    wanted.selection.include_lines = vec!["failed".to_owned()];
    wanted.selection.exclude_lines = vec!["test".to_owned()];
    let mut agent = Agent::new(wanted);
    for message in ["login failed", "login", "test failed"] {
        agent.log(message);
    }
    agent.read();
    agent.settle_all();
    assert_eq!(agent.arrived(), [("login failed", 1)]);
    let dropped = agent.health.events_dropped.snapshot();
    assert_eq!(dropped, [("filtered", 2)]);
}
