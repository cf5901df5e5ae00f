//! AWS's own variables, each set for a child process that runs one of the tests below.

mod calls;
mod credentials;

use std::process::Command;

use super::*;

/// Tells a child which server to use.
const SERVER: &str = "PLIMSOLL_TEST_SERVER";

/// Runs the test `child` of this file in a process with only these variables.
async fn in_child(child: &str, variables: Vec<(&str, String)>) {
    let program = std::env::current_exe().expect("this test's own program");
    let mut command = Command::new(program);
    command
        .args(["--exact", "--ignored", "--nocapture"])
        .arg(format!("clients::tests::environment::{child}"))
        .env_clear()
        .envs(variables);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("joined")
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

/// Keys as AWS's documentation uses them, and an address for metadata where nothing listens.
fn keys() -> Vec<(&'static str, String)> {
    [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nonexistent"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

#[tokio::test]
async fn without_any_region_the_error_says_where_to_set_one() {
    in_child("child_finds_no_region", keys()).await;
}

#[tokio::test]
#[ignore = "runs as a child"]
async fn child_finds_no_region() {
    let error = Clients::connect(&Settings::default())
        .await
        .expect_err("none");
    assert_eq!(error, ConnectError::NoRegion);
    assert!(error.to_string().contains("AWS_REGION"));
}

#[tokio::test]
async fn a_region_of_the_environment_is_checked() {
    let mut variables = keys();
    variables.push(("AWS_REGION", "us-esat-1".to_owned()));
    in_child("child_finds_a_wrong_region", variables).await;
}

#[tokio::test]
#[ignore = "runs as a child"]
async fn child_finds_a_wrong_region() {
    let error = Clients::connect(&Settings::default())
        .await
        .expect_err("bad");
    assert!(error.to_string().contains("`us-east-1`"), "{error}");
}

#[tokio::test]
async fn the_region_comes_from_metadata_if_nothing_else_names_it() {
    let server = Loopback::start(|asked| match asked.method.as_str() {
        "PUT" => {
            let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "60".to_owned());
            (200, vec![ttl], b"token".to_vec())
        }
        _ => (200, vec![], b"eu-north-1".to_vec()),
    })
    .await;
    let variables = vec![
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url()),
        ("HTTP_PROXY", "http://127.0.0.1:9".to_owned()),
    ];
    in_child("child_asks_metadata", variables).await;
    let targets: Vec<_> = server.asked().into_iter().map(|a| a.target).collect();
    assert!(targets.contains(&"/latest/meta-data/placement/region".to_owned()));
}

#[tokio::test]
#[ignore = "runs as a child"]
async fn child_asks_metadata() {
    let clients = Clients::connect(&Settings::default()).await.expect("found");
    assert_eq!(clients.region(), "eu-north-1");
}

#[tokio::test]
async fn metadata_is_where_the_profile_says() {
    let server = Loopback::start(|asked| match asked.method.as_str() {
        "PUT" => (200, vec![], b"token".to_vec()),
        _ => (200, vec![], b"eu-north-1".to_vec()),
    })
    .await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = format!(
        "[default]\nec2_metadata_service_endpoint = http://127.0.0.1:9\n[profile web]\n\
         ec2_metadata_service_endpoint = {}\n",
        server.url()
    );
    std::fs::write(file.path(), text).expect("written");
    let path = file.path().to_string_lossy().into_owned();
    let variables = vec![("AWS_CONFIG_FILE", path), ("AWS_PROFILE", "web".to_owned())];
    in_child("child_asks_metadata", variables).await;
}

#[tokio::test]
async fn a_place_of_metadata_that_is_none_is_named() {
    let url = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let mode = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
    for (name, value) in [(url, "169.254.169.254"), (mode, "IPv5")] {
        let expected = ("PLIMSOLL_TEST_EXPECTED", name.to_owned());
        let variables = vec![(name, value.to_owned()), expected];
        in_child("child_has_no_place_to_ask", variables).await;
    }
}

#[tokio::test]
#[ignore = "runs as a child"]
async fn child_has_no_place_to_ask() {
    let expected = std::env::var("PLIMSOLL_TEST_EXPECTED").expect("set");
    let imds = Imds::new(&Settings::default());
    let said = imds
        .get("/latest/x")
        .await
        .expect_err("no place")
        .to_string();
    assert!(said.contains(&format!("{expected}: ")), "{said}");
}
