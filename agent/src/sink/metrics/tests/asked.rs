//! The sink when it is asked to hand over what waits.

use plimsoll_aws::testing::unreachable;
use tokio::time::{sleep, timeout};

use super::outage::by_kind;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_spool_of_hours_is_sent_without_pauses_and_answered_for_when_it_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let bench = by_kind(&fake, directory.path());
    for _ in 0..10_000 {
        fake.answer(Err(unreachable(CALL)));
    }
    // Each a call of its own, since each has a namespace of its own.
    for minute in 0..100 {
        let mut alone = batch(minute, &[f64::from(minute)]);
        alone[0].namespace = Arc::from(format!("App{minute}"));
        bench.input.send(alone).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    let mut asked = Box::pin(bench.barrier.clone().settled());
    assert!(
        timeout(MINUTE, &mut asked).await.is_err(),
        "nothing is sent"
    );
    fake.clear_answers();
    let begun = Instant::now();
    timeout(MINUTE, asked).await.unwrap();
    assert!(begun.elapsed() <= ASKED_PAUSE_MAX, "{:?}", begun.elapsed());
    let mut sent = values(&fake);
    sent.sort_by(f64::total_cmp);
    assert_eq!(sent, (0..100).map(f64::from).collect::<Vec<_>>());
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_is_sent_when_asked_though_nothing_fresh_came() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeMetrics::default();
    let before = by_kind(&fake, directory.path());
    for _ in 0..100 {
        fake.answer(Err(unreachable(CALL)));
    }
    before.input.send(batch(0, &[1.0])).await.unwrap();
    sleep(MINUTE).await;
    before.end().await;
    fake.clear_answers();
    let bench = by_kind(&fake, directory.path());
    sleep(MINUTE).await;
    assert!(values(&fake).is_empty(), "nothing fresh came");
    bench.barrier.clone().settled().await;
    assert_eq!(values(&fake), [1.0]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn fresh_datums_are_not_spread_while_somebody_waits() {
    let fake = FakeMetrics::default();
    let (input, receiver) = mpsc::channel(2);
    let (barrier, questions) = barrier();
    let settings = SinkSettings {
        spread: Duration::from_secs(5),
        ..settings(1000)
    };
    let health = Arc::new(Health::default());
    let sink = MetricsSink::new(
        Arc::new(fake.clone()),
        Arc::new(ManualClock::at(START)),
        Arc::clone(&health),
        settings,
        Keeper::new(HostFs, None, health),
        7,
    );
    tokio::spawn(sink.answering(Asked::by(questions)).run(receiver));
    input.send(batch(0, &[1.0])).await.unwrap();
    let begun = Instant::now();
    barrier.settled().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(values(&fake), [1.0]);
    input.send(batch(1, &[2.0])).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.puts(), 1, "a fleet is spread again");
}

#[tokio::test(start_paused = true)]
async fn being_asked_does_not_end_the_pause_that_the_service_wanted() {
    let bench = bench(1000);
    bench.api.answer(Err(Error::Throttled {
        call: CALL,
        code: "Throttling".to_owned(),
        retry_after: Some(MINUTE),
    }));
    let start = Instant::now();
    bench.input.send(batch(0, &[1.0])).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    timeout(MINUTE * 2, bench.barrier.clone().settled())
        .await
        .unwrap();
    assert!(start.elapsed() >= MINUTE, "{:?}", start.elapsed());
    assert_eq!(values(&bench.api), [1.0]);
}
