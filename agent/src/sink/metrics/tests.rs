//! What the sink promises, against a fake CloudWatch on paused time.

use plimsoll_aws::Call;
use plimsoll_aws::testing::{FakeMetrics, denied, rejected, throttled, unavailable};
use plimsoll_aws::{Datum, DatumValue, Series};
use plimsoll_core::catalog::{LOAD_1, namespace};
use plimsoll_core::clock::{ManualClock, UnixMillis};
use tokio::task::JoinHandle;

use super::*;
use crate::barrier::{Barrier, barrier};
use crate::fs::HostFs;

const START: UnixMillis = UnixMillis(1_795_524_360_000);
const MINUTE: Duration = Duration::from_mins(1);
const DRAIN_MAX: Duration = Duration::from_secs(5);

mod asked;
mod model;
mod outage;

struct Bench {
    api: FakeMetrics,
    health: Arc<Health>,
    input: mpsc::Sender<Vec<MetricBatch>>,
    sink: JoinHandle<()>,
    barrier: Barrier,
}

fn settings(waiting_datums_max: usize) -> SinkSettings {
    SinkSettings {
        waiting_datums_max,
        backoff: Backoff::default(),
        spread: Duration::ZERO,
        drain_max: DRAIN_MAX,
        when_unknown: WhenUnknown::ByKind,
    }
}

/// A sink without a spool.
fn bench_on<A: MetricsApi>(api: A, fake: FakeMetrics, waiting_datums_max: usize) -> Bench {
    let health = Arc::new(Health::default());
    let clock = Arc::new(ManualClock::at(START));
    let keeper = Keeper::new(HostFs, None, Arc::clone(&health));
    let (settings, counted) = (settings(waiting_datums_max), Arc::clone(&health));
    let sink = MetricsSink::new(Arc::new(api), clock, counted, settings, keeper, 7);
    let (barrier, questions) = barrier();
    let sink = sink.answering(Asked::by(questions));
    let (input, receiver) = mpsc::channel(2);
    Bench {
        api: fake,
        health,
        input,
        sink: tokio::spawn(sink.run(receiver)),
        barrier,
    }
}

fn bench(waiting_datums_max: usize) -> Bench {
    let api = FakeMetrics::default();
    bench_on(api.clone(), api, waiting_datums_max)
}

/// A batch of `values`, `minute` minutes after the start.
fn batch(minute: u32, values: &[f64]) -> Vec<MetricBatch> {
    let datums = values.iter().map(|value| Datum {
        series: Arc::new(Series {
            name: Arc::from(LOAD_1.name),
            unit: LOAD_1.unit,
            dimensions: Arc::new([]),
        }),
        time: START + MINUTE * minute,
        value: DatumValue::One(*value),
        resolution_seconds: 60,
        additive: false,
    });
    vec![MetricBatch {
        namespace: Arc::from(namespace::HOST),
        datums: datums.collect(),
    }]
}

impl Bench {
    async fn end(self) -> (FakeMetrics, Arc<Health>) {
        drop(self.input);
        self.sink.await.unwrap();
        (self.api, self.health)
    }
}

fn values(api: &FakeMetrics) -> Vec<f64> {
    let datums = api.datums().into_iter();
    datums.map(|datum| datum.value.sum()).collect()
}

#[tokio::test(start_paused = true)]
async fn throttled_and_lost_calls_are_repeated_until_they_are_taken() {
    let bench = bench(1000);
    bench.api.answer(Err(throttled(CALL)));
    bench.api.answer(Err(unavailable(CALL)));
    bench.input.send(batch(0, &[1.0, 2.0])).await.unwrap();
    let (api, health) = bench.end().await;
    assert_eq!(values(&api), [1.0, 2.0]);
    assert_eq!(health.calls.snapshot(), [(CALL, 3)]);
    assert_eq!((health.retries.value(), health.throttles.value()), (2, 1));
    assert_eq!(health.datums_sent.value(), 2);
    assert_eq!(health.datums_dropped.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_service_is_given_the_pause_it_asked_for() {
    let bench = bench(1000);
    bench.api.answer(Err(Error::Throttled {
        call: CALL,
        code: "Throttling".to_owned(),
        retry_after: Some(MINUTE),
    }));
    let start = Instant::now();
    bench.input.send(batch(0, &[1.0])).await.unwrap();
    while bench.health.datums_sent.value() == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() >= MINUTE);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_freshest_go_first_and_the_oldest_were_dropped() {
    let bench = bench(3);
    bench.api.answer(Err(denied(Call::PutMetricData)));
    for minute in 0..5 {
        bench
            .input
            .send(batch(minute, &[f64::from(minute)]))
            .await
            .unwrap();
        // Shorter than the pause after a denial, so that all of them meet in the queue.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (api, health) = bench.end().await;
    assert_eq!(values(&api), [4.0, 3.0, 2.0]);
    assert_eq!(health.datums_dropped.snapshot(), [("queue_full", 2)]);
}

/// A CloudWatch that takes no negative value.
#[derive(Debug)]
struct Picky(FakeMetrics);

impl MetricsApi for Picky {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        let bad = |datum: &Datum| matches!(datum.value, DatumValue::One(value) if value < 0.0);
        if datums.iter().any(bad) {
            return Err(rejected(CALL, "InvalidParameterValue"));
        }
        self.0.put_metric_data(namespace, datums).await
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_datum_costs_only_itself() {
    let fake = FakeMetrics::default();
    let bench = bench_on(Picky(fake.clone()), fake, 2000);
    let mut all: Vec<f64> = (0..1000).map(f64::from).collect();
    all[777] = -1.0;
    bench.input.send(batch(0, &all)).await.unwrap();
    let (api, health) = bench.end().await;
    assert_eq!(values(&api).len(), 999);
    assert_eq!(health.datums_dropped.snapshot(), [("rejected", 1)]);
    assert_eq!(health.datums_sent.value(), 999);
}

#[tokio::test(start_paused = true)]
async fn when_everything_is_refused_halving_stops() {
    let fake = FakeMetrics::default();
    let bench = bench_on(Picky(fake.clone()), fake, 2000);
    bench.input.send(batch(0, &[-1.0; 1000])).await.unwrap();
    let (_, health) = bench.end().await;
    assert_eq!(health.datums_dropped.snapshot(), [("rejected", 1000)]);
    assert!(health.calls.total() < 100, "{}", health.calls.total());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_before_the_end_is_counted_and_the_end_comes_in_time() {
    let bench = bench(1000);
    for _ in 0..1000 {
        bench.api.answer(Err(unavailable(CALL)));
    }
    bench.input.send(batch(0, &[1.0, 2.0])).await.unwrap();
    let start = Instant::now();
    let (_, health) = bench.end().await;
    assert!(start.elapsed() <= DRAIN_MAX + Duration::from_secs(1));
    assert_eq!(health.datums_dropped.snapshot(), [("shutdown", 2)]);
}

#[tokio::test(start_paused = true)]
async fn datums_older_than_cloudwatch_takes_are_dropped_and_counted() {
    let bench = bench(1000);
    let mut old = batch(0, &[1.0]);
    old[0].datums[0].time = START - limits::metrics::AGE_MAX - MINUTE;
    bench.input.send(old).await.unwrap();
    let (api, health) = bench.end().await;
    assert_eq!(api.puts(), 0);
    assert_eq!(health.datums_dropped.snapshot(), [("too_old", 1)]);
}
