//! The sink against random weather: outages, lost answers, refusals, kills, full disks. Whatever
//! comes, what is added up is counted at most once, gauges at least once, and nothing is lost that
//! was not counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use plimsoll_aws::Call;
use plimsoll_aws::testing::{denied, unreachable};
use proptest::prelude::*;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::spool::faulty::Shaky;

const TICK: Duration = Duration::from_secs(1);
const TICKS: u32 = 150;
/// The longest that a datum is in memory only, on a good disk: a call under way and its own.
const MEMORY: u32 = 6;

/// What CloudWatch does.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Fair,
    Unreachable,
    Lossy,
    Throttled,
    Denied,
}

const WEATHERS: [Weather; 5] = [
    Weather::Fair,
    Weather::Unreachable,
    Weather::Lossy,
    Weather::Throttled,
    Weather::Denied,
];

#[derive(Clone, Debug)]
struct Stormy {
    fake: FakeMetrics,
    sky: Arc<Mutex<(Weather, fastrand::Rng)>>,
}

impl MetricsApi for Stormy {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        let (weather, dice, latency) = {
            let mut sky = self.sky.lock().unwrap();
            (sky.0, sky.1.u8(..4), sky.1.u64(0..600))
        };
        sleep(Duration::from_millis(latency)).await;
        let effect = self.fake.put_metric_data(namespace, datums);
        match (weather, dice) {
            (Weather::Fair, _) | (Weather::Lossy, 0) => effect.await,
            (Weather::Lossy, 1) => Err(unavailable(CALL)),
            (Weather::Lossy, _) => effect.await.and_then(|()| Err(unavailable(CALL))),
            (Weather::Unreachable, _) => Err(unreachable(CALL)),
            (Weather::Throttled, _) => Err(throttled(CALL)),
            (Weather::Denied, _) => Err(denied(Call::PutMetricData)),
        }
    }
}

struct Storm {
    api: Stormy,
    health: Arc<Health>,
    disk: Shaky,
    directory: tempfile::TempDir,
    input: mpsc::Sender<Vec<MetricBatch>>,
    sink: JoinHandle<()>,
    barrier: Barrier,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let api = Stormy {
            fake: FakeMetrics::default(),
            sky: Arc::new(Mutex::new((Weather::Fair, fastrand::Rng::with_seed(seed)))),
        };
        let (health, disk) = (Arc::new(Health::default()), Shaky::default());
        let directory = tempfile::tempdir().unwrap();
        let (input, sink, barrier) = start(&api, &health, &disk, directory.path());
        Self {
            api,
            health,
            disk,
            directory,
            input,
            sink,
            barrier,
        }
    }

    /// Ends the sink as a kill does, and starts another on the same disk.
    async fn kill(&mut self) {
        let sink: AbortHandle = self.sink.abort_handle();
        sink.abort();
        // The file system still does what it was asked for.
        drop((&mut self.sink).await);
        sleep(Duration::from_millis(1)).await;
        (self.input, self.sink, self.barrier) =
            start(&self.api, &self.health, &self.disk, self.directory.path());
    }

    fn turn(&self, weather: Weather) {
        self.api.sky.lock().unwrap().0 = weather;
    }
}

fn start(
    api: &Stormy,
    health: &Arc<Health>,
    disk: &Shaky,
    directory: &Path,
) -> (mpsc::Sender<Vec<MetricBatch>>, JoinHandle<()>, Barrier) {
    let spool = SpoolSettings {
        directory: directory.to_owned(),
        bytes_max: 1024 * 1024,
    };
    let keeper = Keeper::new(disk.clone(), Some(spool), Arc::clone(health));
    let clock = Arc::new(ManualClock::at(START + MINUTE * TICKS));
    let (api, health) = (Arc::new(api.clone()), Arc::clone(health));
    let sink = MetricsSink::new(api, clock, health, settings(100_000), keeper, 7);
    let (input, receiver) = mpsc::channel(2);
    let (barrier, questions) = barrier();
    let sink = sink.answering(Asked::by(questions));
    (input, tokio::spawn(sink.run(receiver)), barrier)
}

/// Three gauges and two counts, each told apart by minute and value.
fn tick(minute: u32) -> Vec<MetricBatch> {
    let mut batches = batch(minute, &[1.0, 2.0, 3.0, 4.0, 5.0]);
    for datum in &mut batches[0].datums[3..] {
        datum.additive = true;
    }
    batches
}

/// Runs `TICKS` ticks and gives how often each datum was counted, with the minutes that a kill may
/// have cost.
async fn storm(seed: u64, kills: bool) -> (Storm, Vec<u32>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut storm = Storm::new(seed);
    let mut excused = Vec::new();
    for minute in 0..TICKS {
        if random.u8(..8) == 0 {
            storm.turn(WEATHERS[random.usize(..WEATHERS.len())]);
        }
        if kills && random.u8(..20) == 0 {
            storm.kill().await;
            excused.extend(minute.saturating_sub(MEMORY)..minute);
        }
        if !kills && random.u8(..10) == 0 {
            storm.disk.set_full(random.bool());
        }
        storm.input.send(tick(minute)).await.unwrap();
        if random.u8(..15) == 0 {
            // Some wait for the answer, some give up before.
            tokio::spawn(timeout(
                TICK * random.u32(1..60),
                storm.barrier.clone().settled(),
            ));
        }
        sleep(TICK).await;
    }
    storm.turn(Weather::Fair);
    storm.disk.set_full(false);
    sleep(MINUTE * 3).await;
    storm.input.send(tick(TICKS)).await.unwrap();
    sleep(MINUTE * 3).await;
    (storm, excused)
}

fn check(storm: &Storm, excused: &[u32]) -> Result<(), TestCaseError> {
    let mut counted: BTreeMap<(i64, String), usize> = BTreeMap::new();
    let datums = storm.api.fake.datums();
    for datum in &datums {
        let key = (datum.time.0, format!("{:?}", datum.value));
        *counted.entry(key).or_default() += 1;
    }
    let mut lost = 0;
    for minute in 0..=TICKS {
        for datum in &tick(minute)[0].datums {
            let key = (datum.time.0, format!("{:?}", datum.value));
            let times = counted.get(&key).copied().unwrap_or(0);
            prop_assert!(times <= 1 || !datum.additive, "{minute} {datum:?}: {times}");
            let excused = excused.contains(&minute);
            prop_assert!(
                times > 0 || datum.additive || excused,
                "gauge of {minute} is lost"
            );
            lost += u64::from(times == 0 && !excused);
        }
    }
    let dropped = storm.health.datums_dropped.snapshot();
    let reasons: Vec<&str> = dropped.iter().map(|(reason, _)| *reason).collect();
    prop_assert!(
        reasons.iter().all(|reason| *reason == "unconfirmed"),
        "{reasons:?}"
    );
    let total = storm.health.datums_dropped.total();
    prop_assert!(lost <= total, "{lost} lost, {total} counted");
    let left = std::fs::read_dir(storm.directory.path()).unwrap().count();
    prop_assert_eq!(left, 1, "only the lock is left");
    Ok(())
}

fn in_storm(seed: u64, kills: bool) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (storm, excused) = storm(seed, kills).await;
        check(&storm, &excused)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn through_outages_and_kills_counts_come_at_most_once_and_gauges_at_least_once(
        seed in any::<u64>(),
    ) {
        in_storm(seed, true)?;
    }

    #[test]
    fn through_outages_on_a_disk_that_fills_up_nothing_is_lost_uncounted(seed in any::<u64>()) {
        in_storm(seed, false)?;
    }
}
