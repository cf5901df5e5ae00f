//! What one PutLogEvents call costs on its way out, by three roads.
//!
//! `builder` hands events to the SDK; `body` lets the SDK sign a body of ours; `sigv4` signs by
//! hand. None opens a socket: the SDK's requests end in a connector that answers at once. The
//! figures stand in docs/adr/0004. Run with `cargo run --release --features logs --example
//! wire_cost`; with the name of a road and a number of calls, only that one runs, for callgrind.

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::SharedCredentialsProvider;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use plimsoll_aws::PutLogEventsBody;
use plimsoll_core::clock::{Clock as _, SystemClock, UnixMillis};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROADS: [&str; 4] = ["write", "builder", "body", "sigv4"];
/// Lines in a batch and bytes in a line.
const BATCHES: [(usize, usize); 3] = [(10_000, 78), (4_000, 230), (1_000, 1_024)];
const START: UnixMillis = UnixMillis(1_795_524_360_000);
const TEXT: &str = r#"10.0.4.17 - - [24/Nov/2026:12:00:00 +0000] "GET /assets/app.js?v=42 HTTP/1.1" 200 5316 "https://www.example.com/index.html" "Mozilla/5.0 (X11; Linux x86_64)" "#;

/// Answers every request at once, as CloudWatch Logs does when all is well.
#[derive(Clone, Debug)]
struct Nowhere;

impl HttpConnector for Nowhere {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = aws_smithy_runtime_api::http::StatusCode::try_from(200_u16);
        HttpConnectorFuture::ready(
            status
                .map(|status| HttpResponse::new(status, SdkBody::from("{}")))
                .map_err(|error| {
                    aws_smithy_runtime_api::client::result::ConnectorError::user(error.into())
                }),
        )
    }
}

impl HttpClient for Nowhere {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// What all roads share.
struct Setting {
    client: Client,
    keys: Credentials,
    lines: Vec<Vec<u8>>,
    body: PutLogEventsBody,
}

fn setting((count, length): (usize, usize)) -> Setting {
    let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "wire_cost");
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys.clone()))
        .retry_config(RetryConfig::disabled())
        .http_client(Nowhere)
        .build();
    let lines = (0..count).map(|line| {
        let text = TEXT.bytes().cycle().skip(line % TEXT.len());
        text.take(length).collect()
    });
    Setting {
        client: Client::from_conf(config),
        keys,
        lines: lines.collect(),
        body: PutLogEventsBody::new("group", "stream", 1_600_000),
    }
}

impl Setting {
    async fn go(&mut self, road: &str) -> Outcome<()> {
        match road {
            "write" => drop(self.write()),
            "builder" => self.builder().await?,
            "body" => self.body().await?,
            _ => self.sigv4()?,
        }
        Ok(())
    }

    fn write(&mut self) -> bytes::Bytes {
        for line in &self.lines {
            self.body.push(START, line);
        }
        self.body.finish()
    }

    async fn builder(&self) -> Outcome<()> {
        let events = self
            .lines
            .iter()
            .map(|line| {
                InputLogEvent::builder()
                    .timestamp(START.0)
                    .message(String::from_utf8_lossy(line))
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()?;
        self.client
            .put_log_events()
            .log_group_name("group")
            .log_stream_name("stream")
            .set_log_events(Some(events))
            .send()
            .await?;
        Ok(())
    }

    async fn body(&mut self) -> Outcome<()> {
        let body = self.write();
        self.client
            .put_log_events()
            .log_group_name("group")
            .log_stream_name("stream")
            .set_log_events(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| {
                let length = body.len().to_string();
                request.headers_mut().insert("content-length", length);
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .send()
            .await?;
        Ok(())
    }

    fn sigv4(&mut self) -> Outcome<()> {
        let body = self.write();
        let identity = self.keys.clone().into();
        let now = u64::try_from(SystemClock.now().0)?;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("logs")
            .time(std::time::UNIX_EPOCH + Duration::from_millis(now))
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.PutLogEvents"),
        ];
        let request = SignableRequest::new(
            "POST",
            "https://logs.eu-west-1.amazonaws.com/",
            headers.into_iter(),
            SignableBody::Bytes(&body),
        )?;
        drop(sign(request, &parameters)?);
        Ok(())
    }
}

/// Nanoseconds that this process has been on a CPU. Source: Linux, sched-stats.rst.
fn cpu_nanos() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = text.split_whitespace().next().unwrap_or_default();
    Ok(first.parse()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    if let [road, calls] = arguments.as_slice() {
        let mut setting = setting(BATCHES[0]);
        for _ in 0..calls.parse::<usize>()? {
            setting.go(road).await?;
        }
        return Ok(());
    }
    for batch in BATCHES {
        for road in ROADS {
            let mut setting = setting(batch);
            setting.go(road).await?;
            let mut rates = Vec::new();
            for _ in 0..5 {
                let (start, calls) = (cpu_nanos()?, 40);
                for _ in 0..calls {
                    setting.go(road).await?;
                }
                let bytes = u64::try_from(calls * batch.0 * batch.1)?;
                // Bytes per microsecond are megabytes per second.
                rates.push(bytes * 1_000 / (cpu_nanos()? - start).max(1));
            }
            rates.sort_unstable();
            writeln!(
                out,
                "{:6} x {:4} B  {road:8} {:5} MB per CPU-second ({}-{})",
                batch.0, batch.1, rates[2], rates[0], rates[4]
            )?;
        }
    }
    Ok(())
}
