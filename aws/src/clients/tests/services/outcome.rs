//! Whether a failed PutMetricData may have had its effect: what must not be repeated blindly.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::cloudwatch::{cbor, map};
use super::*;

/// What a server does with a connection.
#[derive(Clone, Copy, Debug)]
enum Conduct {
    /// Closes it before it reads.
    Close,
    /// Reads the request, then closes it.
    ReadAndClose,
    /// Reads and never answers.
    Silent,
}

async fn misbehaving(conduct: Conduct) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if !matches!(conduct, Conduct::Close) {
                let mut some = [0; 64];
                stream.read_exact(&mut some).await.expect("a request");
            }
            if matches!(conduct, Conduct::Silent) {
                kept.push(stream);
            }
        }
    });
    address.to_string()
}

async fn put(url: String) -> Error {
    let attempt_timeout = Duration::from_millis(700);
    let settings = Settings {
        attempt_timeout,
        ..settings(&url)
    };
    let mut clients = Clients::connect(&settings).await.expect("valid");
    let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET, None, None, "test");
    clients.config = clients
        .config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let put = clients.cloudwatch().put_metric_data("N", &datums()).await;
    put.expect_err("a failure")
}

#[tokio::test]
async fn a_call_without_a_connection_surely_had_no_effect() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("bound")
    };
    // The server closes in the middle of the handshake of TLS, or knows no TLS.
    let no_tls = misbehaving(Conduct::Close).await;
    let plain = misbehaving(Conduct::ReadAndClose).await;
    for url in [
        format!("http://{closed}"),
        format!("https://{no_tls}"),
        format!("https://{plain}"),
        "http://no-such-name.invalid".to_owned(),
    ] {
        let error = put(url.clone()).await;
        assert_eq!(error.reason(), "unreachable", "{url}: {error:?}");
        assert!(!error.effect_is_unknown());
    }
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_may_have_had_its_effect() {
    for conduct in [Conduct::Close, Conduct::ReadAndClose, Conduct::Silent] {
        let error = put(format!("http://{}", misbehaving(conduct).await)).await;
        assert!(error.effect_is_unknown(), "{conduct:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_service_that_says_that_it_takes_no_calls_is_believed_and_one_that_failed_is_not() {
    let cases = [
        (500, "InternalServiceFault", true),
        (503, "ServiceUnavailable", false),
        (503, "", true),
        (502, "", true),
        (400, "Throttling", false),
    ];
    for (status, code, unknown) in cases {
        let server = Loopback::start(move |_| {
            let (_, headers, body) = cbor(&map([("__type", code.into())]));
            match code {
                "" => (status, vec![], b"<html>".to_vec()),
                _ => (status, headers, body),
            }
        })
        .await;
        let error = put(server.url()).await;
        assert_eq!(
            error.effect_is_unknown(),
            unknown,
            "{status} {code}: {error:?}"
        );
    }
}

#[tokio::test]
async fn each_put_of_metrics_has_a_connection_of_its_own() {
    let server = Loopback::start(|_| cbor(&map([]))).await;
    let cloudwatch = clients(&server).await.cloudwatch();
    for _ in 0..2 {
        let put = cloudwatch.put_metric_data("N", &datums()).await;
        assert_eq!(put, Ok(()));
    }
    for asked in server.asked() {
        assert_eq!(asked.header("connection"), Some("close"));
        let signed = asked.header("authorization").expect("signed");
        assert!(!signed.contains("connection"), "{signed}");
    }
}
