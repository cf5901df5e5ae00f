//! AWS's own variables, each set for a child process that runs one of the tests below.

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

mod calls {
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

    #[tokio::test]
    async fn a_role_is_assumed_where_the_settings_say_and_its_keys_sign() {
        let server = Loopback::start(|asked| {
            if asked.text().contains("Action=AssumeRole") {
                return (200, vec![], ASSUMED.as_bytes().to_vec());
            }
            (200, vec![], b"{}".to_vec())
        })
        .await;
        let mut variables = keys();
        variables.push((SERVER, server.url()));
        in_child("calls::child_assumes_a_role", variables).await;
        let asked = server.asked();
        assert_eq!(asked.len(), 2);
        let form = asked[0].text();
        assert!(form.contains("ExternalId=shared-secret"), "{form}");
        assert!(form.contains("RoleSessionName=plimsoll-agent"), "{form}");
        let signature = asked[1].header("authorization").expect("signed");
        assert!(signature.contains("ASIAROLEROLEROLEROLE/"), "{signature}");
        assert_eq!(asked[1].header("x-amz-security-token"), Some("role-token"));
    }

    #[tokio::test]
    #[ignore = "runs as a child"]
    async fn child_assumes_a_role() {
        let server = std::env::var(SERVER).expect("set");
        let settings = Settings {
            endpoint_urls: BTreeMap::from([
                (Service::Sts, server.clone()),
                (Service::Logs, server),
            ]),
            region: Some("eu-west-1".to_owned()),
            role: Some(AssumeRole {
                arn: "arn:aws:iam::123456789012:role/name".to_owned(),
                external_id: Some("shared-secret".to_owned()),
                session_name: None,
            }),
            app_name: "plimsoll-agent".to_owned(),
            ..Settings::default()
        };
        let clients = Clients::connect(&settings).await.expect("valid");
        let made = clients.logs().create_log_stream("g", "s").await;
        assert_eq!(made, Ok(()));
    }

    const ASSUMED: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/name/x</Arn>
        <AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser><Credentials>
        <AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
        <SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>"#;
}
