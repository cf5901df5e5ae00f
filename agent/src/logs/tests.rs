//! The whole road on real files, against a CloudWatch Logs that throttles and loses answers.

mod asked;
mod reload;

use super::*;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use plimsoll_aws::LogGroup;
use plimsoll_aws::testing::{FakeLogs, Faults, Faulty};
use plimsoll_core::clock::{ManualClock, UnixMillis};
use plimsoll_core::shutdown::{Trigger, channel};
use tokio::time::{Instant, sleep, timeout};

use crate::config::{FileTarget, StartPosition};

const MOMENT: Duration = Duration::from_millis(10);
const FOREVER: Duration = Duration::from_hours(1);

fn config(logs: &Path) -> LogsConfig {
    LogsConfig {
        files: vec![FileTarget {
            include: vec![format!("{}/*.log", logs.display())],
            exclude: Vec::new(),
            start: StartPosition::Beginning,
            group: LogGroup {
                name: "g".to_owned(),
                ..LogGroup::default()
            },
            stream: "{file_name}".to_owned(),
            ..FileTarget::default()
        }],
        journald: Vec::new(),
        in_flight_bytes_max: 1 << 20,
        flush_interval: Duration::from_millis(200),
        puts_in_flight_max: 4,
        rescan_interval: Duration::from_secs(10),
        dead_letter_bytes_max: 1 << 20,
        cloudwatch_agent_state: None,
    }
}

/// A directory of logs, a state directory, and agents that come and go over them.
struct Place {
    directory: tempfile::TempDir,
    running: Option<(LogsRoad, Trigger)>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("logs")).unwrap();
        Self {
            directory,
            running: None,
        }
    }

    fn logs(&self) -> PathBuf {
        self.directory.path().join("logs")
    }

    /// Starts an agent; waits until the one before has let go of the state directory.
    async fn start<A: LogsApi>(&mut self, api: &Arc<A>, mode: Mode) {
        let persistence = Persistence::Directory(self.directory.path().join("state"));
        loop {
            let config = config(&self.logs());
            let (trigger, shutdown) = channel();
            let world = World {
                api: Arc::clone(api),
                clock: Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000))),
                health: Arc::default(),
                intakes: Intakes::default(),
                seed: 1,
                shutdown,
            };
            let mut tuning = Tuning::of(&config);
            tuning.timing.rotate_wait = Duration::from_mins(1);
            match start_tuned(config, &persistence, mode, world, tuning) {
                Ok(road) => {
                    self.running = Some((road, trigger));
                    return;
                }
                Err(StartError::State(why)) => assert!(why.contains("in use"), "{why}"),
                Err(error) => panic!("{error}"),
            }
            sleep(MOMENT).await;
        }
    }

    /// The agent dies where it stands.
    async fn kill(&mut self) {
        let (road, _trigger) = self.running.take().unwrap();
        road.task.abort();
        road.task.await.ok();
    }

    /// The agent is asked to end, or ends by itself.
    async fn end(&mut self) -> LogsSummary {
        let (road, trigger) = self.running.take().unwrap();
        trigger.request();
        timeout(FOREVER, road.task).await.unwrap().unwrap()
    }

    async fn end_by_itself(&mut self) -> LogsSummary {
        let (road, _trigger) = self.running.take().unwrap();
        timeout(FOREVER, road.task).await.unwrap().unwrap()
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// How often each message arrived.
fn arrived(fake: &FakeLogs) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for batch in fake.batches() {
        for (_, message) in batch.events {
            *counts.entry(message).or_insert(0) += 1;
        }
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn once_delivers_every_file_to_its_end_and_the_next_run_only_what_is_new() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::strict());
    append(&place.logs().join("a.log"), "one\n\ntwo\r\nunfinished");
    append(&place.logs().join("b.log"), &"line\n".repeat(30_000));
    append(&place.logs().join("other"), "not followed\n");
    place.start(&fake, Mode::Once).await;
    let summary = place.end_by_itself().await;
    let expected = LogsSummary {
        lines: 30_003,
        events_sent: 30_003,
        files: 2,
        ..LogsSummary::default()
    };
    assert_eq!(summary, expected);
    assert_eq!(arrived(&fake)["unfinished"], 1);
    assert!(
        fake.batches()
            .iter()
            .all(|batch| batch.events.len() <= 10_000)
    );

    append(&place.logs().join("a.log"), "\nthree\n");
    place.start(&fake, Mode::Once).await;
    assert_eq!(place.end_by_itself().await.events_sent, 1);
    assert_eq!(arrived(&fake)["three"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_a_shutdown_is_delivered_and_an_unfinished_line_waits() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::default());
    let path = place.logs().join("a.log");
    append(&path, "one\n");
    place.start(&fake, Mode::Follow).await;
    while arrived(&fake).is_empty() {
        sleep(MOMENT).await;
    }
    append(&path, "two\nunfin");
    assert_eq!(place.end().await.events_sent, 2);
    append(&path, "ished\n");
    place.start(&fake, Mode::Follow).await;
    place.end().await;
    let expected = [("one", 1), ("two", 1), ("unfinished", 1)];
    let found = arrived(&fake);
    let found: Vec<_> = found
        .iter()
        .map(|(text, count)| (text.as_str(), *count))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn a_second_agent_is_refused() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::default());
    place.start(&fake, Mode::Follow).await;
    let persistence = Persistence::Directory(place.directory.path().join("state"));
    let (_trigger, shutdown) = channel();
    let refused = start(
        config(&place.logs()),
        &persistence,
        Mode::Follow,
        fake,
        Arc::new(ManualClock::default()),
        Arc::default(),
        1,
        shutdown,
        Intakes::default(),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("in use by another agent")
    );
}

/// Writes numbered lines and rotates, as a program and logrotate do.
struct Writer {
    path: PathBuf,
    file: File,
    written: usize,
    /// The first line of the file that is written now.
    first: usize,
    rotations: usize,
    rng: fastrand::Rng,
}

impl Writer {
    fn new(path: PathBuf, seed: u64) -> Self {
        Self {
            file: Self::open(&path),
            path,
            written: 0,
            first: 0,
            rotations: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    fn open(path: &Path) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap()
    }

    fn line(number: usize) -> String {
        format!("line {number:06} {}", "x".repeat(number % 90))
    }

    fn write(&mut self) {
        for _ in 0..self.rng.usize(1..200) {
            let line = Self::line(self.written) + "\n";
            // Sometimes in two halves, as buffered writers do.
            let cut = if self.rng.bool() {
                self.rng.usize(..line.len())
            } else {
                0
            };
            self.file.write_all(&line.as_bytes()[..cut]).unwrap();
            self.file.write_all(&line.as_bytes()[cut..]).unwrap();
            self.written += 1;
        }
    }

    /// The name changes; the program notices only after some more lines.
    fn rename(&mut self) {
        self.rotations += 1;
        let rotated = format!("{}.{}", self.path.display(), self.rotations);
        std::fs::rename(&self.path, rotated).unwrap();
        self.write();
        self.file = Self::open(&self.path);
        self.first = self.written;
    }

    /// Whether the agent has seen the file that is written now. A file that comes and goes between
    /// two of its looks is one that it cannot know of.
    fn is_seen(&self, fake: &FakeLogs) -> bool {
        arrived(fake).contains_key(&Self::line(self.first))
    }

    /// The content is copied and cut. What is not read by then is only in the copy, so the caller
    /// waits for delivery before.
    fn copy_and_truncate(&mut self) {
        self.rotations += 1;
        let copy = format!("{}.{}", self.path.display(), self.rotations);
        std::fs::copy(&self.path, copy).unwrap();
        self.file.set_len(0).unwrap();
        self.write();
    }
}

async fn until_delivered(fake: &FakeLogs, lines: usize) {
    let begun = Instant::now();
    loop {
        let found = arrived(fake).len();
        if found == lines {
            return;
        }
        assert!(
            begun.elapsed() < FOREVER,
            "{found} of {lines} lines arrived"
        );
        sleep(Duration::from_secs(1)).await;
    }
}

/// One life of a log under rotation, faults and kills. Gives lines, kills, and duplicates.
async fn torture(seed: u64) -> (usize, usize, usize) {
    let mut place = Place::new();
    let fake = FakeLogs::strict();
    let faults = Faults {
        seed,
        throttled: 0.1,
        lost_before: 0.03,
        lost_after: 0.03,
        latency: Duration::from_millis(20),
    };
    let api = Arc::new(Faulty::new(fake.clone(), faults));
    let mut writer = Writer::new(place.logs().join("app.log"), seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut kills, mut allowed) = (0, 0);
    // What had arrived at which time, to know what cannot have been committed at a kill.
    let mut history = vec![(Instant::now(), 0)];
    place.start(&api, Mode::Follow).await;
    for _ in 0..120 {
        match rng.u8(..20) {
            0 if writer.is_seen(&fake) => writer.rename(),
            1 => {
                until_delivered(&fake, writer.written).await;
                writer.copy_and_truncate();
            }
            2 => {
                place.kill().await;
                kills += 1;
                let before = Instant::now() - Duration::from_secs(2);
                let older = history.iter().rev().find(|(at, _)| *at <= before);
                let total: usize = arrived(&fake).values().sum();
                allowed += total - older.map_or(0, |(_, total)| *total);
                if rng.bool() && writer.is_seen(&fake) {
                    writer.rename();
                }
                place.start(&api, Mode::Follow).await;
            }
            _ => writer.write(),
        }
        sleep(Duration::from_millis(rng.u64(..400))).await;
        history.push((Instant::now(), arrived(&fake).values().sum()));
    }
    until_delivered(&fake, writer.written).await;
    place.end().await;
    let largest = fake.batches().iter().map(|batch| batch.events.len()).max();
    allowed += api.failed() * largest.unwrap();
    let duplicates = check(&fake, writer.written);
    assert!(
        duplicates <= allowed,
        "seed {seed}: {duplicates} duplicates, {allowed} allowed"
    );
    (writer.written, kills, duplicates)
}

/// Every line has arrived; gives how many arrived again.
fn check(fake: &FakeLogs, written: usize) -> usize {
    let counts = arrived(fake);
    for number in 0..written {
        assert!(
            counts.contains_key(&Writer::line(number)),
            "line {number} is lost"
        );
    }
    counts.values().sum::<usize>() - written
}

#[tokio::test(start_paused = true)]
async fn every_line_arrives_through_rotation_throttling_lost_answers_and_kills() {
    for seed in 0..4 {
        let (lines, kills, duplicates) = torture(seed).await;
        println!("seed {seed}: {lines} lines, {kills} kills, {duplicates} duplicates, none lost");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_came_and_was_rotated_while_the_agent_was_down_is_read_once() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::strict());
    let at = |name: &str| place.directory.path().join("logs").join(name);
    let (log, first, second) = (at("app.log"), at("app.log.1"), at("app.log.2"));
    append(&first, "long before\n");
    append(&log, "one\n");
    place.start(&fake, Mode::Follow).await;
    until_delivered(&fake, 1).await;
    place.end().await;

    std::fs::remove_file(&first).unwrap();
    append(&log, "two\n");
    std::fs::rename(&log, &first).unwrap();
    append(&log, "three\n");
    std::fs::rename(&first, &second).unwrap();
    std::fs::rename(&log, &first).unwrap();
    append(&log, "four\n");
    for _ in 0..2 {
        place.start(&fake, Mode::Follow).await;
        until_delivered(&fake, 4).await;
        sleep(Duration::from_mins(5)).await;
        place.end().await;
    }
    let counts = arrived(&fake);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(counts.len(), 4);
}
