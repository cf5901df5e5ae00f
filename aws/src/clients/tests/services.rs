//! Each call against a server that records what really went over the wire.

mod cloudwatch;
mod collector;
mod logs;
mod outcome;
mod parameters;
mod scaling;

use aws_credential_types::Credentials;
use plimsoll_core::catalog;
use plimsoll_core::clock::UnixMillis;

use super::*;
use crate::{
    CostApi, CostQuery, Datum, DatumValue, Error, LogBatch, LogsApi, MetricsApi, PutLogEventsBody,
    Series,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "session-token-of-the-test";

/// Clients with fixed keys that reach nothing but the server.
async fn clients(server: &Loopback) -> Clients {
    let mut clients = Clients::connect(&settings(&server.url()))
        .await
        .expect("valid");
    let token = Some(TOKEN.to_owned());
    let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET, token, None, "test");
    clients.config = clients
        .config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    clients
}

fn batch() -> LogBatch {
    let mut body = PutLogEventsBody::new("group", "stream", 1024);
    body.push(UnixMillis(1_795_524_360_000), b"a \"line\"");
    body.push(UnixMillis(1_795_524_360_001), "ein\0 Ä".as_bytes());
    LogBatch {
        group: "group".into(),
        stream: "stream".into(),
        events: body.events(),
        body: body.finish(),
        billed_bytes: 66,
    }
}

fn datums() -> Vec<Datum> {
    let dimensions = [(Arc::from("InstanceId"), Arc::from("i-1"))];
    let datum = Datum {
        series: Arc::new(Series {
            name: Arc::from(catalog::HOST_METRICS[0].name),
            unit: catalog::HOST_METRICS[0].unit,
            dimensions: Arc::from(dimensions),
        }),
        time: UnixMillis(1_795_524_360_500),
        value: DatumValue::One(1.5),
        resolution_seconds: 60,
        additive: false,
    };
    let set = DatumValue::Statistics {
        count: 2.0,
        sum: 3.0,
        min: 1.0,
        max: 2.0,
    };
    vec![
        datum.clone(),
        Datum {
            value: set,
            ..datum
        },
    ]
}

fn days() -> CostQuery {
    CostQuery {
        start: "2026-11-22".to_owned(),
        end: "2026-11-24".to_owned(),
        next_page: Some("page-2".to_owned()),
    }
}

#[tokio::test]
async fn hot_calls_are_never_repeated_by_the_sdk() {
    let server = Loopback::saying(500, r#"{"__type":"InternalFailure"}"#).await;
    let clients = clients(&server).await;
    let put = clients.logs().put_log_events(&batch()).await;
    assert!(matches!(put, Err(Error::Unavailable { .. })), "{put:?}");
    let put = clients.cloudwatch().put_metric_data("N", &datums()).await;
    assert!(matches!(put, Err(Error::Unavailable { .. })), "{put:?}");
    let asked = clients.cost_explorer().daily_cost(&days()).await;
    assert!(matches!(asked, Err(Error::Unavailable { .. })), "{asked:?}");
    assert_eq!(server.asked().len(), 3);
}

/// Keeps every log line of this process.
struct Capture(std::sync::Mutex<String>);

static CAPTURE: Capture = Capture(std::sync::Mutex::new(String::new()));

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        self.0.lock().expect("whole").push_str(&line);
    }
    fn flush(&self) {}
}

#[tokio::test]
async fn no_secret_reaches_the_log_at_any_level_nor_an_error() {
    log::set_logger(&CAPTURE).expect("the only logger");
    log::set_max_level(log::LevelFilter::Trace);
    log::trace!("the log is captured");
    let echo = format!(
        r#"{{"__type":"InvalidSignatureException","message":"secret_access_key={SECRET}"}}"#
    );
    let server = Loopback::start(move |_| (400, vec![], echo.clone().into_bytes())).await;
    let clients = clients(&server).await;
    let error = clients
        .logs()
        .put_log_events(&batch())
        .await
        .expect_err("refused");
    let mut shown = format!("{error} {error:?} {clients:?} {:?}", clients.logs());
    shown.push_str(&CAPTURE.0.lock().expect("whole"));
    assert!(shown.contains("the log is captured"));
    assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{shown}");
}
