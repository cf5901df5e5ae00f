//! What becomes of datums that wait on disk, and of those in doubt.

use std::path::Path;

use plimsoll_aws::Call;
use plimsoll_aws::testing::{denied, unreachable};

use super::*;
use crate::spool::faulty::Shaky;

/// A sink with a spool in `directory`, on a disk and with a policy.
fn spooling<A: MetricsApi>(
    api: A,
    fake: &FakeMetrics,
    directory: &Path,
    when_unknown: WhenUnknown,
    disk: &Shaky,
) -> Bench {
    let health = Arc::new(Health::default());
    let clock = Arc::new(ManualClock::at(START));
    let spool = SpoolSettings {
        directory: directory.to_owned(),
        bytes_max: 1024 * 1024,
    };
    let keeper = Keeper::new(disk.clone(), Some(spool), Arc::clone(&health));
    let settings = SinkSettings {
        when_unknown,
        ..settings(1000)
    };
    let counted = Arc::clone(&health);
    let sink = MetricsSink::new(Arc::new(api), clock, counted, settings, keeper, 7);
    let (barrier, questions) = barrier();
    let sink = sink.answering(Asked::by(questions));
    let (input, receiver) = mpsc::channel(2);
    Bench {
        api: fake.clone(),
        health,
        input,
        sink: tokio::spawn(sink.run(receiver)),
        barrier,
    }
}

pub(super) fn by_kind(fake: &FakeMetrics, directory: &Path) -> Bench {
    let disk = Shaky::default();
    spooling(fake.clone(), fake, directory, WhenUnknown::ByKind, &disk)
}

/// A gauge and a count at a minute.
fn pair(minute: u32) -> Vec<MetricBatch> {
    let mut pair = batch(minute, &[f64::from(minute), 0.5]);
    pair[0].datums[1].additive = true;
    pair
}

fn segments(directory: &Path) -> usize {
    let names = std::fs::read_dir(directory).unwrap();
    let paths = names.map(|name| name.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|is| is == "spool"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_outage_cost_one_call_and_arrive_once_each_at_its_own_time() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let bench = by_kind(&fake, directory.path());
    for _ in 0..10_000 {
        fake.answer(Err(unreachable(CALL)));
    }
    for minute in 0..10 {
        bench.input.send(pair(minute)).await.unwrap();
        tokio::time::sleep(MINUTE).await;
    }
    assert!(segments(directory.path()) > 0);
    fake.clear_answers();
    bench.input.send(pair(10)).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    let (api, health) = bench.end().await;
    let mut times: Vec<UnixMillis> = api.datums().iter().map(|datum| datum.time).collect();
    times.sort_unstable();
    let expected = (0..=10).flat_map(|minute| [START + MINUTE * minute; 2]);
    assert_eq!(times, expected.collect::<Vec<_>>());
    let fresh = &api.requests()[0].1[0];
    assert_eq!(fresh.time, START + MINUTE * 10, "fresh first");
    assert_eq!(api.requests().len(), 2);
    assert_eq!(health.datums_dropped.total(), 0);
    assert_eq!(segments(directory.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_the_policy_decides_what_is_repeated() {
    let cases = [
        (WhenUnknown::ByKind, vec![7.0, 0.5, 7.0], 1),
        (WhenUnknown::Repeat, vec![7.0, 0.5, 7.0, 0.5], 0),
        (WhenUnknown::Drop, vec![7.0, 0.5], 2),
    ];
    for (policy, expected, given_up) in cases {
        for with_spool in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let fake = FakeMetrics::default();
            let api = LostOnce(fake.clone(), std::sync::atomic::AtomicBool::new(false));
            let disk = Shaky::default();
            disk.set_full(!with_spool);
            let bench = spooling(api, &fake, directory.path(), policy, &disk);
            bench.input.send(pair(7)).await.unwrap();
            tokio::time::sleep(MINUTE).await;
            let (api, health) = bench.end().await;
            assert_eq!(values(&api), expected, "{policy:?} {with_spool}");
            let unconfirmed = health.datums_dropped.snapshot();
            assert_eq!(
                unconfirmed.iter().map(|(_, count)| count).sum::<u64>(),
                given_up
            );
            assert!(
                unconfirmed
                    .iter()
                    .all(|(reason, _)| *reason == "unconfirmed")
            );
        }
    }
}

/// A CloudWatch whose first answer is lost after the effect.
#[derive(Debug)]
struct LostOnce(FakeMetrics, std::sync::atomic::AtomicBool);

impl MetricsApi for LostOnce {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        self.0.put_metric_data(namespace, datums).await?;
        let lost = self.1.swap(true, std::sync::atomic::Ordering::Relaxed);
        if lost { Ok(()) } else { Err(unavailable(CALL)) }
    }
}

/// A CloudWatch that never answers.
#[derive(Debug)]
struct Silent;

impl MetricsApi for Silent {
    async fn put_metric_data(&self, _: &str, _: &[Datum]) -> Result<(), Error> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_end_cuts_off_is_in_doubt_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let disk = Shaky::default();
    let bench = spooling(Silent, &fake, directory.path(), WhenUnknown::ByKind, &disk);
    bench.input.send(pair(0)).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    bench.input.send(pair(1)).await.unwrap();
    let (_, health) = bench.end().await;
    assert_eq!(health.datums_dropped.total(), 0, "nothing is lost yet");

    let bench = by_kind(&fake, directory.path());
    bench.input.send(pair(2)).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    let (api, health) = bench.end().await;
    let mut all = values(&api);
    all.sort_by(f64::total_cmp);
    assert_eq!(
        all,
        [0.0, 0.5, 0.5, 1.0, 2.0],
        "the count of minute 0 is given up"
    );
    assert_eq!(health.datums_dropped.snapshot(), [("unconfirmed", 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_before_the_end_waits_for_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let bench = by_kind(&fake, directory.path());
    fake.answer(Err(denied(Call::PutMetricData)));
    bench.input.send(pair(0)).await.unwrap();
    let start = Instant::now();
    let (_, health) = bench.end().await;
    assert!(start.elapsed() <= DRAIN_MAX);
    assert_eq!(health.datums_dropped.total(), 0);

    let bench = by_kind(&fake, directory.path());
    tokio::time::sleep(MINUTE).await;
    assert_eq!(fake.puts(), 1, "what waits does not go first");
    bench.input.send(pair(1)).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    let (api, _) = bench.end().await;
    assert_eq!(values(&api), [1.0, 0.5, 0.0, 0.5]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_datum_among_what_waited_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let bench = by_kind(&fake, directory.path());
    fake.answer(Err(unreachable(CALL)));
    let all: Vec<f64> = (0..600)
        .map(|n| if n == 77 { -1.0 } else { f64::from(n) })
        .collect();
    bench.input.send(batch(0, &all)).await.unwrap();
    bench.input.send(batch(1, &[1.0])).await.unwrap();
    drop(bench.end().await);

    let disk = Shaky::default();
    let api = Picky(fake.clone());
    let bench = spooling(api, &fake, directory.path(), WhenUnknown::ByKind, &disk);
    bench.input.send(batch(2, &[2.0])).await.unwrap();
    tokio::time::sleep(MINUTE * 5).await;
    let (api, health) = bench.end().await;
    assert_eq!(values(&api).len(), 601);
    assert_eq!(health.datums_dropped.snapshot(), [("rejected", 1)]);
    assert_eq!(segments(directory.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_leaves_the_memory_and_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let disk = Shaky::default();
    disk.set_full(true);
    let bench = spooling(
        fake.clone(),
        &fake,
        directory.path(),
        WhenUnknown::ByKind,
        &disk,
    );
    for _ in 0..10_000 {
        fake.answer(Err(unreachable(CALL)));
    }
    for minute in 0..4 {
        bench
            .input
            .send(batch(minute, &[f64::from(minute); 400]))
            .await
            .unwrap();
        tokio::time::sleep(MINUTE).await;
    }
    let dropped = bench.health.datums_dropped.snapshot();
    assert_eq!(dropped, [("queue_full", 800)], "the oldest beyond 1,000");
    fake.clear_answers();
    tokio::time::sleep(MINUTE).await;
    let (api, _) = bench.end().await;
    assert_eq!(values(&api), [[3.0; 400], [2.0; 400]].concat());
}

#[tokio::test(start_paused = true)]
async fn what_waited_two_weeks_is_dropped_and_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let bench = by_kind(&fake, directory.path());
    fake.answer(Err(unreachable(CALL)));
    let mut old = batch(0, &[1.0, 2.0]);
    old[0].datums[0].time = START - limits::metrics::AGE_MAX;
    bench.input.send(old).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(bench.end().await);

    let health = Arc::new(Health::default());
    let spool = SpoolSettings {
        directory: directory.path().to_owned(),
        bytes_max: 1024 * 1024,
    };
    let keeper = Keeper::new(HostFs, Some(spool), Arc::clone(&health));
    let clock = Arc::new(ManualClock::at(START + MINUTE));
    let api = Arc::new(fake.clone());
    let counted = Arc::clone(&health);
    let sink = MetricsSink::new(api, clock, counted, settings(1000), keeper, 7);
    let (input, receiver) = mpsc::channel(2);
    let sink = tokio::spawn(sink.run(receiver));
    input.send(batch(3, &[3.0])).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    fake.answer(Err(unreachable(CALL)));
    drop(input);
    sink.await.unwrap();
    let mut all = values(&fake);
    all.sort_by(f64::total_cmp);
    assert_eq!(all, [1.0, 2.0, 3.0][1..]);
    assert_eq!(health.datums_dropped.snapshot(), [("too_old", 1)]);
}
