//! The whole collector over files, against fakes: an attack and its bill become one incident,
//! told once, whatever happens in between.

use std::fs;
use std::path::Path;

use plimsoll_aws::testing::{
    FakeAlarms, FakeCost, FakeMetrics, FakeNotify, FakeObjects, FakeQueue, unavailable,
};
use plimsoll_aws::{Alarm, AlarmsApi, Datum, Error, MetricsApi, StoredAlarm};
use plimsoll_core::clock::{ManualClock, UnixMillis};
use serde_json::{Value, json};

use super::*;

mod reload;

const INSTANCE: &str = "i-0123456789abcdef0";
/// 2026-11-24T12:46:00Z.
const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

/// Both halves of CloudWatch.
#[derive(Clone, Debug, Default)]
struct FakeCloudWatch {
    metrics: FakeMetrics,
    alarms: FakeAlarms,
}

impl MetricsApi for FakeCloudWatch {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        self.metrics.put_metric_data(namespace, datums).await
    }
}

impl AlarmsApi for FakeCloudWatch {
    async fn put_alarm(&self, alarm: &Alarm) -> Result<(), Error> {
        self.alarms.put_alarm(alarm).await
    }

    async fn describe_alarms(&self, prefix: &str) -> Result<Vec<StoredAlarm>, Error> {
        self.alarms.describe_alarms(prefix).await
    }

    async fn put_dashboard(&self, name: &str, body: &str) -> Result<Vec<String>, Error> {
        self.alarms.put_dashboard(name, body).await
    }

    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, Error> {
        self.alarms.get_dashboard(name).await
    }
}

#[derive(Debug, Default)]
struct Fakes {
    cloudwatch: FakeCloudWatch,
    notify: FakeNotify,
    queue: FakeQueue,
    objects: FakeObjects,
    cost: FakeCost,
}

impl Calls for Fakes {
    type CloudWatch = FakeCloudWatch;
    type Notify = FakeNotify;
    type Queue = FakeQueue;
    type Objects = FakeObjects;
    type Cost = FakeCost;

    fn region(&self) -> &'static str {
        "eu-west-1"
    }

    fn cloudwatch(&self) -> FakeCloudWatch {
        self.cloudwatch.clone()
    }

    fn notify(&self) -> FakeNotify {
        self.notify.clone()
    }

    fn queue(&self) -> FakeQueue {
        self.queue.clone()
    }

    fn objects(&self) -> FakeObjects {
        self.objects.clone()
    }

    fn cost(&self) -> FakeCost {
        self.cost.clone()
    }
}

/// A run that ends by itself.
fn no_orders() -> Orders<impl Future<Output = io::Result<&'static str>>> {
    ending(std::future::pending())
}

/// A run that ends when `stop` does.
fn ending<S>(stop: S) -> Orders<S> {
    let (_, reload) = mpsc::channel(1);
    Orders { stop, reload }
}

fn record(id: &str, time: &str, source: &str, name: &str, response: &Value) -> Value {
    json!({
        "eventID": id, "eventTime": time, "eventSource": source, "eventName": name,
        "awsRegion": "eu-north-1", "recipientAccountId": "111122223333",
        "sourceIPAddress": "203.0.113.66", "readOnly": false, "managementEvent": true,
        "eventCategory": "Management", "eventType": "AwsApiCall",
        "userIdentity": {
            "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/deploy",
            "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "deploy"
        },
        "requestParameters": {"name": "trail", "instanceType": "p4d.24xlarge"},
        "responseElements": response
    })
}

fn attack() -> Value {
    let instances = json!({"instancesSet": {"items": [
        {"instanceId": INSTANCE, "instanceType": "p4d.24xlarge"}
    ]}});
    json!({"Records": [
        record("event-1", "2026-11-24T10:00:00Z", "cloudtrail.amazonaws.com", "StopLogging", &Value::Null),
        record("event-2", "2026-11-24T10:05:00Z", "ec2.amazonaws.com", "RunInstances", &instances),
    ]})
}

fn mining() -> Value {
    json!({
        "schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-north-1",
        "id": "3ac9d8e7f6051423324150697887a6b5",
        "arn": "arn:aws:guardduty:eu-north-1:111122223333:detector/d/finding/f",
        "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "severity": 8,
        "title": "A Bitcoin-related domain is queried.", "description": "An instance mines.",
        "createdAt": "2026-11-24T10:30:00.000Z", "updatedAt": "2026-11-24T10:30:00.000Z",
        "resource": {"resourceType": "Instance", "instanceDetails": {
            "instanceId": INSTANCE, "instanceType": "p4d.24xlarge"
        }},
        "service": {
            "serviceName": "guardduty", "count": 3, "archived": false,
            "eventFirstSeen": "2026-11-24T10:20:00.000Z", "eventLastSeen": "2026-11-24T10:30:00.000Z"
        }
    })
}

/// Nine weeks of about US$100 a day, and a last day, 2026-11-24, of US$900.
fn bill() -> Value {
    let last: jiff::civil::Date = "2026-11-24".parse().unwrap();
    let days = (0_i64..64).rev().map(|back| {
        let day = last.checked_sub(jiff::Span::new().days(back)).unwrap();
        let usd = if back == 0 { 900 } else { 100 + back % 3 };
        json!({
            "TimePeriod": {"Start": day.to_string(), "End": day.tomorrow().unwrap().to_string()},
            "Estimated": false,
            "Groups": [{
                "Keys": ["Amazon Elastic Compute Cloud - Compute"],
                "Metrics": {"UnblendedCost": {"Amount": usd.to_string(), "Unit": "USD"}}
            }]
        })
    });
    json!({"ResultsByTime": days.collect::<Vec<_>>()})
}

/// A directory with the inputs, and the configuration that reads them.
struct Scene {
    folder: tempfile::TempDir,
    fakes: Fakes,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cloudtrail", "guardduty", "cost"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self {
            folder,
            fakes: Fakes::default(),
        }
    }

    fn write(&self, path: &str, content: &Value) {
        fs::write(self.folder.path().join(path), content.to_string()).unwrap();
    }

    fn config(&self) -> Config {
        Config::from_text("collector.toml", &self.text())
            .unwrap_or_else(|wrong| panic!("{:#?}", wrong.lines()))
    }

    fn text(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            r#"
[collector]
state = "{folder}/state.sqlite"
[cloudtrail]
directory = "{folder}/cloudtrail"
home_regions = ["eu-west-1"]
[guardduty]
directory = "{folder}/guardduty"
[cost]
source = "{folder}/cost"
[notify]
topic_arn = "arn:aws:sns:eu-west-1:111122223333:incidents"
[plan]
apply = true
"#
        )
    }

    async fn run_once(&self) -> Result<Arc<Health>, RunError> {
        let clock = Arc::new(ManualClock::at(NOW));
        let options = RunOptions { once: true };
        run_with(self.config(), &self.fakes, clock, options, no_orders()).await
    }

    /// What was told, as programs read it.
    fn told(&self) -> Vec<Value> {
        let published = self.fakes.notify.published();
        let texts = published
            .iter()
            .map(|(_, notification)| &notification.texts["sqs"]);
        texts
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    fn open_incidents(&self) -> Vec<incident::Incident> {
        let state = State::open(&state_of(self.folder.path())).unwrap();
        state
            .transaction(|tx: &Tx<'_>| tx.open_incidents())
            .unwrap()
    }

    /// The last value of a series that was sent.
    fn metric(&self, name: &str, dimension: &str) -> Option<f64> {
        let datums = self.fakes.cloudwatch.metrics.datums();
        let of = |datum: &&Datum| {
            datum.name() == name
                && datum
                    .dimensions()
                    .iter()
                    .all(|(_, value)| &**value == dimension)
        };
        datums.iter().rev().find(of).map(|datum| datum.value.sum())
    }
}

#[tokio::test]
async fn an_attack_its_mining_and_its_bill_are_one_incident_that_is_told_once() {
    let scene = Scene::new();
    scene.write("cloudtrail/a.json", &attack());
    scene.write("guardduty/b.json", &mining());
    scene.write("cost/c.json", &bill());
    let health = scene.run_once().await.unwrap();
    assert_eq!(
        health.signals_read.snapshot(),
        [("cloudtrail", 2), ("cost", 1), ("guardduty", 1)]
    );
    // Which source is read first is chance: parts may be told before they turn out to belong
    // together, and the whole then says which they were.
    let whole = scene.open_incidents();
    let [whole] = whole.as_slice() else {
        panic!("one incident, not {whole:#?}");
    };
    let told = scene.told();
    for part in &told {
        let id = part["id"].as_str().unwrap();
        assert!(
            id == whole.id || whole.includes.contains(id),
            "{id} is not part of {whole:#?}"
        );
    }
    let worst = told
        .iter()
        .find(|told| told["severity"] == "critical")
        .unwrap();
    assert_eq!(
        worst["principals"],
        json!(["arn:aws:iam::111122223333:user/deploy"])
    );
    assert!(whole.resources.contains(INSTANCE));
    let open: f64 = ["critical", "high", "medium"]
        .iter()
        .map(|severity| scene.metric("incidents_open", severity).unwrap())
        .sum();
    assert!(
        (open - 1.0).abs() < f64::EPSILON,
        "one incident is open, not {open}"
    );
    assert_eq!(scene.metric("cost_daily", ""), Some(900.0));
    assert!(scene.metric("cost_at_risk_per_day", "").unwrap() > 500.0);
    assert!(
        scene
            .fakes
            .cloudwatch
            .alarms
            .alarms()
            .contains_key("plimsoll-incidents-critical")
    );
    let body = &scene.fakes.cloudwatch.alarms.dashboards()["plimsoll-fleet"];
    assert!(
        body.contains(worst["id"].as_str().unwrap()),
        "the incident is drawn on the dashboard"
    );
}

#[tokio::test]
async fn the_same_files_tell_nothing_new_after_a_restart() {
    let scene = Scene::new();
    scene.write("cloudtrail/a.json", &attack());
    scene.write("guardduty/b.json", &mining());
    scene.run_once().await.unwrap();
    let before = scene.told().len();
    let again = scene.run_once().await.unwrap();
    assert_eq!(
        scene.told().len(),
        before,
        "the same files tell nothing new"
    );
    assert_eq!(again.signals_read.total(), 0);
}

#[tokio::test]
async fn what_could_not_be_sent_is_kept_and_sent_by_the_next_run() {
    let scene = Scene::new();
    scene.write("cloudtrail/a.json", &attack());
    tokio::time::pause();
    for _ in 0..200 {
        scene.fakes.notify.answer(Err(unavailable("Publish")));
    }
    // The clock stands still, so nothing that was put off comes due.
    let failed = scene.run_once().await.unwrap_err();
    assert!(matches!(failed, RunError::Untold(_)), "{failed}");
    assert!(scene.told().is_empty());
    let healed = Scene {
        folder: scene.folder,
        fakes: Fakes::default(),
    };
    let late = Arc::new(ManualClock::at(NOW + std::time::Duration::from_hours(1)));
    let options = RunOptions { once: true };
    run_with(healed.config(), &healed.fakes, late, options, no_orders())
        .await
        .unwrap();
    assert!(!healed.told().is_empty());
}

#[tokio::test]
async fn broken_input_is_counted_and_keeps_nothing_from_being_told() {
    let scene = Scene::new();
    let half = attack().to_string();
    let half = half.get(..half.len() / 2).unwrap();
    fs::write(scene.folder.path().join("cloudtrail/0-half.json"), half).unwrap();
    fs::write(scene.folder.path().join("guardduty/0-nul.json"), b"\0\xff{").unwrap();
    scene.write("cloudtrail/1-whole.json", &attack());
    let health = scene.run_once().await.unwrap();
    assert!(
        health.signals_rejected.total() >= 2,
        "{:?}",
        health.signals_rejected
    );
    assert_eq!(health.signals_read.snapshot()[0], ("cloudtrail", 2));
    assert!(!scene.told().is_empty());
}

#[tokio::test]
async fn a_running_collector_ends_in_order_when_it_is_asked_to() {
    let scene = Scene::new();
    scene.write("cloudtrail/a.json", &attack());
    let clock = Arc::new(ManualClock::at(NOW));
    let (config, notify) = (scene.config(), scene.fakes.notify.clone());
    let told = async move {
        // The stop comes as soon as something was told.
        while notify.published().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok("SIGTERM")
    };
    run_with(
        config,
        &scene.fakes,
        clock,
        RunOptions::default(),
        ending(told),
    )
    .await
    .unwrap();
    assert!(!scene.told().is_empty());
    assert!(
        scene.metric("notifications_sent", "").is_some(),
        "the last metrics go out at the end"
    );
    let free = State::open(&state_of(scene.folder.path()));
    assert!(free.is_ok(), "the state is free again");
}

fn state_of(folder: &Path) -> std::path::PathBuf {
    folder.join("state.sqlite")
}

#[tokio::test]
async fn a_queue_is_read_until_it_is_empty() {
    let scene = Scene::new();
    let objects = scene.fakes.objects.clone();
    objects.put(
        "trail",
        "AWSLogs/1/CloudTrail/a.json",
        attack().to_string().into_bytes(),
    );
    let told = json!({"s3Bucket": "trail", "s3ObjectKey": ["AWSLogs/1/CloudTrail/a.json"]});
    scene.fakes.queue.send(&told.to_string());
    let mut config = scene.config();
    config.guardduty = None;
    config.cost = None;
    config.cloudtrail = Some(config::Feed {
        directory: None,
        queue_url: Some("https://sqs.eu-west-1.amazonaws.com/111122223333/trail".to_owned()),
    });
    tokio::time::pause();
    let clock = Arc::new(ManualClock::at(NOW));
    let options = RunOptions { once: true };
    run_with(config, &scene.fakes, clock, options, no_orders())
        .await
        .unwrap();
    assert!(
        scene.fakes.queue.is_empty(),
        "the message is deleted once its effects are stored"
    );
    assert!(!scene.told().is_empty());
}
