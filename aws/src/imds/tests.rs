//! Instance metadata against a server that knows a token.

mod trouble;

use std::time::Duration;

use super::*;
use crate::Service;
use crate::loopback::{Asked, Loopback};

const TOKEN: &str = "the-token";
const DOCUMENT_TEXT: &str = r#"{"accountId":"123456789012","architecture":"x86_64",
    "availabilityZone":"eu-west-1a","imageId":"ami-1","instanceId":"i-1",
    "instanceType":"m7g.large","kernelId":null,"pendingTime":"2026-11-24T12:00:00Z",
    "privateIp":"10.0.0.7","region":"eu-west-1","version":"2017-09-30"}"#;

fn settings(url: &str) -> Settings {
    Settings {
        endpoint_urls: BTreeMap::from([(Service::Imds, url.to_owned())]),
        ..Settings::default()
    }
}

/// An instance with these paths; everything else is 404, everything without the token 401.
async fn instance(paths: &'static [(&'static str, &'static str)]) -> Loopback {
    Loopback::start(move |asked: &Asked| {
        if asked.method == "PUT" && asked.target == "/latest/api/token" {
            let ttl = asked.header("x-aws-ec2-metadata-token-ttl-seconds");
            let headers = vec![(
                "x-aws-ec2-metadata-token-ttl-seconds",
                ttl.expect("a lifetime").to_owned(),
            )];
            return (200, headers, TOKEN.into());
        }
        if asked.header("x-aws-ec2-metadata-token") != Some(TOKEN) {
            return (401, vec![], vec![]);
        }
        match paths.iter().find(|(path, _)| *path == asked.target) {
            Some((_, text)) => (200, vec![], text.as_bytes().to_vec()),
            None => (404, vec![], b"Not Found".to_vec()),
        }
    })
    .await
}

#[tokio::test]
async fn an_instance_is_identified_with_its_group_and_tags_and_one_token() {
    let server = instance(&[
        (DOCUMENT, DOCUMENT_TEXT),
        (HOSTNAME, "ip-10-0-0-7.ec2.internal"),
        (TAGS, "Name\naws:autoscaling:groupName"),
        ("/latest/meta-data/tags/instance/Name", "web"),
        (
            "/latest/meta-data/tags/instance/aws:autoscaling:groupName",
            "web-asg",
        ),
    ])
    .await;
    let imds = Imds::new(&settings(&server.url()));
    let identity = imds.identity().await.expect("an identity");
    assert_eq!(
        identity,
        Identity {
            instance_id: "i-1".to_owned(),
            instance_type: "m7g.large".to_owned(),
            image_id: "ami-1".to_owned(),
            availability_zone: "eu-west-1a".to_owned(),
            region: "eu-west-1".to_owned(),
            account_id: "123456789012".to_owned(),
            auto_scaling_group: Some("web-asg".to_owned()),
            private_ip: Some("10.0.0.7".to_owned()),
            hostname: Some("ip-10-0-0-7.ec2.internal".to_owned()),
            tags_shown: true,
            tags: BTreeMap::from([
                ("Name".to_owned(), "web".to_owned()),
                (GROUP_TAG.to_owned(), "web-asg".to_owned()),
            ]),
        }
    );
    let tokens = server.asked().iter().filter(|a| a.method == "PUT").count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn an_instance_that_shows_no_tags_is_identified_without_them() {
    let server = instance(&[(DOCUMENT, DOCUMENT_TEXT)]).await;
    let imds = Imds::new(&settings(&server.url()));
    let identity = imds.identity().await.expect("an identity");
    assert!(!identity.tags_shown);
    assert_eq!(
        (identity.auto_scaling_group, identity.hostname),
        (None, None)
    );
    assert_eq!(imds.tags().await, Ok(None));
    let path = "/latest/meta-data/spot/instance-action";
    assert_eq!(
        imds.get(path).await,
        Err(ImdsError::NotFound {
            path: path.to_owned()
        })
    );
    assert_eq!(imds.find(path).await, Ok(None));
}

#[tokio::test]
async fn metadata_that_is_turned_off_is_told_apart_from_none() {
    let off = Loopback::start(|_| (403, vec![], vec![])).await;
    let answer = Imds::new(&settings(&off.url())).identity().await;
    assert!(
        matches!(answer, Err(ImdsError::Disabled { .. })),
        "{answer:?}"
    );
    let busy = Loopback::start(|_| (503, vec![], vec![])).await;
    let answer = Imds::new(&settings(&busy.url())).identity().await;
    assert!(
        matches!(answer, Err(ImdsError::Unavailable { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_closed_port_and_a_silent_one_mean_that_there_is_no_metadata() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound")
    };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    for address in [closed, silent.local_addr().expect("bound")] {
        let start = std::time::Instant::now();
        let answer = Imds::new(&settings(&format!("http://{address}")))
            .identity()
            .await;
        assert!(
            matches!(answer, Err(ImdsError::Absent { .. })),
            "{answer:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_broken_document_is_an_error_that_names_it() {
    let server = instance(&[(DOCUMENT, r#"{"instanceId":"i-1"}"#)]).await;
    let answer = Imds::new(&settings(&server.url())).identity().await;
    let said = answer.expect_err("incomplete").to_string();
    assert!(
        said.contains(DOCUMENT) && said.contains("missing field"),
        "{said}"
    );
}
