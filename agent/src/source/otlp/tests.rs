//! Requests over a socket, and their answers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::client::conn::http1 as client;
use plimsoll_core::clock::{ManualClock, UnixMillis};
use plimsoll_core::shutdown::{Trigger, channel};

use super::wire::{put_bytes, put_varint};
use super::*;
use crate::aggregate::SeriesGuard;

const NOW: UnixMillis = UnixMillis(1_795_524_007_000);

struct Bench {
    address: SocketAddr,
    intake: Intake,
    health: Arc<Health>,
    receiver: Arc<Receiver>,
    _stop: Trigger,
}

async fn bench() -> Bench {
    let intake = Intake::new(Duration::from_mins(1), SeriesGuard::new(100, 100));
    let health = Arc::new(Health::default());
    let clock = Arc::new(ManualClock::at(NOW));
    let rules = OtlpRules {
        resource_attributes: vec!["service.name".to_owned()],
        labels: crate::source::told::LabelRules {
            kept: crate::scraper::NameFilter::new(&["*"], &[] as &[&str]).unwrap(),
            ..Default::default()
        },
    };
    let receiver = Receiver::new(rules, intake.clone(), clock, Arc::clone(&health));
    let receiver = Arc::new(receiver);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, shutdown) = channel();
    tokio::spawn(Arc::clone(&receiver).serve(listener, shutdown));
    Bench {
        address,
        intake,
        health,
        receiver,
        _stop: stop,
    }
}

impl Bench {
    /// Sends a request of these headers; status, headers and body of the answer.
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (StatusCode, hyper::HeaderMap, Vec<u8>) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, served) = client::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(served);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        (head.status, head.headers, body)
    }

    fn told(&self) -> Vec<String> {
        let gathered = self.intake.take(NOW, true);
        let samples = gathered
            .windows
            .into_iter()
            .flat_map(|(_, samples)| samples);
        let told = samples.map(|sample| {
            let labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!(
                "{}[{}] {}",
                sample.name(),
                labels.join(","),
                sample.number()
            )
        });
        told.collect()
    }
}

type Header<'c> = (&'c str, &'c str);

/// Headers and body of a request, and the body of its answer.
type Taken<'c> = (&'c [Header<'c>], Vec<u8>, &'c [u8]);

const GZIP: Header<'_> = ("content-encoding", "gzip");
const PROTOBUF: Header<'_> = ("content-type", "application/x-protobuf");
const JSON: Header<'_> = ("content-type", "application/json; charset=utf-8");

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn message(field: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, field, &parts.concat());
    out
}

fn fixed(field: u8, bits: u64) -> Vec<u8> {
    [vec![field << 3 | 1], bits.to_le_bytes().to_vec()].concat()
}

fn text(field: u8, text: &str) -> Vec<u8> {
    message(field, &[text.as_bytes().to_vec()])
}

/// A gauge with the points 2.5 and, if asked for, not a number; and a sum of 3 as a delta.
fn protobuf(bad: bool) -> Vec<u8> {
    let attribute = |field, name: &str, value: &str| {
        message(field, &[text(1, name), message(2, &[text(1, value)])])
    };
    let point = |value: f64| {
        let parts = [
            fixed(3, 1_795_524_000_000_000_000),
            fixed(4, value.to_bits()),
            attribute(7, "route", "/"),
        ];
        message(1, &parts)
    };
    let mut points = vec![point(2.5)];
    if bad {
        points.push(point(f64::NAN));
    }
    let gauge = message(2, &[text(1, "load"), message(5, &points)]);
    let mut temporality = Vec::new();
    put_varint(&mut temporality, 2, 1);
    put_varint(&mut temporality, 3, 1);
    let count = message(1, &[fixed(3, 1_795_524_000_000_000_000), fixed(6, 3)]);
    let sum = message(2, &[text(1, "hits"), message(7, &[count, temporality])]);
    let resource = message(1, &[attribute(1, "service.name", "shop")]);
    message(1, &[resource, message(2, &[gauge, sum])])
}

const AS_JSON: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"shop"}},{"key":"n","value":{"intValue":"5"}}]},
    "scopeMetrics":[{"scope":{"name":"s"},"metrics":[
    {"name":"load","unit":"1","gauge":{"dataPoints":[{"timeUnixNano":"1795524000000000000",
        "asDouble":2.5,"attributes":[{"key":"route","value":{"stringValue":"/"}}],"exemplars":[]}]}},
    {"name":"hits","description":"x","sum":{"aggregationTemporality":1,"isMonotonic":true,
        "dataPoints":[{"timeUnixNano":1795524000000000000,"asInt":"3","attributes":null}]}}]}]}]}"#;

const TOLD: [&str; 2] = [
    "load[route=/,service.name=shop] 2.5",
    "hits[service.name=shop] 3",
];

#[tokio::test]
async fn both_forms_are_taken_packed_or_not_and_answered_in_their_form() {
    let cases: [Taken<'_>; 4] = [
        (&[PROTOBUF], protobuf(false), b""),
        (&[PROTOBUF, GZIP], packed(&protobuf(false)), b""),
        (&[JSON], AS_JSON.into(), b"{}"),
        (&[JSON, GZIP], packed(AS_JSON.as_bytes()), b"{}"),
    ];
    for (headers, body, expected) in cases {
        let bench = bench().await;
        let (status, answered, answer) = bench.send(Method::POST, PATH, headers, body).await;
        assert_eq!(
            (status, &*answer),
            (StatusCode::OK, expected),
            "{headers:?}"
        );
        let form = headers[0].1.split(';').next().unwrap();
        assert_eq!(answered["content-type"], form);
        assert_eq!(bench.told(), TOLD, "{headers:?}");
        assert_eq!(bench.health.problems.total(), 0);
    }
}

#[tokio::test]
async fn points_that_are_refused_are_counted_in_the_answer_and_the_others_taken() {
    let bench = bench().await;
    let (status, _, answer) = bench
        .send(Method::POST, PATH, &[PROTOBUF], protobuf(true))
        .await;
    let mut expected = Vec::new();
    put_varint(&mut expected, 1, 1);
    put_bytes(&mut expected, 2, b"otlp_not_a_number: 1");
    assert_eq!((status, answer), (StatusCode::OK, message(1, &[expected])));
    assert_eq!(bench.told(), TOLD);
    assert_eq!(bench.health.problems.snapshot(), [("otlp_not_a_number", 1)]);
}

/// Method, path, headers and body of a request, and the status and the reason of its answer.
type Refused<'c> = (Method, &'c str, &'c [Header<'c>], Vec<u8>, u16, &'c str);

async fn check_refused(cases: impl IntoIterator<Item = Refused<'_>>) {
    for (method, path, headers, body, expected, reason) in cases {
        let bench = bench().await;
        let (status, _, answer) = bench.send(method, path, headers, body).await;
        assert_eq!(status.as_u16(), expected, "{path} {headers:?}");
        assert!(!answer.is_empty(), "a status says why");
        assert_eq!(bench.health.problems.snapshot(), [(reason, 1)]);
        assert!(bench.told().is_empty());
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_as_the_specification_says() {
    let post = || Method::POST;
    let plain = ("content-type", "text/plain");
    let zstd = ("content-encoding", "zstd");
    let empty = Vec::new;
    check_refused([
        (
            post(),
            "/v1/traces",
            &[PROTOBUF][..],
            empty(),
            404,
            "otlp_path",
        ),
        (Method::GET, PATH, &[PROTOBUF], empty(), 405, "otlp_path"),
        (post(), PATH, &[plain], empty(), 415, "otlp_form"),
        (post(), PATH, &[], empty(), 415, "otlp_form"),
        (post(), PATH, &[JSON, zstd], empty(), 415, "otlp_form"),
    ])
    .await;
}

#[tokio::test]
async fn bodies_that_are_malformed_or_too_large_are_refused_whole() {
    let huge = vec![b' '; BODY_BYTES_MAX + 1];
    let bomb = packed(&huge);
    let many = "{".repeat(JSON_OBJECTS_MAX + 1).into_bytes();
    let wrong = b"{\"resourceMetrics\":5}".to_vec();
    let cases: [(&[Header<'_>], Vec<u8>, u16, &str); 7] = [
        (&[PROTOBUF], vec![0x0a, 0x7f], 400, "otlp_malformed"),
        (&[JSON], wrong, 400, "otlp_malformed"),
        (&[JSON], b"{".to_vec(), 400, "otlp_malformed"),
        (&[JSON], many, 400, "otlp_malformed"),
        (&[JSON, GZIP], b"{}".to_vec(), 400, "otlp_malformed"),
        (&[JSON], huge, 413, "otlp_too_large"),
        (&[JSON, GZIP], bomb, 413, "otlp_too_large"),
    ];
    let cases = cases.into_iter();
    let post =
        |(headers, body, status, reason)| (Method::POST, PATH, headers, body, status, reason);
    check_refused(cases.map(post)).await;
}

#[tokio::test]
async fn a_program_is_asked_to_come_again_when_too_many_send_at_once() {
    let bench = bench().await;
    let all = u32::try_from(REQUESTS_MAX).unwrap();
    let held = Arc::clone(&bench.receiver.requests)
        .acquire_many_owned(all)
        .await
        .unwrap();
    let (status, headers, _) = bench
        .send(Method::POST, PATH, &[JSON], AS_JSON.into())
        .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["retry-after"], "1");
    drop(held);
    let (status, ..) = bench
        .send(Method::POST, PATH, &[JSON], AS_JSON.into())
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[test]
fn an_empty_message_does_not_take_more_memory_than_its_budget() {
    let points = [0x0a, 0x00].repeat(protobuf::MESSAGES_MAX + 1);
    let body = message(1, &[message(2, &[message(2, &[message(5, &[points])])])]);
    let refused = decode(&body, Form::Protobuf).unwrap_err();
    assert_eq!(
        refused,
        "too many data points and attributes in one request"
    );
}

#[test]
fn words_and_texts_are_numbers_in_json() {
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[
        {"asDouble":"NaN"},{"asDouble":"-Infinity"},{"asDouble":3},{"asInt":-4},{"asDouble":"1.5"},
        {"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":1}]}}},
          {"key":"b","value":{"boolValue":true}},{"key":"c","value":{"doubleValue":1.5}},
          {"key":"d","value":{"stringValue":"\u00e9"}},{"key":"e"}]}]}}]}]}]}"#;
    let request = decode(body.as_bytes(), Form::Json).unwrap();
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    let points = &metric.gauge.as_ref().unwrap().all;
    assert!(points[0].as_double.unwrap().is_nan());
    assert_eq!(points[1].as_double, Some(f64::NEG_INFINITY));
    assert_eq!(
        (points[2].as_double, points[3].as_int),
        (Some(3.0), Some(-4))
    );
    assert_eq!(points[4].as_double, Some(1.5));
    let values: Vec<&str> = points[5]
        .attributes
        .iter()
        .map(|pair| &*pair.value)
        .collect();
    assert_eq!(
        values,
        ["{\"values\":[{\"intValue\":1}]}", "true", "1.5", "é", ""]
    );
    for wrong in [
        "{\"asInt\":\"x\"}",
        "{\"asInt\":1.5}",
        "{\"timeUnixNano\":-1}",
    ] {
        let body = format!(
            "{{\"resourceMetrics\":[{{\"scopeMetrics\":[{{\"metrics\":[{{\"gauge\":{{\"dataPoints\":[{wrong}]}}}}]}}]}}]}}"
        );
        assert!(decode(body.as_bytes(), Form::Json).is_err(), "{wrong}");
    }
}
