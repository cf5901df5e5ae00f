//! Connecting: Regions, credentials, endpoints, and that nothing secret is shown.
//!
//! What depends on variables of the environment runs in a child process with its own, because a
//! process cannot change its own without `unsafe`.

mod environment;
mod services;

use std::collections::BTreeMap;

use super::*;
use crate::AssumeRole;
use crate::loopback::Loopback;

/// Settings that reach nothing but `url`.
fn settings(url: &str) -> Settings {
    let imds = (Service::Imds, "http://127.0.0.1:9".to_owned());
    Settings {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(url.to_owned()),
        endpoint_urls: BTreeMap::from([imds]),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_misspelt_region_is_an_error_that_suggests_the_right_one() {
    let wrong = Settings {
        region: Some("eu-wset-1".to_owned()),
        ..settings("http://127.0.0.1:9")
    };
    let said = Clients::connect(&wrong)
        .await
        .expect_err("no such Region")
        .to_string();
    assert!(
        said.starts_with("region: ") && said.contains("`eu-west-1`"),
        "{said}"
    );
}

#[tokio::test]
async fn clients_show_no_secrets() {
    let settings = Settings {
        proxy: Some("http://user:hunter2@127.0.0.1:9".to_owned()),
        role: Some(AssumeRole {
            arn: "arn:aws:iam::123456789012:role/name".to_owned(),
            external_id: Some("hunter2".to_owned()),
            session_name: None,
        }),
        ..settings("https://user:hunter2@127.0.0.1:9")
    };
    let clients = Clients::connect(&settings).await.expect("valid");
    let shown = format!("{clients:?} {:?}", clients.imds());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("eu-west-1"), "{shown}");
}

#[test]
fn names_of_program_and_session_are_made_fit() {
    let settings = Settings {
        app_name: "plimsoll agent/x".to_owned(),
        app_version: "1.2.3+dirty".to_owned(),
        ..Settings::default()
    };
    let name = app_name(&settings).map(|name| name.to_string());
    assert_eq!(name.as_deref(), Some("plimsollagentx-1.2.3dirty"));
    assert_eq!(session_name(&settings, None), "plimsoll-agent-x");
    assert_eq!(
        session_name(&settings, Some(&"é".repeat(99))),
        "-".repeat(64)
    );
}
