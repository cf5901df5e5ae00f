//! SSM Parameter Store through another service's client.

use super::*;
use crate::ParametersApi;

#[tokio::test]
async fn a_parameter_is_asked_for_decrypted_signed_for_ssm_and_its_value_is_read() {
    let server = Loopback::saying(
        200,
        r#"{"Parameter":{"Name":"cwa","Type":"SecureString","Value":"{\"a\":1}","Version":3}}"#,
    )
    .await;
    let value = clients(&server).await.parameters().parameter("cwa:3").await;
    assert_eq!(value.as_deref(), Ok("{\"a\":1}"));
    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-amz-target"), Some("AmazonSSM.GetParameter"));
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    assert_eq!(asked.text(), r#"{"Name":"cwa:3","WithDecryption":true}"#);
    let authorization = asked.header("authorization").expect("signed");
    assert!(
        authorization.contains("/eu-west-1/ssm/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn a_parameter_that_is_missing_denied_or_not_read_says_what_to_do() {
    let answers = [
        (400, r#"{"__type":"ParameterNotFound"}"#, "not_found"),
        (400, r#"{"__type":"ParameterVersionNotFound"}"#, "not_found"),
        (
            400,
            r#"{"__type":"AccessDeniedException","message":"no"}"#,
            "denied",
        ),
        (
            400,
            r#"{"__type":"InvalidKeyId","message":"no"}"#,
            "rejected",
        ),
        (200, r#"{"Parameter":{}}"#, "unavailable"),
    ];
    for (status, answer, reason) in answers {
        let server = Loopback::saying(status, answer).await;
        let error = clients(&server).await.parameters().parameter("cwa").await;
        assert_eq!(
            error.map_err(|error| error.reason()),
            Err(reason),
            "{answer}"
        );
    }
}
