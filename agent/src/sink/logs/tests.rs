//! The sink against a CloudWatch Logs that misbehaves, on a paused clock.

mod asked;
mod pressure;

use super::*;
use std::path::Path;

use plimsoll_aws::Call;
use plimsoll_aws::testing::{FakeLogs, denied, rejected, throttled, unavailable};
use plimsoll_aws::{LogBatch, LogGroup, Refused};
use plimsoll_core::queue::{Sender, bounded};
use plimsoll_core::shutdown::{Trigger, channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::barrier::{Barrier, barrier};
use crate::checkpoint::{Ledger, Snapshot};
use crate::config::Persistence;
use crate::deadletter::DeadLetters;
use crate::health::Health;
use crate::record::FileId;
use crate::record::Guard;
use crate::record::tests::{chunk_of, stream};
use crate::source::file::identity::Identity;

const FLUSH: Duration = Duration::from_secs(5);
const PUT: &str = "PutLogEvents";

struct Road {
    queue: Sender<Chunk>,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    stream: Arc<Stream>,
    file: FileId,
    offset: u64,
    state: tempfile::TempDir,
    task: JoinHandle<()>,
    trigger: Trigger,
    barrier: Barrier,
}

fn road<A: LogsApi + Clone>(api: &A, puts_max: usize) -> Road {
    road_with(api, |options| options.puts_max = puts_max)
}

fn road_with<A: LogsApi + Clone>(api: &A, change: impl Fn(&mut SinkOptions)) -> Road {
    let state = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Ledger::new(Snapshot::default()));
    let health = Arc::new(Health::default());
    let identity = Identity {
        device: 1,
        inode: 1,
        born: None,
        handle: None,
    };
    let file = ledger.open(identity, Path::new("/var/log/app.log"), 0, Guard::default());
    let persistence = Persistence::Directory(state.path().to_owned());
    let dead_letters = DeadLetters::new(&persistence, 1 << 20, Arc::clone(&health));
    let putter = Putter {
        api: Arc::new(api.clone()),
        creator: Creator::default(),
        encoder: Encoder::default(),
        ledger: Arc::clone(&ledger),
        dead_letters: Arc::new(dead_letters),
        health: Arc::clone(&health),
    };
    let mut options = SinkOptions {
        flush_interval: FLUSH,
        puts_max: 4,
        open_bytes_max: 1 << 22,
        backoff: Backoff::default(),
        denied_backoff: Backoff::new(Duration::from_secs(5), Duration::from_mins(1)).unwrap(),
        seed: 1,
    };
    change(&mut options);
    let (trigger, shutdown) = channel();
    let (queue, receiver) = bounded(1 << 24);
    let (barrier, questions) = barrier();
    let sink = Sink::new(putter, options).answering(questions);
    Road {
        queue,
        ledger,
        health,
        stream: stream(),
        file,
        offset: 0,
        state,
        task: tokio::spawn(sink.run(receiver, shutdown.hurry())),
        trigger,
        barrier,
    }
}

impl Road {
    async fn send(&mut self, lines: &[&str]) {
        let lines: Vec<(i64, &[u8])> = lines.iter().map(|line| (0, line.as_bytes())).collect();
        let chunk = chunk_of(&self.stream, self.offset, &lines);
        self.offset = chunk.position(chunk.count());
        let bytes = chunk.booked_bytes();
        self.queue.send(chunk, bytes).await.unwrap();
    }

    /// Sends to another stream of the same group.
    async fn send_to(&self, stream: &Arc<Stream>, line: &str) {
        let mut chunk = chunk_of(stream, 0, &[(0, line.as_bytes())]);
        chunk.file = FileId(99);
        self.queue.send(chunk, 10).await.unwrap();
    }

    fn position(&self) -> u64 {
        self.ledger.position(self.file).unwrap()
    }

    /// The input ends; everything must drain.
    async fn drained(self) -> Finished {
        drop(self.queue);
        timeout(Duration::from_hours(1), self.task)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            self.ledger.position(self.file),
            Some(self.offset),
            "all is settled"
        );
        assert_eq!(self.health.queue_bytes.value(), 0);
        let letters = std::fs::read_to_string(self.state.path().join("dead-letters.jsonl"));
        Finished {
            health: self.health,
            letters: letters.unwrap_or_default(),
        }
    }
}

impl Road {
    /// Sends a line to each of some streams of the same group, in this order.
    async fn send_each(&self, streams: &[&Arc<Stream>], line: &str) {
        for stream in streams {
            self.send_to(stream, line).await;
        }
    }

    fn other_stream(&self, number: u64, name: &str) -> Arc<Stream> {
        Arc::new(Stream::new(number, self.stream.group.clone(), name))
    }
}

struct Finished {
    health: Arc<Health>,
    letters: String,
}

fn messages(fake: &FakeLogs) -> Vec<String> {
    let batches = fake.batches();
    let events = batches.into_iter().flat_map(|batch| batch.events);
    events.map(|(_, message)| message).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_others_until_its_time_has_come() {
    let fake = FakeLogs::default();
    let mut road = road(&fake, 4);
    // The first interval has times of its own.
    tokio::time::sleep(FLUSH).await;
    road.send(&["one"]).await;
    tokio::time::sleep(Duration::from_millis(4999)).await;
    road.send(&["two"]).await;
    assert_eq!(fake.puts(), 0);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(fake.batches().len(), 1);
    assert_eq!(messages(&fake), ["one", "two"]);
    assert_eq!(road.position(), 8);
    let done = road.drained().await;
    assert_eq!(done.health.events_sent.value(), 2);
    assert_eq!(done.health.log_bytes_standard.value(), 6 + 2 * 26);
}

#[tokio::test(start_paused = true)]
async fn a_missing_group_and_stream_are_made_once_and_the_batch_is_sent_again() {
    let fake = FakeLogs::strict();
    let mut road = road(&fake, 4);
    let big = "x".repeat(600_000);
    for _ in 0..4 {
        road.send(&[&big]).await;
    }
    let done = road.drained().await;
    assert_eq!(messages(&fake).len(), 4);
    assert_eq!(fake.streams(), [("g".to_owned(), "s".to_owned())]);
    let calls = done.health.calls.snapshot();
    assert!(calls.contains(&("CreateLogGroup", 1)), "{calls:?}");
    assert!(calls.contains(&("CreateLogStream", 2)), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_or_lost_batch_is_sent_again_after_a_back_off_and_holds_its_position() {
    let fake = FakeLogs::default();
    fake.answer(Err(throttled(PUT)));
    fake.answer(Err(unavailable(PUT)));
    let mut road = road(&fake, 1);
    road.send(&["one"]).await;
    while fake.puts() < 2 {
        assert_eq!(road.position(), 0);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let done = road.drained().await;
    assert_eq!(messages(&fake), ["one"]);
    assert_eq!(done.health.retries.value(), 2);
    assert_eq!(done.health.throttles.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn events_outside_the_window_are_kept_as_dead_letters_with_their_reason() {
    let fake = FakeLogs::default();
    fake.answer(Ok(Refused {
        too_old_until: Some(1),
        expired_until: None,
        too_new_from: Some(2),
    }));
    let mut road = road(&fake, 4);
    let looking = road.health.taps.look("refused");
    road.send(&["old", "good", "new"]).await;
    let done = road.drained().await;
    let seen = looking.seen().into_iter();
    let seen: Vec<_> = seen
        .map(|one| (one["stage"].clone(), one["message"].clone()))
        .collect();
    assert_eq!(
        seen,
        ["old", "new"].map(|message| ("refused".into(), message.into()))
    );
    assert_eq!(done.health.events_sent.value(), 1);
    assert_eq!(done.health.log_bytes_standard.value(), 4 + 26);
    assert_eq!(
        done.health.events_rejected.snapshot(),
        [("too_new", 1), ("too_old", 1)]
    );
    let letters: Vec<serde_json::Value> = done
        .letters
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(letters[0]["message"], "old");
    assert_eq!(
        (&letters[1]["message"], &letters[1]["offset"]),
        (&"new".into(), &9.into())
    );
    assert_eq!(letters[1]["reason"], "too_new");
}

/// Refuses every batch that holds the word, and tells whether a call is for a denied stream.
#[derive(Clone)]
struct Picky {
    fake: FakeLogs,
    word: &'static str,
    denied_stream: &'static str,
}

impl LogsApi for Picky {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        if memchr::memmem::find(&batch.body, self.word.as_bytes()).is_some() {
            self.fake
                .answer(Err(rejected(PUT, "InvalidParameterException")));
        } else if *batch.stream == *self.denied_stream {
            self.fake.answer(Err(denied(Call::PutLogEvents)));
        }
        self.fake.put_log_events(batch).await
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        self.fake.create_log_group(group).await
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        self.fake.create_log_stream(group, stream).await
    }
}

fn picky(word: &'static str, denied_stream: &'static str) -> Picky {
    Picky {
        fake: FakeLogs::default(),
        word,
        denied_stream,
    }
}

#[tokio::test(start_paused = true)]
async fn the_one_event_that_is_refused_is_set_aside_and_all_others_arrive() {
    let picky = picky("poison", "");
    let mut road = road(&picky, 4);
    let mut lines: Vec<String> = (0..1000).map(|number| format!("line {number}")).collect();
    lines[617] = "poison".to_owned();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    road.send(&lines).await;
    let done = road.drained().await;
    let mut found = messages(&picky.fake);
    found.sort();
    let mut expected = [&lines[..617], &lines[618..]].concat();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(done.health.events_rejected.snapshot(), [("rejected", 1)]);
    assert_eq!(done.letters.lines().count(), 1);
    assert!(picky.fake.puts() < 40, "{}", picky.fake.puts());
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_nothing_is_accepted_is_given_up_after_a_few_calls() {
    let picky = picky("logEvents", "");
    let mut road = road(&picky, 4);
    road.send(&vec!["line"; 3000]).await;
    let done = road.drained().await;
    assert_eq!(done.health.events_rejected.snapshot(), [("rejected", 3000)]);
    assert_eq!(done.letters.lines().count(), 3000);
    assert!(picky.fake.puts() < 120, "{}", picky.fake.puts());
}

#[tokio::test(start_paused = true)]
async fn a_denied_stream_holds_up_no_other_and_is_tried_seldom() {
    let picky = picky("poison", "denied");
    let road = road(&picky, 2);
    let group = road.stream.group.clone();
    let stream = Arc::new(Stream::new(7, group, "denied"));
    for _ in 0..20 {
        road.send_to(&stream, "waits").await;
        tokio::time::sleep(FLUSH * 2).await;
    }
    assert!(stream.stuck.load(Ordering::Relaxed));
    let tries = picky.fake.puts();
    assert!((2..30).contains(&tries), "{tries} tries in 200 s");
    assert!(road.health.oldest_unsent_ms.value() > 0);

    let mut road = road;
    road.send(&["goes on"]).await;
    tokio::time::sleep(FLUSH * 2).await;
    assert_eq!(messages(&picky.fake), ["goes on"]);
    road.task.abort();
}

#[tokio::test(start_paused = true)]
async fn answers_in_any_order_never_move_a_position_past_what_is_missing() {
    let fake = FakeLogs::default();
    fake.answer(Err(throttled(PUT)));
    let mut road = road(&fake, 8);
    let big = "x".repeat(900_000);
    for _ in 0..4 {
        road.send(&[&big]).await;
        let position = road.position();
        let sent = fake.batches().len() as u64;
        assert!(position <= sent * 900_001);
    }
    road.drained().await;
    assert_eq!(fake.batches().len(), 4);
}
