//! The server over a real socket, by a plain HTTP client that signs on its own.

use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use plimsoll_core::clock::{ManualClock, UnixMillis};
use plimsoll_core::shutdown::{Trigger, channel};

use super::*;
use crate::sigv4;
use crate::state::Settings;

/// 2026-11-24T12:46:00Z.
const NOW: UnixMillis = UnixMillis(1_795_524_360_000);
const STAMP: &str = "20261124T124600Z";

struct Client {
    world: Arc<World>,
    address: SocketAddr,
    _trigger: Trigger,
}

impl Client {
    async fn start() -> Self {
        Self::serving(Settings::default(), &Arc::new(ManualClock::at(NOW))).await
    }

    async fn serving(settings: Settings, clock: &Arc<ManualClock>) -> Self {
        let world = Arc::new(World::new(settings, Arc::clone(clock) as _));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(listen, Arc::clone(&world)).await.unwrap();
        let address = server.address().unwrap();
        let (trigger, shutdown) = channel();
        tokio::spawn(server.run(shutdown));
        Self {
            world,
            address,
            _trigger: trigger,
        }
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// Sends a request and gives status, headers and body; `None` when the connection closed.
    async fn send(&self, request: Request<Full<Bytes>>) -> Option<(u16, hyper::HeaderMap, Bytes)> {
        let answer = self.connect().await.send_request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        Some((
            head.status.as_u16(),
            head.headers,
            body.collect().await.ok()?.to_bytes(),
        ))
    }

    async fn json(&self, operation: &str, body: &str) -> Option<(u16, hyper::HeaderMap, Bytes)> {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
            ("x-amzn-query-mode", "true"),
        ];
        self.send(signed("/", &headers, body.as_bytes(), "local"))
            .await
    }

    async fn plain(&self, method: &str, path: &str, body: &str) -> (u16, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "local")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap();
        let (status, _, body) = self.send(request).await.unwrap();
        (status, body)
    }
}

/// A POST with a signature for CloudWatch.
fn signed(path: &str, headers: &[(&str, &str)], body: &[u8], secret: &str) -> Request<Full<Bytes>> {
    signed_for("monitoring", path, headers, body, secret)
}

/// The same for any service.
fn signed_for(
    service: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    secret: &str,
) -> Request<Full<Bytes>> {
    let mut all: Vec<(String, String)> = [("host", "local"), ("x-amz-date", STAMP)]
        .iter()
        .chain(headers)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let request = sigv4::Request {
        method: "POST",
        path,
        query: "",
        headers: &all,
        body,
    };
    let authorization = sigv4::tests::sign_request(&request, "local", secret, service);
    all.push(("authorization".to_owned(), authorization));
    let mut builder = Request::builder().method("POST").uri(path);
    for (name, value) in &all {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap()
}

const DATUM: &str = r#"{"Namespace":"T","MetricData":[{"MetricName":"m","Value":1}]}"#;

#[tokio::test]
async fn a_signed_call_is_answered_and_booked() {
    let client = Client::start().await;
    let (status, headers, body) = client.json("PutMetricData", DATUM).await.unwrap();
    assert_eq!((status, body.as_ref()), (200, &b""[..]));
    assert_eq!(headers["date"], "Tue, 24 Nov 2026 12:46:00 GMT");
    assert_eq!(headers["x-amzn-requestid"].len(), 36);
    let (status, headers, body) = client.json("ListMetrics", "{}").await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    assert!(
        body.starts_with(br#"{"Metrics":[{"Namespace":"T","MetricName":"m""#),
        "{body:?}"
    );
    let calls = client.world.calls.recent(2);
    assert_eq!(calls[1].operation, "PutMetricData");
    assert_eq!(calls[1].request_bytes, DATUM.len() as u64);
    assert!((calls[1].usd - 1e-5).abs() < 1e-12);
}

#[tokio::test]
async fn refusals_carry_both_names_of_the_error() {
    let client = Client::start().await;
    let body = r#"{"Namespace":"AWS/EC2","MetricData":[{"MetricName":"m","Value":1}]}"#;
    let (status, headers, body) = client.json("PutMetricData", body).await.unwrap();
    assert_eq!(status, 400);
    assert_eq!(
        headers["x-amzn-query-error"],
        "InvalidParameterValue;Sender"
    );
    assert!(body.starts_with(br#"{"__type":"InvalidParameterValueException","message":""#));
}

#[tokio::test]
async fn cbor_answers_are_cbor_and_so_are_refusals() {
    let client = Client::start().await;
    let headers = [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
    ];
    let path = "/service/GraniteServiceVersion20100801/operation/";
    let list = signed(
        &format!("{path}ListMetrics"),
        &headers,
        b"\xbf\xff",
        "local",
    );
    let (status, answer, body) = client.send(list).await.unwrap();
    assert_eq!((status, body.as_ref()), (200, &b"\xa1\x67Metrics\x80"[..]));
    assert_eq!(answer["content-type"], "application/cbor");
    assert_eq!(answer["smithy-protocol"], "rpc-v2-cbor");
    let wrong = signed(
        &format!("{path}ListMetrics"),
        &headers,
        b"\xbf\xff",
        "wrong",
    );
    let (status, _, body) = client.send(wrong).await.unwrap();
    assert_eq!(status, 403);
    let error = crate::codec::cbor::decode(&body).unwrap();
    let kind = error.member("__type").text().unwrap();
    assert_eq!(kind, "com.amazonaws.cloudwatch#InvalidSignatureException");
}

#[tokio::test]
async fn a_lost_answer_has_taken_effect_and_a_reset_has_not() {
    let client = Client::start().await;
    for (rule, series) in [(r#"{"reset":1}"#, 0), (r#"{"reset_after":1}"#, 1)] {
        let (status, _) = client.plain("POST", "/_local/faults", rule).await;
        assert_eq!(status, 200);
        assert!(client.json("PutMetricData", DATUM).await.is_none());
        let fill = crate::state::lock(&client.world.cloudwatch).fill();
        assert_eq!(fill.series, series, "{rule}");
    }
    client
        .plain("POST", "/_local/faults", r#"{"outage":true}"#)
        .await;
    assert_eq!(client.json("PutMetricData", DATUM).await.unwrap().0, 503);
    client.plain("DELETE", "/_local/faults", "").await;
    assert_eq!(client.json("PutMetricData", DATUM).await.unwrap().0, 200);
}

#[tokio::test]
async fn an_accelerated_clock_tells_clients_the_time_by_which_they_sign() {
    let clock = Arc::new(ManualClock::at(UnixMillis(NOW.0 - 60_000)));
    let settings = Settings {
        accelerate: 60,
        ..Settings::default()
    };
    let client = Client::serving(settings, &clock).await;
    clock.set(NOW);
    let (status, headers, _) = client.json("ListMetrics", "{}").await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(headers["date"], "Tue, 24 Nov 2026 12:46:00 GMT");
}

#[tokio::test]
async fn a_moved_clock_refuses_signatures_and_tells_its_time() {
    let client = Client::start().await;
    let (status, body) = client
        .plain("POST", "/_local/clock", r#"{"offset_ms":600000}"#)
        .await;
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&body).contains("12:56:00"));
    let (status, headers, _) = client.json("ListMetrics", "{}").await.unwrap();
    assert_eq!(status, 403);
    assert_eq!(headers["date"], "Tue, 24 Nov 2026 12:56:00 GMT");
    let (status, _) = client
        .plain("POST", "/_local/clock", r#"{"offset":1}"#)
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn unknown_paths_and_operations_are_refused() {
    let client = Client::start().await;
    assert_eq!(client.plain("GET", "/nowhere", "").await.0, 404);
    assert_eq!(client.plain("POST", "/", "").await.0, 404);
    let (status, _, body) = client.json("PutNothing", "{}").await.unwrap();
    assert_eq!(status, 400);
    assert!(body.starts_with(br#"{"__type":"UnknownOperationException""#));
    let (status, _, body) = client.json("PutMetricData", "{").await.unwrap();
    assert_eq!(status, 400);
    assert!(body.starts_with(br#"{"__type":"SerializationException""#));
}

#[tokio::test]
async fn log_bytes_are_priced_by_the_class_of_their_group() {
    let client = Client::start().await;
    for (class, usd_per_gb) in [("STANDARD", 0.5), ("INFREQUENT_ACCESS", 0.25)] {
        let create = format!(r#"{{"logGroupName":"{class}","logGroupClass":"{class}"}}"#);
        let stream = format!(r#"{{"logGroupName":"{class}","logStreamName":"s"}}"#);
        let put = format!(
            r#"{{"logGroupName":"{class}","logStreamName":"s",
                 "logEvents":[{{"timestamp":{},"message":"four"}}]}}"#,
            NOW.0
        );
        for (operation, body) in [
            ("CreateLogGroup", create),
            ("CreateLogStream", stream),
            ("PutLogEvents", put),
        ] {
            let target = format!("Logs_20140328.{operation}");
            let headers = [
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", target.as_str()),
            ];
            let call = signed_for("logs", "/", &headers, body.as_bytes(), "local");
            let (status, _, answer) = client.send(call).await.unwrap();
            assert_eq!(status, 200, "{operation}: {answer:?}");
        }
        let usd = client.world.calls.recent(1)[0].usd;
        assert!((usd - 30e-9 * usd_per_gb).abs() < 1e-15, "{class}: {usd}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing() {
    let client = Client::start().await;
    for (name, value, expected) in [
        ("accept", "*/*", 200),
        ("host", "attacker.example", 403),
        ("origin", "http://attacker.example", 403),
    ] {
        let mut request = Request::builder().uri("/_local/logs.json");
        if name != "host" {
            request = request.header("host", "127.0.0.1");
        }
        let request = request.header(name, value).body(Full::default()).unwrap();
        let (status, ..) = client.send(request).await.unwrap();
        assert_eq!(status, expected, "{name}: {value}");
    }
}
