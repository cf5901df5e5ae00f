//! CloudWatch Logs: the agent's own body, its signature, and the groups it goes to.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::*;
use crate::{LogClass, LogGroup, Refused};

#[tokio::test]
async fn put_log_events_sends_the_agents_own_body_signed_and_reads_what_was_refused() {
    let server = Loopback::saying(
        200,
        r#"{"nextSequenceToken":"1","rejectedLogEventsInfo":{"tooNewLogEventStartIndex":7,
            "tooOldLogEventEndIndex":2,"expiredLogEventEndIndex":1}}"#,
    )
    .await;
    let batch = batch();
    let refused = clients(&server).await.logs().put_log_events(&batch).await;
    assert_eq!(
        refused,
        Ok(Refused {
            too_new_from: Some(7),
            too_old_until: Some(2),
            expired_until: Some(1)
        })
    );
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("POST", "/")
    );
    assert_eq!(asked.body, batch.body);
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    assert_eq!(
        asked.header("x-amz-target"),
        Some("Logs_20140328.PutLogEvents")
    );
    assert_eq!(asked.header("x-amz-security-token"), Some(TOKEN));
    let agent = asked.header("user-agent").expect("named");
    assert!(agent.contains("app/plimsoll-0."), "{agent}");
}

/// A date as SigV4 writes it, `20261124T120000Z`.
fn signing_time(date: &str) -> SystemTime {
    let mut spelled = String::new();
    for (place, c) in date.chars().enumerate() {
        match place {
            4 | 6 => spelled.push('-'),
            11 | 13 => spelled.push(':'),
            _ => {}
        }
        spelled.push(c);
    }
    let time = DateTime::from_str(&spelled, Format::DateTime).expect("a date");
    time.try_into().expect("in range")
}

/// The signature must be the one of the body that was sent, so the hash of it is recomputed here
/// by another implementation of SigV4.
#[tokio::test]
async fn put_log_events_is_signed_over_the_body_that_is_sent() {
    let server = Loopback::saying(200, "{}").await;
    let batch = batch();
    clients(&server)
        .await
        .logs()
        .put_log_events(&batch)
        .await
        .expect("taken");
    let asked = &server.asked()[0];
    let authorization = asked.header("authorization").expect("signed");
    let signed: Vec<&str> = authorization
        .split("SignedHeaders=")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("a list of headers")
        .split(';')
        .collect();
    let date = asked.header("x-amz-date").expect("dated");
    let identity = Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        SECRET,
        Some(TOKEN.to_owned()),
        None,
        "test",
    )
    .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("logs")
        .time(signing_time(date))
        .settings(SigningSettings::default())
        .build()
        .expect("complete")
        .into();
    let own = ["x-amz-date", "x-amz-security-token"];
    let headers = asked
        .headers
        .iter()
        .filter(|(name, _)| signed.contains(&name.as_str()) && !own.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let url = server.url();
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(&batch.body));
    let (_, signature) = sign(request.expect("signable"), &parameters)
        .expect("signed")
        .into_parts();
    assert!(
        authorization.ends_with(&signature),
        "{authorization} {signature}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_worth_another_try() {
    let server = Loopback::saying(200, "{}").await;
    let clients = clients(&server).await;
    drop(server);
    let put = clients.logs().put_log_events(&batch()).await;
    assert!(matches!(put, Err(Error::Unreachable { .. })), "{put:?}");
}

#[tokio::test]
async fn a_group_that_exists_gets_its_retention() {
    let server = Loopback::start(|asked| match asked.header("x-amz-target") {
        Some("Logs_20140328.CreateLogGroup") => (
            400,
            vec![],
            br#"{"__type":"ResourceAlreadyExistsException","message":"exists"}"#.to_vec(),
        ),
        _ => (200, vec![], b"{}".to_vec()),
    })
    .await;
    let group = LogGroup {
        name: "group".to_owned(),
        class: LogClass::InfrequentAccess,
        retention_days: Some(30),
        tags: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        kms_key: None,
    };
    let logs = clients(&server).await.logs();
    assert_eq!(logs.create_log_group(&group).await, Ok(()));
    let asked = server.asked();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&asked[0].body).expect("JSON"),
        serde_json::json!({"logGroupName": "group", "logGroupClass": "INFREQUENT_ACCESS",
            "tags": {"team": "web"}})
    );
    assert_eq!(
        asked[1].header("x-amz-target"),
        Some("Logs_20140328.PutRetentionPolicy")
    );
    assert!(asked[1].text().contains("30"));
}
