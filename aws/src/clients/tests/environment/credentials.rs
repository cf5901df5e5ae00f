//! Where credentials come from, seen by whose keys signed a call.

use super::*;
use crate::LogsApi;

#[tokio::test]
async fn a_role_is_assumed_where_the_settings_say_and_its_keys_sign() {
    let server = issuer("Action=AssumeRole&").await;
    let mut variables = keys();
    variables.push((SERVER, server.url()));
    in_child("credentials::child_assumes_a_role", variables).await;
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
        endpoint_urls: BTreeMap::from([(Service::Sts, server.clone()), (Service::Logs, server)]),
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

/// Answers every question for keys, and every call.
async fn issuer(form: &'static str) -> Loopback {
    Loopback::start(move |asked| {
        if asked.text().contains(form) {
            let name = form.trim_start_matches("Action=").trim_end_matches('&');
            let xml = ASSUMED.replace("AssumeRole", name);
            return (200, vec![], xml.into_bytes());
        }
        (200, vec![], b"{}".to_vec())
    })
    .await
}

#[tokio::test]
async fn a_web_identity_is_exchanged_where_the_environment_says() {
    let server = issuer("Action=AssumeRoleWithWebIdentity").await;
    let token = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(token.path(), "the-web-token").expect("written");
    let variables = vec![
        ("AWS_REGION", "eu-west-1".to_owned()),
        (
            "AWS_ROLE_ARN",
            "arn:aws:iam::123456789012:role/web".to_owned(),
        ),
        (
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            token.path().display().to_string(),
        ),
        ("AWS_ENDPOINT_URL_STS", server.url()),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", server.url()),
    ];
    in_child("calls::child_makes_a_stream", variables).await;
    let asked = server.asked();
    assert!(asked[0].text().contains("WebIdentityToken=the-web-token"));
    let signature = asked[1].header("authorization").expect("signed");
    assert!(signature.contains("ASIAROLEROLEROLEROLE/"), "{signature}");
}

#[tokio::test]
async fn a_profile_gives_region_keys_and_endpoint() {
    let server = Loopback::saying(200, "{}").await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = format!(
        "[profile web]\nregion = eu-central-1\naws_access_key_id = AKIAPROFILEPROFILEPR\n\
         aws_secret_access_key = secret\nendpoint_url = {}\n",
        server.url()
    );
    std::fs::write(file.path(), text).expect("written");
    let variables = vec![
        ("AWS_CONFIG_FILE", file.path().display().to_string()),
        ("AWS_PROFILE", "web".to_owned()),
    ];
    in_child("calls::child_makes_a_stream", variables).await;
    let asked = server.asked();
    let signature = asked[0].header("authorization").expect("signed");
    assert!(signature.contains("AKIAPROFILEPROFILEPR/"), "{signature}");
    assert!(signature.contains("/eu-central-1/"), "{signature}");
}

#[tokio::test]
async fn an_instance_role_gives_the_keys_when_nothing_else_does() {
    let server = Loopback::start(|asked| match asked.target.as_str() {
        "/latest/api/token" => {
            let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "60".to_owned());
            (200, vec![ttl], b"token".to_vec())
        }
        "/latest/meta-data/iam/security-credentials/" => (200, vec![], b"role".to_vec()),
        "/latest/meta-data/iam/security-credentials/role" => (
            200,
            vec![],
            br#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAINSTANCEINSTANCE",
                "SecretAccessKey":"secret","Token":"t","LastUpdated":"2026-11-24T12:00:00Z",
                "Expiration":"2099-01-01T00:00:00Z"}"#
                .to_vec(),
        ),
        "/" => (200, vec![], b"{}".to_vec()),
        _ => (404, vec![], vec![]),
    })
    .await;
    let variables = vec![
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url()),
        ("AWS_ENDPOINT_URL", server.url()),
    ];
    in_child("calls::child_makes_a_stream", variables).await;
    let asked = server.asked();
    let call = asked
        .iter()
        .find(|asked| asked.target == "/")
        .expect("made");
    let signature = call.header("authorization").expect("signed");
    assert!(signature.contains("ASIAINSTANCEINSTANCE/"), "{signature}");
}

#[tokio::test]
async fn without_credentials_a_call_is_denied_and_says_so() {
    let variables = vec![
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned()),
    ];
    in_child("credentials::child_has_no_credentials", variables).await;
}

#[tokio::test]
#[ignore = "runs as a child"]
async fn child_has_no_credentials() {
    let clients = Clients::connect(&Settings::default()).await.expect("valid");
    let made = clients.logs().create_log_stream("g", "s").await;
    let said = made.expect_err("no keys").to_string();
    assert!(
        said.contains("denied") && said.contains("no credentials"),
        "{said}"
    );
}

#[tokio::test]
async fn the_file_of_the_settings_comes_before_whatever_else_there_is() {
    let server = Loopback::saying(200, "{}").await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = "[fleet]\naws_access_key_id = AKIAFILEFILEFILEFILE\naws_secret_access_key = s\n";
    std::fs::write(file.path(), text).expect("written");
    let settings = Settings {
        profile: Some("fleet".to_owned()),
        credentials_file: Some(file.path().to_owned()),
        ..settings(&server.url())
    };
    let clients = Clients::connect(&settings).await.expect("valid");
    let made = clients.logs().create_log_stream("g", "s").await;
    assert_eq!(made, Ok(()));
    let asked = server.asked();
    let signature = asked[0].header("authorization").expect("signed");
    assert!(signature.contains("AKIAFILEFILEFILEFILE/"), "{signature}");
}
