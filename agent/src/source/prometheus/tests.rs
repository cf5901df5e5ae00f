//! Targets that answer, hang, lie and come back.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use plimsoll_core::clock::ManualClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::aggregate::SeriesGuard;
use crate::scraper::NameFilter;
use crate::source::told::LabelRules;

const NOW: UnixMillis = UnixMillis(1_795_524_007_000);

fn scraper(port: u16) -> Scraper {
    let everything = || NameFilter::new(&["*"], &[] as &[&str]).unwrap();
    Scraper {
        target: PrometheusTarget {
            name: "app".to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            authority: "target.test".to_owned(),
            path: "/metrics?x=1".to_owned(),
            socket: None,
            interval: None,
            timeout: Duration::from_secs(10),
            token_file: None,
            rules: TargetRules {
                metrics: everything(),
                labels: LabelRules {
                    kept: everything(),
                    ..LabelRules::default()
                },
                namespace: None,
            },
        },
        interval: Duration::from_mins(1),
        intake: Intake::new(Duration::from_mins(1), SeriesGuard::new(100, 100)),
        clock: Arc::new(ManualClock::at(NOW)),
        health: Arc::new(Health::default()),
    }
}

impl Scraper {
    fn told(&self) -> Vec<String> {
        let gathered = self.intake.take(NOW, true);
        let samples = gathered
            .windows
            .into_iter()
            .flat_map(|(_, samples)| samples);
        samples
            .map(|sample| format!("{} {}", sample.name(), sample.number()))
            .collect()
    }

    fn problems(&self) -> Vec<&'static str> {
        self.health
            .problems
            .snapshot()
            .into_iter()
            .map(|(reason, _)| reason)
            .collect()
    }
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{head}\r\n");
    [head.as_bytes(), body].concat()
}

/// Answers each connection with the next of the answers. The requests come back.
async fn target(answers: Vec<Vec<u8>>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            requests.push(String::from_utf8_lossy(&request[..length]).into_owned());
            stream.write_all(&answer).await.ok();
        }
        requests
    });
    (port, requests)
}

#[tokio::test]
async fn a_target_is_asked_with_its_token_and_counters_are_told_from_the_second_scrape_on() {
    let text = "# TYPE hits_total counter\nhits_total 5\nload 2\n";
    let more = text.replace("hits_total 5", "hits_total 9");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(more.as_bytes()).unwrap();
    let packed = http("content-encoding: gzip\r\n", &packed.finish().unwrap());
    let (port, requests) = target(vec![http("", text.as_bytes()), packed]).await;
    let mut scraper = scraper(port);
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "secret-word\n").unwrap();
    scraper.target.token_file = Some(token);
    let mut past = Past::default();
    scraper.scrape(&mut past).await;
    assert_eq!(scraper.told(), ["load 2", "prometheus_up 1"]);
    scraper.scrape(&mut past).await;
    assert_eq!(
        scraper.told(),
        ["hits_total 4", "load 2", "prometheus_up 1"]
    );
    assert_eq!(scraper.problems(), [] as [&str; 0]);
    let request = requests.await.unwrap().remove(0).to_ascii_lowercase();
    for part in [
        "get /metrics?x=1 http/1.1\r\n",
        "\r\nhost: target.test\r\n",
        "\r\nauthorization: bearer secret-word\r\n",
        "\r\naccept-encoding: gzip\r\n",
    ] {
        assert!(request.contains(part), "{part}{request}");
    }
    assert!(
        request.contains("accept: application/openmetrics-text;"),
        "{request}"
    );
}

#[tokio::test]
async fn a_target_behind_a_socket_is_asked_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read(&mut [0; 1024]).await.unwrap();
        assert!(length > 0);
        stream.write_all(&http("", b"load 2\n")).await.unwrap();
    });
    let mut scraper = scraper(1);
    scraper.target.socket = Some(path);
    scraper.scrape(&mut Past::default()).await;
    assert_eq!(scraper.told(), ["load 2", "prometheus_up 1"]);
}

#[tokio::test]
async fn each_way_to_fail_has_its_reason_and_costs_only_the_scrape() {
    let packed = "content-encoding: gzip\r\n";
    let huge = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let line = [vec![b'#'; 1023], vec![b'\n']].concat();
        for _ in 0..=16 * 1024 {
            encoder.write_all(&line).unwrap();
        }
        encoder.finish().unwrap()
    };
    let mut cut_off = http("", b"load 2\n");
    cut_off.truncate(cut_off.len() - 4);
    let cases = [
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "prometheus_status",
        ),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "prometheus_status",
        ),
        (b"SSH-2.0-x\r\n\r\n".to_vec(), "prometheus_answer"),
        (cut_off, "prometheus_answer"),
        (http(packed, b"load 2\n"), "prometheus_answer"),
        (http(packed, &huge[..huge.len() - 9]), "prometheus_answer"),
        (http("content-encoding: br\r\n", b"x"), "prometheus_answer"),
        (http(packed, &huge), "prometheus_too_large"),
        (http("", b"load\n"), "prometheus_malformed"),
    ];
    for (answer, reason) in cases {
        let (port, _requests) = target(vec![answer]).await;
        let scraper = scraper(port);
        scraper.scrape(&mut Past::default()).await;
        assert_eq!(scraper.problems(), [reason]);
        let up = u8::from(reason == "prometheus_malformed");
        assert!(
            scraper.told().contains(&format!("prometheus_up {up}")),
            "{reason}"
        );
    }
    let mut scraper = scraper(1);
    scraper.scrape(&mut Past::default()).await;
    scraper.target.token_file = Some("/no/such/token".into());
    scraper.scrape(&mut Past::default()).await;
    assert_eq!(
        scraper.problems(),
        ["prometheus_token", "prometheus_unreachable"]
    );
}

#[tokio::test]
async fn a_target_that_was_away_tells_all_that_happened_meanwhile() {
    let text = |value: u32| {
        http(
            "",
            format!("# TYPE hits_total counter\nhits_total {value}\n").as_bytes(),
        )
    };
    let (port, _requests) =
        target(vec![text(5), b"HTTP/1.1 500 x\r\n\r\n".to_vec(), text(12)]).await;
    let scraper = scraper(port);
    let mut past = Past::default();
    for is_away in [false, true, false] {
        scraper.scrape(&mut past).await;
        assert_eq!(past.is_away, is_away);
    }
    assert_eq!(scraper.told(), ["prometheus_up 2", "hits_total 7"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_is_given_up_after_its_time_and_asked_again_at_the_next_tick() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let scraper = scraper(listener.local_addr().unwrap().port());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok(connection) = listener.accept().await {
            open.push(connection);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (stop, shutdown) = plimsoll_core::shutdown::channel();
    let health = Arc::clone(&scraper.health);
    let running = tokio::spawn(scraper.run(shutdown));
    tokio::time::sleep(Duration::from_secs(150)).await;
    stop.request();
    running.await.unwrap();
    assert_eq!(health.problems.snapshot(), [("prometheus_timeout", 3)]);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}
