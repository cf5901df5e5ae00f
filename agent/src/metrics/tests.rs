//! The whole road on a host that is a tree of files, on paused time.

use std::fs;
use std::path::Path;

use plimsoll_aws::Datum;
use plimsoll_aws::imds::Identity;
use plimsoll_aws::testing::{FakeMetrics, unavailable};
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::shutdown::channel;
use tokio::time::{Instant, sleep};

use super::*;
use crate::barrier::Barrier;
use crate::config::Config;

mod fleet;

const EPOCH: UnixMillis = UnixMillis(1_795_524_367_000);

/// Wall time that runs with tokio's paused time.
#[derive(Debug)]
struct PacedClock(Instant);

impl Clock for PacedClock {
    fn now(&self) -> UnixMillis {
        EPOCH + self.0.elapsed()
    }
}

/// A host with two processors, one disk, one interface.
fn write_host(root: &Path) {
    let files = [
        (
            "proc/stat",
            "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n",
        ),
        (
            "proc/meminfo",
            "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        ),
        ("proc/loadavg", "1.50 0.75 0.25 2/345 6789\n"),
        (
            "proc/diskstats",
            "259 0 nvme0n1 10 0 100 0 20 0 200 0 0 1000 0\n",
        ),
        (
            "proc/net/dev",
            "h\nh\neth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n",
        ),
        ("proc/self/mounts", "/dev/nvme0n1 / ext4 rw 0 0\n"),
        (
            "proc/self/stat",
            "7 (agent) S 1 7 7 0 -1 0 0 0 0 0 5 5 0 0 20\n",
        ),
        ("proc/self/status", "VmRSS: 8192 kB\n"),
        ("proc/1/stat", "1 (init) S 0\n"),
        ("proc/vmstat", "oom_kill 0\n"),
        ("proc/sys/fs/file-nr", "100 0 1000\n"),
        (
            "proc/net/snmp",
            "Tcp: CurrEstab OutSegs RetransSegs\nTcp: 1 2 0\n",
        ),
        (
            "proc/net/netstat",
            "TcpExt: ListenOverflows ListenDrops\nTcpExt: 0 0\n",
        ),
        ("proc/net/sockstat", "TCP: inuse 1 orphan 0 tw 0\n"),
        ("sys/block/nvme0n1/size", "1\n"),
    ];
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

struct Bench {
    api: FakeMetrics,
    health: Arc<Health>,
    host: watch::Sender<Host>,
    trigger: plimsoll_core::shutdown::Trigger,
    road: JoinHandle<()>,
    intakes: Intakes,
    barrier: Barrier,
    root: tempfile::TempDir,
}

fn bench(text: &str, mode: Mode) -> Bench {
    let root = tempfile::tempdir().unwrap();
    write_host(root.path());
    let config = Config::from_text("agent.toml", text)
        .unwrap()
        .metrics
        .unwrap();
    let api = FakeMetrics::default();
    let health = Arc::new(Health::default());
    let (host, known) = watch::channel(Host {
        name: "web".to_owned(),
        ..Host::default()
    });
    let (trigger, shutdown) = channel();
    let intakes = Intakes::default();
    let (barrier, questions) = barrier();
    let world = World {
        api: Arc::new(api.clone()),
        root: HostRoot::at(root.path()),
        clock: Arc::new(PacedClock(Instant::now())),
        health: Arc::clone(&health),
        host: known,
        intakes: intakes.clone(),
        spool: None,
        opened: Opened::default(),
        questions,
        seed: 7,
        shutdown,
        drain_max: Duration::from_secs(5),
    };
    Bench {
        road: start(config, mode, world),
        api,
        health,
        host,
        intakes,
        barrier,
        trigger,
        root,
    }
}

fn find<'d>(datums: &'d [Datum], name: &str) -> Vec<&'d Datum> {
    datums.iter().filter(|datum| datum.name() == name).collect()
}

fn dimensions(datum: &Datum) -> String {
    let dimensions = datum.dimensions().iter();
    let written: Vec<String> = dimensions
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    written.join(",")
}

#[tokio::test(start_paused = true)]
async fn when_asked_unfinished_windows_are_told_and_what_comes_later_adds_up_with_them() {
    use crate::aggregate::{How, SeriesKey};
    use crate::sample::{Feed, GivenMetric, Labels};
    let text = "[metrics]\nscrapers = [\"load\"]\ndimensions = [[\"Host\"]]\n";
    let bench = bench(text, Mode::Follow);
    let add = |after: u64| {
        let mut windows = bench.intakes.of(Feed::Statsd).unwrap().hold();
        let window = windows.window(EPOCH + Duration::from_secs(after));
        let slot = window.slot(SeriesKey {
            metric: GivenMetric::new("orders", plimsoll_core::catalog::Unit::None).into(),
            labels: Labels::one("shop", &Arc::from("a")),
            how: How::Sum,
        });
        window.add(slot, 2.0, 1.0);
    };
    add(0);
    sleep(Duration::from_secs(10)).await;
    let begun = Instant::now();
    bench.barrier.clone().settled().await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is held back");
    assert_eq!(find(&bench.api.datums(), "orders").len(), 1);
    add(11);
    sleep(Duration::from_secs(70)).await;
    let datums = bench.api.datums();
    let told: Vec<(i64, f64)> = find(&datums, "orders")
        .iter()
        .map(|datum| ((datum.time.0 - EPOCH.0) / 1000, datum.value.sum()))
        .collect();
    assert_eq!(told, [(-7, 2.0), (-7, 2.0)]);
    bench.trigger.request();
    bench.road.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn once_measures_every_family_and_ends() {
    let bench = bench("", Mode::Once);
    bench.road.await.unwrap();
    let datums = bench.api.datums();
    for name in [
        "mem_used_percent",
        "swap_used",
        "load_per_vcpu",
        "disk_used_percent",
        "diskio_reads",
        "net_bytes_recv",
        "processes_total",
        "netstat_tcp_established",
        "file_descriptors_used_percent",
        "clock_error_max",
        "agent_memory_rss",
        "agent_files",
    ] {
        assert_eq!(find(&datums, name).len(), 1, "{name}: {datums:#?}");
    }
    assert_eq!(dimensions(find(&datums, "load_1")[0]), "Host=web");
    assert_eq!(bench.health.datums_sent.value(), datums.len() as u64);
    assert_eq!(bench.health.series.value(), datums.len() as u64);
    assert_eq!(bench.health.problems.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn ticks_are_aligned_and_the_identity_is_taken_up_when_it_comes() {
    let text = "[metrics]\ninterval = \"10s\"\nscrapers = [\"load\", \"agent\"]\n\
                dimensions = [[\"InstanceId\"], [\"AutoScalingGroupName\"]]\n";
    let bench = bench(text, Mode::Follow);
    sleep(Duration::from_secs(15)).await;
    bench.host.send_modify(|host| {
        host.instance = Some(Identity {
            instance_id: "i-1".to_owned(),
            auto_scaling_group: Some("web-asg".to_owned()),
            ..Identity::default()
        });
    });
    sleep(Duration::from_secs(10)).await;
    bench.health.lines_read.add(42);
    bench.trigger.request();
    bench.road.await.unwrap();

    let datums = bench.api.datums();
    let loads: Vec<(i64, String)> = find(&datums, "load_1")
        .iter()
        .map(|datum| (datum.time.0 - EPOCH.0, dimensions(datum)))
        .collect();
    assert_eq!(
        loads,
        [
            (3_000, "Host=web".to_owned()),
            (13_000, "Host=web".to_owned()),
            (23_000, "InstanceId=i-1".to_owned()),
            (23_000, "AutoScalingGroupName=web-asg".to_owned()),
        ]
    );
    let lines: Vec<f64> = find(&datums, "agent_lines_read")
        .iter()
        .map(|datum| datum.value.sum())
        .collect();
    assert_eq!(
        lines,
        [0.0, 0.0, 0.0, 0.0, 42.0, 42.0],
        "the last counts are told at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_family_costs_only_itself() {
    let bench = bench("", Mode::Once);
    fs::write(bench.root.path().join("proc/loadavg"), "torn").unwrap();
    bench.road.await.unwrap();
    let datums = bench.api.datums();
    assert!(find(&datums, "load_1").is_empty());
    assert_eq!(find(&datums, "mem_total").len(), 1);
    let malformed = bench.health.problems.snapshot();
    assert_eq!(malformed, [("host_malformed", 2)]);
}

#[tokio::test(start_paused = true)]
async fn excluded_metrics_are_not_sent() {
    let text = "[metrics]\nscrapers = [\"load\"]\nexclude_metrics = [\"load_5\"]\n";
    let bench = bench(text, Mode::Once);
    bench.road.await.unwrap();
    let datums = bench.api.datums();
    assert!(find(&datums, "load_5").is_empty());
    assert_eq!(datums.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_outage_shorter_than_the_queue_loses_nothing() {
    let text = "[metrics]\ninterval = \"10s\"\nscrapers = [\"load\"]\ndimensions = [[\"Host\"]]\n";
    let bench = bench(text, Mode::Follow);
    for _ in 0..5 {
        bench.api.answer(Err(unavailable("PutMetricData")));
    }
    sleep(Duration::from_mins(5)).await;
    bench.trigger.request();
    bench.road.await.unwrap();
    assert_eq!(find(&bench.api.datums(), "load_1").len(), 30);
    assert_eq!(bench.health.datums_dropped.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn frequent_looks_are_folded_into_one_datum_and_one_call_a_minute() {
    let text =
        "[metrics]\nsample_interval = \"1s\"\nscrapers = [\"load\"]\ndimensions = [[\"Host\"]]\n";
    let bench = bench(text, Mode::Follow);
    // The minute that the start falls into, and three whole ones.
    sleep(Duration::from_mins(4)).await;
    let calls = bench.api.puts();
    let datums = bench.api.datums();
    let told: Vec<(i64, f64)> = find(&datums, "load_1")
        .iter()
        .map(|datum| {
            let plimsoll_aws::DatumValue::Statistics { count, .. } = datum.value else {
                panic!("{datum:?}");
            };
            assert_eq!(datum.resolution_seconds, 60);
            ((datum.time.0 - EPOCH.0) / 1000, count)
        })
        .collect();
    // The epoch is seven seconds into a minute; an interval is told by its beginning.
    assert_eq!(told[..3], [(-7, 53.0), (53, 60.0), (113, 60.0)]);
    assert_eq!(calls, told.len(), "one call for each minute");
    bench.trigger.request();
    bench.road.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_applications_hand_in_is_told_with_the_minute_it_came_in() {
    use crate::aggregate::{How, SeriesKey};
    use crate::sample::{Feed, GivenMetric, Labels};
    let text = "[metrics]\nscrapers = [\"load\"]\ndimensions = [[\"Host\"]]\n";
    let bench = bench(text, Mode::Follow);
    let add = |after: u64| {
        let mut windows = bench.intakes.of(Feed::Statsd).unwrap().hold();
        let window = windows.window(EPOCH + Duration::from_secs(after));
        let slot = window.slot(SeriesKey {
            metric: GivenMetric::new("orders", plimsoll_core::catalog::Unit::None).into(),
            labels: Labels::one("shop", &Arc::from("a")),
            how: How::Sum,
        });
        window.add(slot, 2.0, 1.0);
    };
    for after in [0, 1, 60, 3 * 3600, 400 * 24 * 3600] {
        add(after);
    }
    sleep(Duration::from_secs(70)).await;
    bench.trigger.request();
    bench.road.await.unwrap();
    let datums = bench.api.datums();
    let told: Vec<(i64, f64)> = find(&datums, "orders")
        .iter()
        .map(|datum| ((datum.time.0 - EPOCH.0) / 1000, datum.value.sum()))
        .collect();
    assert_eq!(told, [(-7, 4.0), (53, 2.0)]);
    assert_eq!(dimensions(find(&datums, "orders")[0]), "Host=web,shop=a");
    let dropped = bench.health.datums_dropped.snapshot();
    assert_eq!(dropped, [("time_out_of_range", 2)], "clocks that are wrong");
}
