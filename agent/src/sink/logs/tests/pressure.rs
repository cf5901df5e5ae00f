//! The sink when calls are slow, many streams wait, or the disk is full.

use super::*;
use plimsoll_aws::Call;
use plimsoll_aws::testing::{Faults, Faulty};

fn slow(fake: &FakeLogs, latency: Duration) -> Arc<Faulty<FakeLogs>> {
    let faults = Faults {
        latency,
        ..Faults::default()
    };
    Arc::new(Faulty::new(fake.clone(), faults))
}

/// A clone of it goes the same way.
#[derive(Clone)]
struct Slow(Arc<Faulty<FakeLogs>>);

impl LogsApi for Slow {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        self.0.put_log_events(batch).await
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        self.0.create_log_group(group).await
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        self.0.create_log_stream(group, stream).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_throttled_and_is_then_refused_is_still_halved_and_delivered() {
    let fake = FakeLogs::default();
    fake.answer(Err(throttled(PUT)));
    fake.answer(Err(rejected(PUT, "InvalidParameterException")));
    let mut road = road(&fake, 4);
    road.send(&["one", "two"]).await;
    road.drained().await;
    assert_eq!(messages(&fake), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn refused_events_that_cannot_be_kept_hold_their_position_until_there_is_room() {
    let fake = FakeLogs::default();
    fake.answer(Ok(Refused {
        too_old_until: Some(1),
        ..Refused::default()
    }));
    let mut road = road(&fake, 4);
    std::fs::remove_dir_all(road.state.path()).unwrap();
    road.send(&["old", "good"]).await;
    tokio::time::sleep(FLUSH * 2).await;
    assert_eq!((fake.puts(), road.position()), (1, 0));
    assert!(road.health.problems.snapshot()[0].1 > 0);
    assert!(road.stream.stuck.load(Ordering::Relaxed));
    assert!(road.health.queue_bytes.value() > 0);

    road.send(&["goes on"]).await;
    tokio::time::sleep(FLUSH * 2).await;
    assert_eq!(
        fake.puts(),
        2,
        "the stream goes on, and nothing is sent twice"
    );
    assert!(road.stream.stuck.load(Ordering::Relaxed));

    std::fs::create_dir(road.state.path()).unwrap();
    let stream = Arc::clone(&road.stream);
    let done = road.drained().await;
    assert_eq!(fake.puts(), 2);
    assert!(!stream.stuck.load(Ordering::Relaxed));
    assert_eq!(done.letters.lines().count(), 1);
    assert_eq!(done.health.events_sent.value(), 2);
    assert_eq!(done.health.problems.snapshot().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_leaves_at_once_when_the_end_is_near() {
    let fake = FakeLogs::default();
    let mut road = road(&fake, 4);
    tokio::time::sleep(FLUSH).await;
    road.send(&["one"]).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    road.trigger.announcer().hurry();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(messages(&fake), ["one"]);
    road.send(&["two"]).await;
    tokio::time::sleep(HURRIED_FLUSH_INTERVAL + Duration::from_millis(1)).await;
    assert_eq!(messages(&fake), ["one", "two"]);
    road.drained().await;
}

#[tokio::test(start_paused = true)]
async fn hosts_that_start_together_do_not_call_together() {
    let mut firsts = Vec::new();
    for seed in 0..20 {
        let fake = FakeLogs::default();
        let mut road = road_with(&fake, |options| options.seed = seed);
        let begun = Instant::now();
        road.send(&["one"]).await;
        while fake.puts() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(begun.elapsed() <= FLUSH + Duration::from_millis(10));
        firsts.push(begun.elapsed());
    }
    firsts.sort_unstable();
    assert!(
        firsts[4] < FLUSH / 2 && firsts[15] > FLUSH / 2,
        "{firsts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_one_batch_does_not_wait_for_all_of_a_busy_one() {
    let fake = FakeLogs::default();
    let api = Slow(slow(&fake, Duration::from_secs(1)));
    let mut road = road(&api, 1);
    let big = "x".repeat(1_000_000);
    for _ in 0..10 {
        road.send(&[&big]).await;
    }
    let quiet = road.other_stream(7, "quiet");
    let begun = Instant::now();
    road.send_each(&[&quiet], "small").await;
    while !messages(&fake).iter().any(|message| message == "small") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        begun.elapsed() < FLUSH + Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    road.drained().await;
    assert_eq!(fake.puts(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_slow_network_makes_fewer_calls_and_not_smaller_ones() {
    let fake = FakeLogs::default();
    let api = Slow(slow(&fake, Duration::from_secs(20)));
    let mut road = road(&api, 1);
    let line = "x".repeat(100_000);
    for _ in 0..100 {
        road.send(&[&line]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    road.drained().await;
    // Ten lines fill a batch; those of the first and the last seconds cannot be full.
    assert!(fake.puts() <= 12, "{}", fake.puts());
}

#[tokio::test(start_paused = true)]
async fn catching_up_takes_the_fewest_calls_that_the_limits_allow() {
    let fake = FakeLogs::default();
    let mut road = road(&fake, 4);
    let line = "x".repeat(200);
    let lines = vec![line.as_str(); 600];
    for _ in 0..100 {
        road.send(&lines).await;
    }
    road.drained().await;
    let least = (100 * 600 * (200 + 26_usize)).div_ceil(1_048_576);
    assert!(
        fake.puts() <= least + 1,
        "{} calls, least {least}",
        fake.puts()
    );
}

#[tokio::test(start_paused = true)]
async fn when_memory_is_short_the_largest_batch_leaves_first() {
    let fake = FakeLogs::default();
    let mut road = road_with(&fake, |options| options.open_bytes_max = 500_000);
    tokio::time::sleep(FLUSH).await;
    let quiet = road.other_stream(7, "quiet");
    road.send_each(&[&quiet], "small").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    for _ in 0..3 {
        road.send(&[&"x".repeat(200_000)]).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((fake.puts(), messages(&fake).len()), (1, 3));
    road.drained().await;
}

/// Makes groups, and may not set their retention.
#[derive(Clone)]
struct WithoutRetention(FakeLogs);

impl LogsApi for WithoutRetention {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        self.0.put_log_events(batch).await
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        self.0.create_log_group(group).await?;
        Err(denied(Call::PutRetentionPolicy))
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        self.0.create_log_stream(group, stream).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_without_its_retention_takes_lines_and_the_lack_is_counted() {
    let fake = FakeLogs::strict();
    let mut road = road(&WithoutRetention(fake.clone()), 4);
    road.send(&["one"]).await;
    tokio::time::sleep(FLUSH).await;
    assert_eq!(messages(&fake), ["one"]);
    let done = road.drained().await;
    assert_eq!(done.health.problems.snapshot(), [("retention_not_set", 1)]);
    assert_eq!(done.health.retries.value(), 0);
}
