//! The page's data over a world that was called as clients call it.

use std::sync::Arc;

use plimsoll_core::clock::{Clock, ManualClock};

use super::*;
use crate::calls::{self, Entry};
use crate::service::Service;
use crate::state::Settings;

/// 2026-11-24T12:46:00Z.
const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

/// A world and its clock.
struct Scene {
    world: World,
    clock: Arc<ManualClock>,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        Self {
            world: World::new(Settings::default(), Arc::clone(&clock) as Arc<dyn Clock>),
            clock,
        }
    }

    /// Makes a call that is written into the ledger, as the server does.
    fn call(&self, client: &str, service: Service, operation: &str, input: &Value) {
        let load = calls::load(service, operation, input);
        let call = Call {
            operation: operation.to_owned(),
            input: input.clone(),
            now: self.world.clock.now(),
            region: "us-east-1".to_owned(),
            key_id: String::new(),
        };
        self.world.dispatch(service, &call).unwrap();
        let entry = Entry {
            at: call.now,
            service,
            operation: call.operation,
            client: client.to_owned(),
            request_bytes: 100,
            status: 200,
            error: String::new(),
            fault: "",
            items: 0,
            usage: plimsoll_core::price::Usage::default(),
            usd: 0.0,
        };
        self.world.calls.record(entry, load, true);
    }

    fn put_metric(&self, client: &str, namespace: &str, name: &str, value: f64) {
        let dimension = Value::map([("Name", "InstanceId".into()), ("Value", "i-1".into())]);
        let datum = Value::map([
            ("MetricName", name.into()),
            ("Dimensions", Value::List(vec![dimension])),
            ("Value", value.into()),
            ("StorageResolution", 1_i64.into()),
        ]);
        let input = Value::map([
            ("Namespace", namespace.into()),
            ("MetricData", Value::List(vec![datum])),
        ]);
        self.call(client, Service::CloudWatch, "PutMetricData", &input);
    }

    fn get(&self, path: &str) -> Json {
        let answer = self.request("GET", path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn request(&self, method: &str, path: &str) -> Option<PlainAnswer> {
        let (path, name) = path.split_once("?dashboard=").unwrap_or((path, ""));
        let request = PlainRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: vec![("dashboard".to_owned(), name.to_owned())],
            ..PlainRequest::default()
        };
        answer(&self.world, &request)
    }
}

const PANELS: [&str; 9] = [
    "/_local/overview.json",
    "/_local/calls.json",
    "/_local/logs.json",
    "/_local/charts.json",
    "/_local/alarms.json",
    "/_local/dashboards.json",
    "/_local/widgets.json",
    "/_local/incidents.json",
    "/_local/notifications.json",
];

#[test]
fn every_panel_answers_without_any_data_and_only_to_get() {
    let scene = Scene::new();
    for path in PANELS {
        assert!(scene.get(path).is_object(), "{path}");
        let refused = scene.request("POST", path).unwrap();
        assert_eq!(refused.status, 405, "{path}");
        let headers = scene.request("GET", path).unwrap().headers;
        assert!(headers.contains(&("x-content-type-options", "nosniff".to_owned())));
    }
    assert_eq!(scene.request("GET", "/_local/other.json"), None);
}

#[test]
fn what_was_put_is_shown_on_its_panel() {
    let scene = Scene::new();
    scene.put_metric("plimsoll-agent", "Plimsoll/Host", "cpu_usage_active", 42.0);
    let body = r##"{"widgets":[{"type":"text","properties":{"markdown":"x"}},
        {"type":"metric","properties":{"period":60,"region":"us-east-1","metrics":
        [["Plimsoll/Host","cpu_usage_active","InstanceId","i-1",{"color":"#123456"}]]}}]}"##;
    let board = Value::map([
        ("DashboardName", "d".into()),
        ("DashboardBody", body.into()),
    ]);
    scene.call("c", Service::CloudWatch, "PutDashboard", &board);
    scene.clock.advance(std::time::Duration::from_secs(61));

    let chart = &scene.get("/_local/charts.json")["charts"][0];
    assert_eq!(chart["title"], "Processor");
    assert_eq!(chart["series"][0]["points"][0][1], 42.0);
    let shown = &scene.get("/_local/dashboards.json")["dashboards"][0];
    assert_eq!(shown["body"], serde_json::from_str::<Json>(body).unwrap());
    let widget = &scene.get("/_local/widgets.json?dashboard=d")["widgets"][1]["series"][0];
    assert_eq!(widget["points"][0][1], 42.0);
    assert_eq!(
        (&widget["color"], &widget["unit"]),
        (&json!("#123456"), &json!("Percent"))
    );
    let totals = &scene.get("/_local/overview.json")["totals"];
    assert_eq!(totals["datums"], 1);
    assert_eq!(totals["dashboards"], 1);
    assert_eq!(totals["calls"], 2);
}

#[test]
fn lines_are_shown_as_they_came_and_cut_between_characters() {
    let scene = Scene::new();
    let name = |member: &'static str, value: &str| (member, Value::from(value));
    let group = name("logGroupName", "g");
    let stream = name("logStreamName", "s");
    let long = "é".repeat(3_000);
    let event =
        |message: &str| Value::map([("timestamp", NOW.0.into()), ("message", message.into())]);
    let events = Value::List(vec![event("<script>"), event(&long)]);
    scene.call(
        "a",
        Service::Logs,
        "CreateLogGroup",
        &Value::map([group.clone()]),
    );
    let both = Value::map([group.clone(), stream.clone()]);
    scene.call("a", Service::Logs, "CreateLogStream", &both);
    let put = Value::map([group, stream, ("logEvents", events)]);
    scene.call("a", Service::Logs, "PutLogEvents", &put);

    let shown = scene.get("/_local/logs.json");
    assert_eq!(shown["events"][0]["message"], "<script>");
    let cut = shown["events"][1]["message"].as_str().unwrap();
    assert_eq!((cut.chars().count(), cut.ends_with('…')), (2_001, true));
    assert!(shown["events"][0]["number"].as_u64() < shown["events"][1]["number"].as_u64());
}

#[test]
fn only_the_agents_own_pace_and_series_count_for_its_price() {
    let scene = Scene::new();
    for _ in 0..20 {
        scene.put_metric(
            "aws-sdk app/plimsoll-agent-0.1.0",
            "Plimsoll/Host",
            "load_1",
            1.0,
        );
        scene.put_metric(
            "aws-sdk app/plimsoll-collector-0.1.0",
            "Plimsoll/Cost",
            "cost_daily",
            1.0,
        );
        scene.clock.advance(std::time::Duration::from_secs(1));
    }
    let price = &scene.get("/_local/overview.json")["price"];
    let [agent, all] =
        ["agent_usd_per_month", "usd_per_month"].map(|key| price[key].as_f64().unwrap());
    // One series, and a call a second: 0.30 + 2,592,000 calls at 0.01 for 1,000.
    assert!((agent - 26.22).abs() < 0.01, "{agent}");
    assert!((all - 2.0 * agent).abs() < 0.01, "{all}");
}
