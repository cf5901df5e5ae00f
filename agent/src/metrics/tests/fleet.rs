//! A whole fleet in one process: the roads of many hosts, each with its own identity, to one
//! CloudWatch. It shows what a fleet pays for and when it calls.

use std::collections::BTreeSet;
use std::sync::Mutex;

use plimsoll_aws::{Error, MetricsApi};
use tokio::task::JoinSet;

use super::*;

const CONFIG: &str = r#"
[metrics]
scrapers = ["cpu", "memory", "swap", "load", "diskio", "net", "processes", "agent"]
per_instance = []
dimensions = [["InstanceId"], ["AutoScalingGroupName"], ["AutoScalingGroupName", "AvailabilityZone"], ["InstanceType"]]
"#;
const MINUTE: Duration = Duration::from_mins(1);
/// Parts of the window in which the hosts' calls are counted.
const BUCKETS: usize = 10;
/// The most of all calls that may fall into one tenth of the window.
const SHARE_MAX_PERCENT: usize = 15;

/// Notes when calls come.
#[derive(Debug)]
struct Watched {
    fake: FakeMetrics,
    clock: PacedClock,
    calls: Mutex<Vec<UnixMillis>>,
}

impl MetricsApi for Watched {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        self.calls.lock().unwrap().push(self.clock.now());
        self.fake.put_metric_data(namespace, datums).await
    }
}

fn member(random: &mut fastrand::Rng) -> Host {
    let zone = ["a", "b", "c"][random.usize(..3)];
    Host {
        name: "web".to_owned(),
        instance: Some(Identity {
            instance_id: format!("i-{:017x}", random.u64(..)),
            instance_type: "m7g.large".to_owned(),
            availability_zone: format!("eu-west-1{zone}"),
            auto_scaling_group: Some("web-asg".to_owned()),
            ..Identity::default()
        }),
        ..Host::default()
    }
}

/// Runs a fleet for one tick and gives its CloudWatch.
async fn run(hosts: usize) -> Arc<Watched> {
    let root = tempfile::tempdir().unwrap();
    write_host(root.path());
    let config = Config::from_text("agent.toml", CONFIG)
        .unwrap()
        .metrics
        .unwrap();
    let begun = Instant::now();
    let api = Arc::new(Watched {
        fake: FakeMetrics::default(),
        clock: PacedClock(begun),
        calls: Mutex::default(),
    });
    let (trigger, shutdown) = channel();
    let mut random = fastrand::Rng::with_seed(7);
    let mut roads = JoinSet::new();
    let mut identities = Vec::new();
    for _ in 0..hosts {
        let (host, known) = watch::channel(member(&mut random));
        identities.push(host);
        let world = World {
            api: Arc::clone(&api),
            root: HostRoot::at(root.path()),
            clock: Arc::new(PacedClock(begun)),
            health: Arc::default(),
            host: known,
            intakes: Intakes::default(),
            spool: None,
            opened: Opened::default(),
            questions: barrier().1,
            seed: random.u64(..),
            shutdown: shutdown.clone(),
            drain_max: Duration::from_secs(5),
        };
        roads.spawn(start(config.clone(), Mode::Follow, world));
    }
    sleep(MINUTE + Duration::from_secs(10)).await;
    let ticked = api.calls.lock().unwrap().len();
    assert_eq!(ticked, hosts, "one call a minute from each");
    trigger.request();
    while roads.join_next().await.is_some() {}
    api.calls.lock().unwrap().truncate(ticked);
    api
}

/// Namespace, name and dimensions: what CloudWatch bills.
fn series(api: &Watched) -> BTreeSet<String> {
    let requests = api.fake.requests();
    let all = requests.iter().flat_map(|(namespace, datums)| {
        datums
            .iter()
            .map(move |datum| format!("{namespace} {} {}", datum.name(), dimensions(datum)))
    });
    all.collect()
}

#[tokio::test(start_paused = true)]
async fn five_hundred_hosts_spread_their_calls_and_share_the_series_of_fifty() {
    let (small, large) = (run(50).await, run(500).await);
    let billed = series(&large);
    println!(
        "billed series: {} with 50 hosts, {} with 500",
        series(&small).len(),
        billed.len()
    );
    assert_eq!(series(&small), billed);
    assert!(billed.len() > 50);
    assert!(billed.iter().all(|series| !series.contains("InstanceId")));

    let mut histogram = [0; BUCKETS];
    for call in &*large.calls.lock().unwrap() {
        let after = call.since(call.align_down(MINUTE));
        let bucket = after.as_millis() * BUCKETS as u128 / SPREAD_MAX.as_millis();
        histogram[usize::try_from(bucket).unwrap()] += 1;
    }
    for (bucket, calls) in histogram.iter().enumerate() {
        let begin = SPREAD_MAX.mul_f64(0.1) * u32::try_from(bucket).unwrap();
        println!(
            "{:>6} ms {calls:>4} {}",
            begin.as_millis(),
            "#".repeat(*calls)
        );
    }
    let most = histogram.iter().max().unwrap();
    assert!(most * 100 <= 500 * SHARE_MAX_PERCENT, "{histogram:?}");
}

#[test]
fn a_host_calls_at_the_same_time_after_every_start_and_soon_when_it_tells_often() {
    let mut config = Config::from_text("agent.toml", CONFIG)
        .unwrap()
        .metrics
        .unwrap();
    let host = member(&mut fastrand::Rng::with_seed(7));
    assert_eq!(spread(&config, &host), spread(&config, &host.clone()));
    assert!(spread(&config, &host) <= Duration::from_secs(5));
    config.flush_interval = Duration::from_secs(1);
    assert!(spread(&config, &host) <= Duration::from_millis(100));
}
