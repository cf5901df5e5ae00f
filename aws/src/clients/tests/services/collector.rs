//! Cost Explorer, SNS, SQS and S3.

use std::time::Duration;

use super::*;
use crate::{Notification, NotifyApi, ObjectsApi, QueueApi, limits};

#[tokio::test]
async fn daily_costs_are_asked_for_usage_by_service_and_read_with_their_next_page() {
    let server = Loopback::saying(
        200,
        r#"{"NextPageToken":"page-3","ResultsByTime":[{"Estimated":true,"Total":{},
            "TimePeriod":{"Start":"2026-11-22","End":"2026-11-23"},
            "Groups":[{"Keys":["AmazonCloudWatch"],
                "Metrics":{"UnblendedCost":{"Amount":"12.3456","Unit":"USD"}}}]}]}"#,
    )
    .await;
    let explorer = clients(&server).await.cost_explorer();
    let page = explorer.daily_cost(&days()).await.expect("a page");
    assert_eq!(page.next_page.as_deref(), Some("page-3"));
    assert_eq!(
        page.rows,
        [crate::DailyCost {
            day: "2026-11-22".to_owned(),
            service: "AmazonCloudWatch".to_owned(),
            usd: 12.3456,
            estimated: true,
        }]
    );
    let asked = &server.asked()[0];
    let signature = asked.header("authorization").expect("signed");
    assert!(signature.contains("/ce/aws4_request"), "{signature}");
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&asked.body).expect("JSON"),
        serde_json::json!({
            "TimePeriod": {"Start": "2026-11-22", "End": "2026-11-24"},
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost"],
            "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
            "Filter": {"Dimensions": {"Key": "RECORD_TYPE",
                "Values": ["Usage", "SavingsPlanCoveredUsage", "DiscountedUsage"]}},
            "NextPageToken": "page-2",
        })
    );
}

#[tokio::test]
async fn costs_that_cannot_be_read_fail_the_page() {
    for amount in ["", "NaN", "much"] {
        let json = format!(
            r#"{{"ResultsByTime":[{{"TimePeriod":{{"Start":"a","End":"b"}},"Groups":[{{"Keys":["x"],
                "Metrics":{{"UnblendedCost":{{"Amount":"{amount}","Unit":"USD"}}}}}}]}}]}}"#
        );
        let server = Loopback::start(move |_| (200, vec![], json.clone().into_bytes())).await;
        let page = clients(&server)
            .await
            .cost_explorer()
            .daily_cost(&days())
            .await;
        assert!(matches!(page, Err(Error::Unavailable { .. })), "{page:?}");
    }
}

#[tokio::test]
async fn a_notification_goes_out_with_its_texts_and_attributes() {
    let server = Loopback::start(|_| {
        let xml = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
            <PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"#;
        (200, vec![], xml.as_bytes().to_vec())
    })
    .await;
    let notification = Notification {
        subject: "Root user used".to_owned(),
        texts: BTreeMap::from([("default", "text".to_owned())]),
        attributes: BTreeMap::from([("severity", "high".to_owned())]),
    };
    let sns = clients(&server).await.sns();
    let id = sns
        .publish("arn:aws:sns:eu-west-1:1:t", &notification)
        .await;
    assert_eq!(id.as_deref(), Ok("m-1"));
    let form = server.asked()[0].text();
    for expected in [
        "Subject=Root%20user%20used",
        "MessageStructure=json",
        "MessageAttributes.entry.1.Name=severity",
    ] {
        assert!(form.contains(expected), "{expected} in {form}");
    }
}

#[tokio::test]
async fn messages_are_received_and_deleted_by_their_receipts() {
    let server = Loopback::saying(
        200,
        r#"{"Messages":[{"MessageId":"m-1","ReceiptHandle":"r-1","Body":"hello",
            "MD5OfBody":"5d41402abc4b2a76b9719d911017c592"}]}"#,
    )
    .await;
    let (url, sqs) = (
        format!("{}/1/q", server.url()),
        clients(&server).await.sqs(),
    );
    let messages = sqs
        .receive(&url, Duration::from_secs(99))
        .await
        .expect("one");
    assert_eq!((&*messages[0].id, &*messages[0].body), ("m-1", "hello"));
    assert_eq!(sqs.delete(&url, &messages[0].receipt).await, Ok(()));
    let asked = server.asked();
    assert!(asked[0].text().contains(r#""WaitTimeSeconds":20"#));
    assert!(asked[1].text().contains("r-1"));
}

#[tokio::test]
async fn objects_are_read_within_their_bound() {
    let server = Loopback::start(|asked| match asked.target.split('?').next() {
        Some("/bucket/small") => (200, vec![], b"content".to_vec()),
        Some("/bucket/large") => {
            let length = (limits::objects::OBJECT_BYTES_MAX + 1).to_string();
            (200, vec![("content-length", length)], b"start".to_vec())
        }
        _ => (
            404,
            vec![],
            b"<Error><Code>NoSuchKey</Code></Error>".to_vec(),
        ),
    })
    .await;
    let s3 = clients(&server).await.s3();
    let small = s3.get_object("bucket", "small").await;
    assert_eq!(small.as_deref(), Ok(&b"content"[..]));
    let large = s3.get_object("bucket", "large").await;
    assert!(matches!(large, Err(Error::Rejected { .. })), "{large:?}");
    let missing = s3.get_object("bucket", "missing").await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
}
