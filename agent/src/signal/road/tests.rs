//! The road with a fake CloudWatch, on a host that is a tree of files, on paused time.

use std::path::PathBuf;

use plimsoll_aws::imds::Identity;
use plimsoll_aws::testing::{FakeMetrics, unavailable};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::*;
use crate::aggregate::{How, SeriesKey};
use crate::config::Config;
use crate::sample::{GivenMetric, Labels};
use plimsoll_core::catalog::Unit;

const EPOCH: UnixMillis = UnixMillis(1_795_524_367_000);

/// Wall time that runs with tokio's paused time, and may be moved.
#[derive(Debug)]
struct PacedClock(Instant, Arc<std::sync::atomic::AtomicI64>);

impl Clock for PacedClock {
    fn now(&self) -> UnixMillis {
        let moved = self.1.load(std::sync::atomic::Ordering::Relaxed);
        UnixMillis((EPOCH + self.0.elapsed()).0 + moved)
    }
}

struct Bench {
    api: Arc<FakeMetrics>,
    health: Arc<Health>,
    gate: Gate,
    host: watch::Sender<Host>,
    intakes: Intakes,
    moved: Arc<std::sync::atomic::AtomicI64>,
    root: TempDir,
    road: Option<SignalRoad>,
}

fn host(group: Option<&str>) -> Host {
    Host {
        instance: Some(Identity {
            instance_id: "i-1".to_owned(),
            auto_scaling_group: group.map(str::to_owned),
            ..Identity::default()
        }),
        ..Host::default()
    }
}

fn bench(group: Option<&str>, more: &str) -> Bench {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("proc")).unwrap();
    let meminfo = "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
    std::fs::write(root.path().join("proc/meminfo"), meminfo).unwrap();
    std::fs::write(root.path().join("proc/uptime"), "40.00 1.00\n").unwrap();
    let text = format!(
        "[metrics]\n[metrics.statsd]\n{more}\n[[signal]]\nname = \"memory\"\n\
         expression = \"mem_used_percent / 2\"\nunit = \"Percent\"\n"
    );
    let config = Config::from_text("agent.toml", &text).unwrap();
    let (sender, known) = watch::channel(host(group));
    let mut bench = Bench {
        api: Arc::new(FakeMetrics::default()),
        health: Arc::default(),
        gate: Gate::default(),
        host: sender,
        intakes: Intakes::default(),
        moved: Arc::default(),
        root,
        road: None,
    };
    bench.intakes.reload(config.metrics.as_ref().unwrap());
    let world = World {
        api: Arc::clone(&bench.api),
        root: HostRoot::at(bench.root.path()),
        clock: Arc::new(PacedClock(Instant::now(), Arc::clone(&bench.moved))),
        health: Arc::clone(&bench.health),
        host: known,
        intakes: bench.intakes.clone(),
        gate: bench.gate.clone(),
        seed: 1,
    };
    bench.road = Some(start(config.signals.unwrap(), world));
    bench
}

impl Bench {
    /// Name, value, and seconds since a whole minute of all that was told.
    fn told(&self) -> Vec<(String, f64, i64)> {
        let told = self.api.datums();
        let told = told.into_iter().map(|datum| {
            let DatumValue::One(value) = datum.value else {
                panic!("{datum:?}");
            };
            (
                datum.name().to_owned(),
                value,
                datum.time.as_secs() - EPOCH.as_secs(),
            )
        });
        told.collect()
    }

    fn gaps(&self, signal: &str) -> BTreeMap<&'static str, u64> {
        let all = self.health.signals.look();
        let record = all.into_iter().find(|(name, _)| &**name == signal);
        record.map(|(_, record)| record.gaps).unwrap_or_default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_told_for_the_interval_that_is_over_under_the_groups_name_alone() {
    let bench = bench(Some("web"), "");
    // The first whole interval that is at least half an interval away ends 13 s after the start.
    sleep(Duration::from_secs(15)).await;
    assert_eq!(bench.told(), [("memory".to_owned(), 20.0, 3)]);
    let datum = bench.api.datums().pop().unwrap();
    let dimensions = datum.dimensions().iter();
    let dimensions: Vec<_> = dimensions
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(dimensions, ["AutoScalingGroupName=web"]);
    assert_eq!(datum.resolution_seconds, 1);
    let record = bench.health.signals.look().pop().unwrap().1;
    assert!(record.delay_max.unwrap() <= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_while_the_gate_is_closed_and_the_reason_is_counted() {
    let bench = bench(Some("web"), "");
    let looking = bench.health.taps.look("signals");
    bench.gate.close("draining");
    sleep(Duration::from_secs(35)).await;
    assert_eq!(bench.told(), []);
    assert_eq!(bench.gaps("memory"), BTreeMap::from([("draining", 3)]));
    bench.gate.open();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.told().len(), 1);
    let seen = looking.seen().into_iter();
    let seen: Vec<_> = seen
        .map(|one| (one["value"].clone(), one["withheld"].clone()))
        .collect();
    let (none, held) = (serde_json::Value::Null, serde_json::Value::from("draining"));
    let held = (none.clone(), held);
    assert_eq!(
        seen,
        [held.clone(), held.clone(), held, (20.0.into(), none)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cold_instance_and_one_that_does_not_answer_are_withheld() {
    let ready = PathBuf::from("/nonexistent/ready");
    let health = format!("health = [{{ file = \"{}\" }}]", ready.display());
    for (more, reason) in [
        ("[signals]\nwarm_up = \"10m\"".to_owned(), "warming_up"),
        (format!("[signals]\n{health}"), "unhealthy"),
    ] {
        let bench = bench(Some("web"), &more);
        sleep(Duration::from_secs(35)).await;
        assert_eq!(bench.told(), []);
        assert_eq!(bench.gaps("memory"), BTreeMap::from([(reason, 3)]));
    }
    let warm = bench(Some("web"), "[signals]\nwarm_up = \"50s\"");
    sleep(Duration::from_secs(15)).await;
    assert_eq!(warm.told().len(), 1, "the host was up for 40 s already");
}

#[tokio::test(start_paused = true)]
async fn samples_wait_for_the_name_of_the_group_and_follow_it_when_it_changes() {
    let bench = bench(None, "");
    sleep(Duration::from_secs(35)).await;
    assert_eq!(bench.told(), []);
    bench.host.send_replace(host(Some("web")));
    sleep(Duration::from_secs(1)).await;
    let mut times: Vec<i64> = bench.told().into_iter().map(|(_, _, at)| at).collect();
    times.sort_unstable();
    assert_eq!(times, [3, 13, 23]);
    bench.host.send_replace(host(Some("api")));
    sleep(Duration::from_secs(10)).await;
    let last = bench.api.datums().pop().unwrap();
    assert_eq!(&*last.dimensions()[0].1, "api");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_sent_again_and_the_freshest_first() {
    let bench = bench(Some("web"), "");
    for _ in 0..40 {
        bench.api.answer(Err(unavailable("PutMetricData")));
    }
    sleep(Duration::from_mins(3)).await;
    let told: BTreeSet<i64> = bench.told().into_iter().map(|(_, _, at)| at).collect();
    assert!(told.len() >= 16 && told.contains(&3), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn the_interval_in_which_the_clock_jumps_is_withheld() {
    let bench = bench(Some("web"), "");
    sleep(Duration::from_secs(15)).await;
    bench
        .moved
        .store(-3_600_000, std::sync::atomic::Ordering::Relaxed);
    // The tick that was waited for comes first, then those of the new time.
    sleep(Duration::from_secs(35)).await;
    assert_eq!(bench.gaps("memory"), BTreeMap::from([("clock_jumped", 1)]));
    assert!(bench.told().len() >= 2);
}

/// Thirty hits in the interval that ends 13 s after the start.
fn hit(bench: &Bench) {
    let mut windows = bench.intakes.of(Feed::Statsd).unwrap().hold();
    let window = windows.window(EPOCH + Duration::from_secs(5));
    let slot = window.slot(SeriesKey {
        metric: GivenMetric::new("hits", Unit::Count).into(),
        labels: Labels::default(),
        how: How::Sum,
    });
    window.add(slot, 1.0, 30.0);
}

#[tokio::test(start_paused = true)]
async fn a_metric_of_an_application_is_seen_in_its_interval_before_it_is_told() {
    let more = "[[signal]]\nname = \"rate\"\nexpression = \"rate(statsd:hits)\"\n\
                [[signal]]\nname = \"ratio\"\nexpression = \"1 / (statsd:hits - 30)\"";
    let bench = bench(Some("web"), more);
    sleep(Duration::from_secs(5)).await;
    hit(&bench);
    sleep(Duration::from_secs(30)).await;
    let rates: Vec<_> = bench
        .told()
        .into_iter()
        .filter(|(name, ..)| name == "rate")
        .collect();
    assert_eq!(rates, [("rate".to_owned(), 3.0, 3)]);
    assert_eq!(bench.gaps("rate"), BTreeMap::from([("metric_missing", 2)]));
    let ratio = BTreeMap::from([("division_by_zero", 1), ("metric_missing", 2)]);
    assert_eq!(bench.gaps("ratio"), ratio);
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_the_host_begins_to_tell_later_is_found() {
    let late = "[[signal]]\nname = \"late\"\nexpression = \"load_1\"";
    let bench = bench(Some("web"), late);
    sleep(Duration::from_mins(2)).await;
    let count = |bench: &Bench| {
        let told = bench.told();
        told.iter().filter(|(name, ..)| name == "late").count()
    };
    assert_eq!(count(&bench), 0);
    let load = bench.root.path().join("proc/loadavg");
    std::fs::write(load, "0.50 0.40 0.30 1/100 4711\n").unwrap();
    sleep(Duration::from_mins(2)).await;
    assert!(count(&bench) >= 6, "{}", count(&bench));
}

#[tokio::test(start_paused = true)]
async fn samples_that_nobody_took_are_counted() {
    let bench = bench(Some("web"), "");
    sleep(Duration::from_secs(15)).await;
    // As when the host gives the agent no processor for a while.
    tokio::time::advance(Duration::from_secs(32)).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.gaps("memory"), BTreeMap::from([("not_taken", 2)]));
}
