//! What the sink does when somebody waits until all is sent.

use std::sync::atomic::AtomicBool;

use super::*;

/// Throttles or fails every call until it is opened.
#[derive(Clone)]
struct Closed {
    fake: FakeLogs,
    error: Error,
    open: Arc<AtomicBool>,
}

impl LogsApi for Closed {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        if !self.open.load(Ordering::Relaxed) {
            self.fake.answer(Err(self.error.clone()));
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

fn closed(error: Error) -> Closed {
    Closed {
        fake: FakeLogs::default(),
        error,
        open: Arc::default(),
    }
}

/// A sink that has met nothing but the error for ten minutes, with some eight full batches.
async fn worn_out(api: &Closed) -> Road {
    let mut road = road(api, 4);
    let big = "x".repeat(900_000);
    for _ in 0..8 {
        road.send(&[&big]).await;
    }
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(road.stream.stuck.load(Ordering::Relaxed));
    road
}

/// How long the answer takes.
async fn answered_after(road: &Road) -> Duration {
    let begun = Instant::now();
    let asked = road.barrier.clone().settled();
    timeout(Duration::from_hours(1), asked).await.unwrap();
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn what_waits_after_failures_is_sent_at_once_when_somebody_asks() {
    for error in [throttled(PUT), unavailable(PUT), denied(Call::PutLogEvents)] {
        let api = closed(error);
        let road = worn_out(&api).await;
        api.open.store(true, Ordering::Relaxed);
        let took = answered_after(&road).await;
        assert!(took < Duration::from_secs(1), "{took:?} {:?}", api.error);
        assert_eq!(messages(&api.fake).len(), 8);
        road.drained().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_after_failures_is_sent_at_once_when_the_end_is_near() {
    let api = closed(throttled(PUT));
    let road = worn_out(&api).await;
    api.open.store(true, Ordering::Relaxed);
    road.trigger.announcer().hurry();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(messages(&api.fake).len(), 8);
    road.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_failing_is_tried_now_and_then_while_somebody_asks_and_soon_sent_after() {
    let api = closed(throttled(PUT));
    let road = worn_out(&api).await;
    let before = api.fake.puts();
    let barrier = road.barrier.clone();
    // As the handing over of logs asks: again and again, without waiting for the answer.
    for _ in 0..30 {
        let asked = barrier.clone().settled();
        timeout(Duration::from_millis(500), asked).await.ok();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let tries = api.fake.puts() - before;
    assert!((5..30).contains(&tries), "{tries} tries in 30 s");
    api.open.store(true, Ordering::Relaxed);
    let took = answered_after(&road).await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    road.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_time_that_the_service_asked_for_is_kept_also_when_somebody_asks() {
    let mut asked_for = throttled(PUT);
    if let Error::Throttled { retry_after, .. } = &mut asked_for {
        *retry_after = Some(Duration::from_secs(30));
    }
    let api = closed(asked_for);
    let mut road = road(&api, 4);
    road.send(&["one"]).await;
    tokio::time::sleep(FLUSH).await;
    let tries = api.fake.puts();
    assert_eq!(tries, 1);
    api.open.store(true, Ordering::Relaxed);
    let took = answered_after(&road).await;
    assert!(took > Duration::from_secs(24), "{took:?}");
    road.drained().await;
}
