//! Endpoints and proxies, seen by where a call arrives.

use super::*;
use crate::LogsApi;

#[tokio::test]
async fn endpoints_and_keys_come_from_the_environment_and_settings_win() {
    let server = Loopback::saying(200, "{}").await;
    let nowhere = || "http://127.0.0.1:9".to_owned();
    let cases = [
        vec![("AWS_ENDPOINT_URL", server.url())],
        vec![
            ("AWS_ENDPOINT_URL", nowhere()),
            ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", server.url()),
        ],
        vec![("AWS_ENDPOINT_URL", nowhere()), (SERVER, server.url())],
        vec![
            ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", nowhere()),
            (SERVER, server.url()),
        ],
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let mut variables = keys();
        variables.push(("AWS_REGION", "eu-west-1".to_owned()));
        variables.extend(case);
        in_child("calls::child_makes_a_stream", variables).await;
        let asked = server.asked();
        assert_eq!(asked.len(), index + 1);
        let signature = asked[index].header("authorization").expect("signed");
        assert!(signature.contains("AKIAIOSFODNN7EXAMPLE/"), "{signature}");
        assert!(
            signature.contains("/eu-west-1/logs/aws4_request"),
            "{signature}"
        );
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_used_and_left_out_for_its_exceptions() {
    let server = Loopback::saying(200, "{}").await;
    let mut variables = keys();
    variables.push(("AWS_REGION", "eu-west-1".to_owned()));
    variables.push(("AWS_ENDPOINT_URL", "http://logs.invalid".to_owned()));
    variables.push(("HTTP_PROXY", server.url()));
    in_child("calls::child_makes_a_stream", variables.clone()).await;
    assert_eq!(server.asked()[0].target, "http://logs.invalid/");

    variables.retain(|(name, _)| !["AWS_ENDPOINT_URL", "HTTP_PROXY"].contains(name));
    variables.push(("AWS_ENDPOINT_URL", server.url()));
    variables.push(("HTTP_PROXY", "http://127.0.0.1:9".to_owned()));
    variables.push(("NO_PROXY", "127.0.0.1".to_owned()));
    in_child("calls::child_makes_a_stream", variables).await;
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn fips_and_dual_stack_endpoints_are_asked_for_by_the_environment() {
    let proxy = Loopback::start(|_| (403, vec![], vec![])).await;
    let cases = [
        (vec![], "logs.us-east-1.amazonaws.com:443"),
        (
            vec!["AWS_USE_FIPS_ENDPOINT"],
            "logs-fips.us-east-1.amazonaws.com:443",
        ),
        (
            vec!["AWS_USE_DUALSTACK_ENDPOINT"],
            "logs.us-east-1.api.aws:443",
        ),
    ];
    for (index, (switches, expected)) in cases.into_iter().enumerate() {
        let mut variables = keys();
        variables.push(("AWS_REGION", "us-east-1".to_owned()));
        variables.push(("HTTPS_PROXY", proxy.url()));
        variables.extend(switches.iter().map(|name| (*name, "true".to_owned())));
        in_child("calls::child_is_kept_from_the_network", variables).await;
        let asked = &proxy.asked()[index];
        assert_eq!((&*asked.method, &*asked.target), ("CONNECT", expected));
    }
}

/// The proxy lets nobody through, so the call must fail, in a way that is worth another try.
#[tokio::test]
#[ignore = "runs as a child"]
async fn child_is_kept_from_the_network() {
    let clients = Clients::connect(&Settings::default()).await.expect("valid");
    let batch = crate::LogBatch {
        group: "g".into(),
        stream: "s".into(),
        body: bytes::Bytes::from_static(b"{}"),
        events: 0,
        billed_bytes: 0,
    };
    let put = clients.logs().put_log_events(&batch).await;
    assert!(
        matches!(put, Err(crate::Error::Unreachable { .. })),
        "{put:?}"
    );
}

#[tokio::test]
#[ignore = "runs as a child"]
async fn child_makes_a_stream() {
    let settings = Settings {
        endpoint_url: std::env::var(SERVER).ok(),
        ..Settings::default()
    };
    let clients = Clients::connect(&settings).await.expect("valid");
    let made = clients.logs().create_log_stream("g", "s").await;
    assert_eq!(made, Ok(()));
}
