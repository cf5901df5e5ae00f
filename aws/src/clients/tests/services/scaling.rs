//! An instance's calls about its own life, in the query protocol.

use aws_config::retry::RetryConfig;

use super::*;
use crate::{Lifecycle, LifecycleAction, LifecycleResult, ScalingApi};

const TAKEN: &str = "<CompleteLifecycleActionResponse xmlns=\"http://autoscaling.amazonaws.com/doc/\
    2011-01-01/\"><CompleteLifecycleActionResult/><ResponseMetadata><RequestId>r</RequestId>\
    </ResponseMetadata></CompleteLifecycleActionResponse>";
const GROUPED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeTagsResponse xmlns=\
    \"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><tagSet><item><resourceId>\
    i-1</resourceId><resourceType>instance</resourceType><key>aws:autoscaling:groupName</key><value>\
    web &amp; more</value></item></tagSet></DescribeTagsResponse>";

fn action() -> LifecycleAction {
    LifecycleAction {
        group: "web & more=ä+~".to_owned(),
        hook: "drain".to_owned(),
        instance_id: "i-0123456789abcdef0".to_owned(),
    }
}

/// Clients that try once, unless `attempts` says otherwise, and do not wait in between.
async fn scaling(server: &Loopback, attempts: u32) -> AutoScaling {
    let mut clients = clients(server).await;
    let retries = RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(std::time::Duration::from_millis(1));
    clients.config = clients.config.into_builder().retry_config(retries).build();
    clients.scaling()
}

async fn xml(status: u16, text: impl Into<String>) -> Loopback {
    let text = text.into();
    Loopback::start(move |_| {
        let headers = vec![("content-type", "text/xml".to_owned())];
        (status, headers, text.clone().into_bytes())
    })
    .await
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>\
         </Error><RequestId>r</RequestId></ErrorResponse>"
    )
}

fn ec2_error(code: &str, message: &str) -> String {
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>r</RequestID></Response>"
    )
}

#[tokio::test]
async fn a_wait_is_ended_by_a_signed_form() {
    let server = xml(200, TAKEN).await;
    let scaling = scaling(&server, 1).await;
    let result = LifecycleResult::Abandon;
    let taken = scaling.complete_lifecycle_action(&action(), result).await;
    assert_eq!(taken, Ok(Lifecycle::Taken));
    let asked = &server.asked()[0];
    assert_eq!(
        asked.text(),
        "Action=CompleteLifecycleAction&Version=2011-01-01\
         &AutoScalingGroupName=web%20%26%20more%3D%C3%A4%2B~&LifecycleHookName=drain\
         &InstanceId=i-0123456789abcdef0&LifecycleActionResult=ABANDON"
    );
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    assert_eq!(asked.header("content-type"), Some(form));
    assert_eq!(asked.header("x-amz-target"), None);
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("POST", "/")
    );
    let authorization = asked.header("authorization").expect("signed");
    assert!(
        authorization.contains("/eu-west-1/autoscaling/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn the_group_is_asked_of_ec2_and_none_is_told_from_half_an_answer() {
    let none = "<DescribeTagsResponse><requestId>r</requestId><tagSet/></DescribeTagsResponse>";
    let other = GROUPED.replace("i-1", "i-2");
    let paged = none.replace("<tagSet/>", "<tagSet/><nextToken>more</nextToken>");
    let without = "<DescribeTagsResponse><requestId>r</requestId></DescribeTagsResponse>";
    let half = GROUPED.split_at(GROUPED.len() / 2).0;
    let cases = [
        (GROUPED, Ok(Some("web & more".to_owned()))),
        (none, Ok(None)),
        (&other, Ok(None)),
        (&paged, Err("unavailable")),
        (without, Err("unavailable")),
        (half, Err("unavailable")),
        (TAKEN, Err("unavailable")),
        ("", Err("unavailable")),
        ("<html>hello</html>", Err("unavailable")),
    ];
    for (answer, expected) in cases {
        let server = xml(200, answer).await;
        let group = scaling(&server, 1).await.group_of("i-1").await;
        assert_eq!(group.map_err(|error| error.reason()), expected, "{answer}");
        let asked = &server.asked()[0];
        assert_eq!(
            asked.text(),
            "Action=DescribeTags&Version=2016-11-15&Filter.1.Name=resource-id&Filter.1.Value.1=i-1\
             &Filter.2.Name=key&Filter.2.Value.1=aws%3Aautoscaling%3AgroupName"
        );
        let authorization = asked.header("authorization").expect("signed");
        assert!(authorization.contains("/eu-west-1/ec2/aws4_request"));
    }
}

#[tokio::test]
async fn each_failure_says_what_to_do_and_a_wait_that_is_over_is_none() {
    let over = "No active Lifecycle Action found with instance ID i-0123456789abcdef0";
    let no_group = "AutoScalingGroup name not found - null";
    let denied = "User: arn:aws:sts::1:assumed-role/r is not authorized";
    let html = "<!DOCTYPE html><html><body>Bad Gateway</body></html>".to_owned();
    let cases = [
        (400, error("ValidationError", over), Ok(Lifecycle::Over)),
        (400, error("ValidationError", no_group), Err("rejected")),
        (400, error("Throttling", "Rate exceeded"), Err("throttled")),
        (
            503,
            ec2_error("RequestLimitExceeded", "slow"),
            Err("throttled"),
        ),
        (500, error("ResourceContention", "busy"), Err("unavailable")),
        (500, error("InternalFailure", ""), Err("unavailable")),
        (503, error("ServiceUnavailable", ""), Err("unreachable")),
        (403, error("AccessDenied", denied), Err("denied")),
        (
            403,
            ec2_error("UnauthorizedOperation", denied),
            Err("denied"),
        ),
        (403, error("ExpiredToken", "expired"), Err("denied")),
        (400, ec2_error("RequestExpired", "expired"), Err("denied")),
        (401, ec2_error("AuthFailure", "no"), Err("denied")),
        (502, html.clone(), Err("unavailable")),
        (404, html.clone(), Err("unavailable")),
        (200, html, Err("unavailable")),
        (
            400,
            error("Throttling", "Rate").replace("/E", ""),
            Err("unavailable"),
        ),
        (
            400,
            r#"{"__type":"Throttling"}"#.to_owned(),
            Err("unavailable"),
        ),
    ];
    for (status, answer, expected) in cases {
        let server = xml(status, answer.clone()).await;
        let beat = scaling(&server, 1).await.record_heartbeat(&action()).await;
        if let Err(error) = &beat {
            let said = format!("{error} {error:?}");
            assert!(!said.contains('<'), "{said}");
            let action = "autoscaling:RecordLifecycleActionHeartbeat";
            assert_eq!(said.contains(action), expected == Err("denied"), "{said}");
        }
        assert_eq!(beat.map_err(|error| error.reason()), expected, "{answer}");
    }
}

#[tokio::test]
async fn what_the_service_says_of_a_signature_shows_no_token() {
    let message = format!(
        "The Canonical String should have been&#xA;POST&#xA;/&#xA;x-amz-security-token:{TOKEN}&#xA;"
    );
    let server = xml(403, error("SignatureDoesNotMatch", &message)).await;
    let scaling = scaling(&server, 1).await;
    let error = scaling
        .record_heartbeat(&action())
        .await
        .expect_err("refused");
    let said = format!("{error} {error:?} {scaling:?}");
    assert!(said.contains("Canonical String"), "{said}");
    assert!(!said.contains(TOKEN), "{said}");
}

#[tokio::test]
async fn a_throttled_call_is_repeated_by_the_sdk() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Loopback::start(move |_| {
        if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            (
                400,
                vec![],
                error("Throttling", "Rate exceeded").into_bytes(),
            )
        } else {
            (200, vec![], TAKEN.into())
        }
    })
    .await;
    let scaling = scaling(&server, 2).await;
    let result = LifecycleResult::Continue;
    let taken = scaling.complete_lifecycle_action(&action(), result).await;
    assert_eq!(taken, Ok(Lifecycle::Taken));
    assert_eq!(server.asked().len(), 2);
}
